#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 4/6: the projects that a log knows, who uses them, and which is forgotten for another.

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/keyed_hash.hpp>
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
#include <unordered_map>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Projects by name, bounded in number and in what they cost. Those that nobody holds stand in the order in which they
/// were last used, and the first of them makes room for a new one. Any thread. No stream is destroyed with the lock held.
class project_table : public std::enable_shared_from_this<project_table> {
 public:
  project_table(std::shared_ptr<environment> env, const log_options& limits)
      : env_(std::move(env)),
        limits_(limits),
        ledger_(std::make_shared<log_ledger>(limits.total_bytes)),
        projects_(0, keyed_hash{hash_key::draw(*env_)}),
        by_age_(env_->now()) {}

  [[nodiscard]] environment& env() noexcept { return *env_; }
  [[nodiscard]] const log_options& limits() const noexcept { return limits_; }
  [[nodiscard]] log_status status() const noexcept { return ledger_->status(); }

  /// The project is not forgotten while somebody has what this returns. Null: there is no room for one more.
  [[nodiscard]] std::shared_ptr<memory_stream> hold(std::string_view name) {
    std::shared_ptr<memory_stream> gone;  // not destroyed with the lock held
    std::unique_lock lock(mutex_);
    project* const found = find_or_make(name, lock);
    if (found == nullptr) return nullptr;
    std::shared_ptr<holding> held = found->held.lock();
    if (!held) {
      try {
        held = std::make_shared<holding>(weak_from_this(), *found);
      } catch (...) {
        if (is_free(*found) && !found->stream->has_begun()) gone = take(*found);
        throw;
      }
      found->held = held;
      ++found->holders;
      found->ring_link<by_use>::leave_ring();
    }
    memory_stream* const stream = held->stream.get();
    return {std::move(held), stream};
  }

  /// Appends one event. Costs less than to `hold` the project for it.
  [[nodiscard]] result<sequence> append(std::string_view name, const log_record& record) {
    std::shared_ptr<memory_stream> stream;
    {
      const std::lock_guard lock(mutex_);
      const auto found = projects_.find(name);
      if (found != projects_.end() && found->second.has_events) {
        stream = found->second.stream;  // from here on it is in use
        if (found->second.holders == 0) used_.push(found->second);
      }
    }
    return stream ? stream->append(record) : append_first(name, record);
  }

  /// One by one, so that a long walk holds nobody else up.
  template <class F>
  void for_each(F f) {
    std::vector<std::string> names;
    {
      const std::lock_guard lock(mutex_);
      names.reserve(projects_.size());
      for (const auto& [name, known] : projects_) names.push_back(name);
    }
    for (const std::string& name : names) {
      std::shared_ptr<memory_stream> stream;
      {
        const std::lock_guard lock(mutex_);
        const auto found = projects_.find(name);
        if (found == projects_.end()) continue;
        stream = found->second.stream;
      }
      f(std::string_view(name), *stream);
    }
  }

  /// Lets go of what is due, as much as one tick may cost; the next goes on with the rest.
  void sweep() {
    const steady_time now = env_->now();
    {
      const std::lock_guard lock(mutex_);
      if (now - last_sweep_ < sweep_interval) return;
      last_sweep_ = now;
      const project* const first = longest_unused();
      if ((first == nullptr || !has_idled(*first, now)) && by_age_.due(now) == nullptr) return;
    }
    for (std::size_t spent = 0; spent < steps_per_sweep;) {
      std::shared_ptr<memory_stream> idle;
      {
        const std::lock_guard lock(mutex_);
        project* const first = longest_unused();
        if (first == nullptr || !has_idled(*first, now)) break;
        idle = take(*first);
      }
      spent += steps_to_free(idle->footprint());
    }
    for (std::size_t spent = 0; spent < steps_per_sweep;) {
      const std::lock_guard lock(mutex_);
      project* const old = by_age_.due(now);
      if (old == nullptr) break;
      const auto [due, freed] = old->stream->sweep(now);
      spent += steps_to_free(freed);
      if (due > now) by_age_.put(*old, due);
    }
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return projects_.size();
  }

 private:
  struct by_use;
  struct holding;

  struct project : ring_link<by_use>, ring_link<by_age> {
    project(std::shared_ptr<memory_stream> s, steady_time now) noexcept : stream(std::move(s)), used_at(now) {}

    const std::shared_ptr<memory_stream> stream;
    const std::string* name = nullptr;
    std::weak_ptr<holding> held{};
    steady_time used_at;      // made, or let go of by the last who held it
    std::size_t holders = 0;  // `holding`s that are not quite gone yet
    bool has_events = false;  // or has had some
  };

  // What all who hold a project share.
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

  using map = std::unordered_map<std::string, project, keyed_hash, std::equal_to<>>;

  // Several managers may share a log, and each sweeps it at every tick.
  static constexpr std::chrono::milliseconds sweep_interval{375};
  // Of each kind. A step is a project that is looked at, or so many bytes that are given back to the system.
  static constexpr std::size_t steps_per_sweep = 128;
  static constexpr std::size_t bytes_per_step = 16 * 1024;
  [[nodiscard]] static constexpr std::size_t steps_to_free(std::size_t bytes) noexcept {
    return 1 + bytes / bytes_per_step;
  }

  // So few cost next to nothing, and a small log is there for its events alone.
  static constexpr std::size_t free_of_charge = 128;
  // Its stream, its node here and on the ledger, its epoch and what holds it, as malloc counts them.
  static constexpr std::size_t malloc_overhead = 16;
  static constexpr std::size_t own_cost = sizeof(memory_stream) + sizeof(map::value_type) + sizeof(holding) +
                                          memory_stream::more_memory + 64 + 4 * malloc_overhead;

  [[nodiscard]] static std::size_t cost_of(std::string_view name) noexcept {
    return own_cost + name.size() + malloc_overhead;
  }

  // An event of half the total, which the options allow, finds room beside it.
  [[nodiscard]] std::size_t most_cost() const noexcept { return limits_.total_bytes / 3; }

  [[nodiscard]] result<sequence> append_first(std::string_view name, const log_record& record) {
    std::shared_ptr<memory_stream> stream;
    project* begins = nullptr;
    {
      std::unique_lock lock(mutex_);
      begins = find_or_make(name, lock);
      if (begins != nullptr) stream = begins->stream;
    }
    if (!stream) {
      ledger_->count_refusal();
      return errc::too_many_projects;
    }
    result<sequence> seq = stream->append(record);
    if (!seq) return seq;
    const std::lock_guard lock(mutex_);
    begins->has_events = true;
    if (begins->holders == 0) used_.push(*begins);
    return seq;
  }

  // Null: all who are known are in use, and there is no room for one more. May unlock for a moment, before it looks.
  [[nodiscard]] project* find_or_make(std::string_view name, std::unique_lock<std::mutex>& lock) {
    for (;;) {
      const auto found = projects_.find(name);
      if (found != projects_.end()) return &found->second;
      const std::size_t cost = free_ < free_of_charge ? 0 : cost_of(name);
      if (cost > most_cost()) return nullptr;
      log_ledger::share room(*ledger_);
      if (projects_.size() < limits_.projects && charged_ + cost <= most_cost() && reserve(cost, room))
        return &make(name, cost, room);
      project* const victim = longest_unused();
      if (victim == nullptr) return nullptr;
      std::shared_ptr<memory_stream> gone = take(*victim);
      ledger_->count_forgotten();
      lock.unlock();
      gone.reset();
      lock.lock();
    }
  }

  [[nodiscard]] bool reserve(std::size_t cost, log_ledger::share& room) {
    while (!room.grow_to(cost)) {
      if (!ledger_->collect(room)) return false;
    }
    return true;
  }

  [[nodiscard]] project& make(std::string_view name, std::size_t cost, log_ledger::share& room) {
    auto stream = std::make_shared<memory_stream>(limits_, *env_, random_hex(*env_, 1), ledger_, cost,
                                                  projects_.hash_function().key);
    room.keep(cost);
    const steady_time now = env_->now();
    auto& [key, made] = *projects_.try_emplace(std::string(name), std::move(stream), now).first;
    made.name = &key;
    charged_ += cost;
    if (cost == 0) ++free_;
    unused_.push(made);
    by_age_.put(made, later(now, limits_.age));
    return made;
  }

  // Those without an event first, for there is nothing to remember. Null when all are in use.
  [[nodiscard]] project* longest_unused() noexcept {
    for (project* p = unused_.first(); p != nullptr;) {
      project* const next = unused_.behind(*p);
      if (p->stream->has_begun()) {  // by way of `for_each`
        p->has_events = true;
        used_.push(*p);
      } else if (is_free(*p)) {
        return p;
      }
      p = next;
    }
    for (project* p = used_.first(); p != nullptr; p = used_.behind(*p))
      if (is_free(*p)) return p;
    return nullptr;
  }

  // Whether nobody holds it, appends to it or takes memory from it. The lock is held, so nobody comes by it meanwhile.
  [[nodiscard]] static bool is_free(const project& p) noexcept { return p.holders == 0 && p.stream.use_count() == 1; }

  [[nodiscard]] bool has_idled(const project& p, steady_time now) const {
    return !p.has_events || (now >= later(p.used_at, limits_.idle) && p.stream->is_idle());
  }

  // To be destroyed when the lock is not held any more.
  [[nodiscard]] std::shared_ptr<memory_stream> take(project& p) noexcept {
    std::shared_ptr<memory_stream> taken = p.stream;
    const std::size_t cost = taken->own_cost();
    charged_ -= cost;
    if (cost == 0) --free_;
    projects_.erase(projects_.find(*p.name));
    return taken;
  }

  void let_go(holding& held) noexcept {
    const std::lock_guard lock(mutex_);
    project& p = held.which;
    held.stream.reset();  // before it could be taken for one who uses it
    if (--p.holders > 0) return;
    p.held.reset();
    p.used_at = env_->now();
    p.has_events = p.stream->has_begun();
    (p.has_events ? used_ : unused_).push(p);
  }

  const std::shared_ptr<environment> env_;
  const log_options limits_;
  const std::shared_ptr<log_ledger> ledger_;
  mutable std::mutex mutex_;
  map projects_;
  ring<project, by_use> unused_;  // that nobody holds, without an event
  ring<project, by_use> used_;    // that nobody holds, the one that was used longest ago first
  age_wheel<project> by_age_;     // all of them
  std::size_t charged_ = 0;       // what they cost, without their events
  std::size_t free_ = 0;          // how many of them cost nothing
  steady_time last_sweep_{};
};

}  // namespace hotline::detail
#endif
