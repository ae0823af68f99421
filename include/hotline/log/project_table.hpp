#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/keyed_table.hpp>
#include <hotline/log/age_wheel.hpp>
#include <hotline/log/entry.hpp>
#include <hotline/log/ledger.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log/ring.hpp>
#include <hotline/log/status.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Projects by name, bounded in number and in what they cost. Those that nobody holds stand in the order in which they
/// were last used, and the first of them makes room for a new one. Any thread. No stream is destroyed with the lock
/// held.
class project_table : public std::enable_shared_from_this<project_table> {
 public:
  project_table(std::shared_ptr<environment> env, const log_options& limits);

  [[nodiscard]] environment& env() noexcept { return *env_; }
  [[nodiscard]] const log_options& limits() const noexcept { return limits_; }
  [[nodiscard]] log_status status() const noexcept { return ledger_->status(); }

  /// The project is not forgotten while somebody has what this returns. Null: there is no room for one more.
  [[nodiscard]] std::shared_ptr<memory_stream> hold(std::string_view name);

  /// Appends one event. Costs less than to `hold` the project for it.
  [[nodiscard]] result<sequence> append(std::string_view name, const log_record& record);

  /// One by one, so that a long walk holds nobody else up.
  template <class F>
  void for_each(F f) {
    std::vector<std::string> names;
    {
      const std::lock_guard lock(mutex_);
      names.reserve(projects_.size());
      for (const project* p = projects_.first(); p != nullptr; p = projects_.after(*p)) names.push_back(p->name());
    }
    for (const std::string& name : names) {
      std::shared_ptr<memory_stream> stream;
      {
        const std::lock_guard lock(mutex_);
        const project* const found = projects_.find(name);
        if (found == nullptr) continue;
        stream = found->stream;
      }
      f(std::string_view(name), *stream);
    }
  }

  /// Lets go of what is due, as much as one tick may cost; the next goes on with the rest.
  void sweep();

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return projects_.size();
  }

 private:
  struct by_use;
  struct holding;

  struct project : keyed_entry, ring_link<by_use>, ring_link<by_age> {
    project(std::string name, std::shared_ptr<memory_stream> s, steady_time now) noexcept
        : keyed_entry(std::move(name)), stream(std::move(s)), used_at(now) {}

    const std::shared_ptr<memory_stream> stream;
    std::weak_ptr<holding> held{};
    steady_time used_at;      // made, or let go of by the last who held it
    std::size_t holders = 0;  // `holding`s that are not quite gone yet
    bool has_events = false;  // or has had some
  };

  // The record that all holders of a project share.
  struct holding {
    holding(std::weak_ptr<project_table> t, project& p) noexcept : table(std::move(t)), which(p), stream(p.stream) {}
    holding(const holding&) = delete;
    holding& operator=(const holding&) = delete;
    ~holding() {
      if (const std::shared_ptr<project_table> there = table.lock()) there->let_go(*this);
    }

    const std::weak_ptr<project_table> table;
    project& which;  // while the table is there
    std::shared_ptr<memory_stream> stream;
  };

  // Several managers may share a log, and each sweeps it at every tick.
  static constexpr std::chrono::milliseconds sweep_interval{375};
  // The bound for each kind of step: a project that is looked at, or so many bytes that are given back to the system.
  static constexpr std::size_t steps_per_sweep = 128;
  static constexpr std::size_t bytes_per_step = 16 * 1024;
  [[nodiscard]] static constexpr std::size_t steps_to_free(std::size_t bytes) noexcept {
    return 1 + bytes / bytes_per_step;
  }

  // So few cost next to nothing, and a small log is there for its events alone.
  static constexpr std::size_t free_of_charge = 128;
  // Its stream, its entry here and its place in the ledger, its epoch and what holds it, as malloc counts them.
  static constexpr std::size_t malloc_overhead = 16;
  static constexpr std::size_t own_cost =
      sizeof(memory_stream) + sizeof(project) + sizeof(holding) + memory_stream::more_memory + 64 + 4 * malloc_overhead;

  [[nodiscard]] static std::size_t cost_of(std::string_view name) noexcept {
    return own_cost + 2 * (name.size() + malloc_overhead);  // here and in the stream
  }

  // An event of half the total, which the options allow, finds room beside it.
  [[nodiscard]] std::size_t most_cost() const noexcept { return limits_.total_bytes / 3; }

  [[nodiscard]] result<sequence> append_first(std::string_view name, const log_record& record);

  // Null: all who are known are in use, and there is no room for one more. May unlock for a moment, before it looks.
  [[nodiscard]] project* find_or_make(std::string_view name, std::unique_lock<std::mutex>& lock);

  [[nodiscard]] bool reserve(std::size_t cost, log_ledger::share& room) {
    while (!room.grow_to(cost)) {
      if (!ledger_->collect(room)) return false;
    }
    return true;
  }

  [[nodiscard]] project& make(std::string_view name, std::size_t cost, log_ledger::share& room);

  // Those without an event first, for there is nothing to remember. Null when all are in use.
  [[nodiscard]] project* longest_unused() noexcept;

  // Whether nobody holds it, appends to it or takes memory from it. The lock is held, so nobody comes by it meanwhile.
  [[nodiscard]] static bool is_free(const project& p) noexcept { return p.holders == 0 && p.stream.use_count() == 1; }

  [[nodiscard]] bool has_idled(const project& p, steady_time now) const {
    return !p.has_events || (now >= later(p.used_at, limits_.idle) && p.stream->is_idle());
  }

  // To be destroyed when the lock is not held any more.
  [[nodiscard]] std::shared_ptr<memory_stream> take(project& p) noexcept;

  void let_go(holding& held) noexcept;

  const std::shared_ptr<environment> env_;
  const log_options limits_;
  const std::shared_ptr<log_ledger> ledger_;
  mutable std::mutex mutex_;
  keyed_table<project> projects_;
  ring<project, by_use> unused_;  // that nobody holds, without an event
  ring<project, by_use> used_;    // that nobody holds, the one that was used longest ago first
  age_wheel<project> by_age_;     // all of them
  std::size_t charged_ = 0;       // the cost of all projects, without their events
  std::size_t free_ = 0;          // how many of them cost nothing
  steady_time last_sweep_{};
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/log/project_table.ipp>
#endif
#endif
