#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 4/6, storage: how much all projects' logs hold together, and whose turn it is to give. Moves no events.

#include <hotline/log/status.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

namespace hotline::detail {

class log_ledger;

/// One who holds memory on a ledger. Only who is owned by a `std::shared_ptr` is ever asked for some of it.
class ledger_holder : public std::enable_shared_from_this<ledger_holder> {
 public:
  /// Called with no lock held, by any thread: lets go of the oldest piece that it holds, and tells the ledger what is
  /// left. How many bytes that were: they stay reserved, for the caller. 0: there is nothing.
  [[nodiscard]] virtual std::size_t give() = 0;

 protected:
  ~ledger_holder() = default;

 private:
  friend class log_ledger;
  struct place {
    std::size_t held;
    std::uint64_t since;
    ledger_holder* who;
  };
  // Who holds the most stands first; of equals, the one that has changed least lately.
  struct gives_first {
    bool operator()(const place& a, const place& b) const noexcept {
      return a.held != b.held ? a.held > b.held : a.since < b.since;
    }
  };
  using order = std::set<place, gives_first>;

  order::iterator place_;
};

/// A strict bound on what all holders hold together: bytes are reserved before they are allocated, and given back when
/// they are free. Its lock is the last that is taken: nobody is called with it. Any thread.
class log_ledger {
 public:
  explicit log_ledger(std::size_t most) noexcept : most_(most) {}

  log_ledger(const log_ledger&) = delete;
  log_ledger& operator=(const log_ledger&) = delete;

  /// Bytes reserved for something that is to be held; what is not kept is given back.
  class share {
   public:
    explicit share(log_ledger& of) noexcept : ledger_(of) {}
    share(const share&) = delete;
    share& operator=(const share&) = delete;
    ~share() {
      if (bytes_ > 0) ledger_.give_back(bytes_);
    }

    /// Whether it has that many now. False: so many are not free.
    [[nodiscard]] bool grow_to(std::size_t bytes) noexcept {
      if (bytes > bytes_) {
        if (!ledger_.reserve(bytes - bytes_)) return false;
        bytes_ = bytes;
      }
      return true;
    }

    /// Takes bytes over that are reserved already.
    void add(std::size_t bytes) noexcept { bytes_ += bytes; }
    /// So many of them are held from here on.
    void keep(std::size_t bytes) noexcept { bytes_ -= bytes; }

   private:
    log_ledger& ledger_;
    std::size_t bytes_ = 0;
  };

  void join(ledger_holder& who) {
    const std::lock_guard lock(mutex_);
    who.place_ = order_.insert({0, ++changes_, &who}).first;
  }

  /// It goes, and with it what it held.
  void leave(ledger_holder& who, std::size_t held) noexcept {
    {
      const std::lock_guard lock(mutex_);
      order_.erase(who.place_);
    }
    give_back(held);
  }

  /// How much it holds now. Whoever calls this sees to it that it is not called twice at a time for one holder.
  void note(ledger_holder& who, std::size_t held) noexcept {
    const std::lock_guard lock(mutex_);
    put(who, held);
  }

  void give_back(std::size_t bytes) noexcept { reserved_.fetch_sub(bytes, std::memory_order_relaxed); }

  /// Takes the oldest piece of who holds the most, for `room`. The caller holds no lock: it may be its own. False:
  /// nobody holds anything, so what is missing is reserved by others for what they append just now.
  [[nodiscard]] bool collect(share& room) {
    while (const std::shared_ptr<ledger_holder> richest = find_richest()) {
      const std::size_t given = richest->give();
      room.add(given);
      if (given > 0) return true;
    }
    return false;
  }

  // With the stream's lock held, and in this order: nobody sees more events evicted than appended.
  void count_append() noexcept { appended_.fetch_add(1, std::memory_order_relaxed); }
  void count_evictions(std::uint64_t events) noexcept { evicted_.fetch_add(events, std::memory_order_release); }
  void count_crowded_out(std::uint64_t events) noexcept { crowded_out_.fetch_add(events, std::memory_order_release); }

  void count_refusal() noexcept { refused_.fetch_add(1, std::memory_order_relaxed); }
  void count_forgotten() noexcept { forgotten_.fetch_add(1, std::memory_order_relaxed); }

  /// A project is a holder.
  [[nodiscard]] log_status status() const noexcept {
    log_status told;
    {
      const std::lock_guard lock(mutex_);
      told.projects = order_.size();
    }
    told.bytes = reserved_.load(std::memory_order_relaxed);
    told.projects_crowded_out = forgotten_.load(std::memory_order_relaxed);
    told.refused = refused_.load(std::memory_order_relaxed);
    told.crowded_out = crowded_out_.load(std::memory_order_acquire);
    told.evicted = evicted_.load(std::memory_order_acquire);
    told.appended = appended_.load(std::memory_order_relaxed);
    return told;
  }

 private:
  [[nodiscard]] bool reserve(std::size_t bytes) noexcept {
    std::size_t reserved = reserved_.load(std::memory_order_relaxed);
    do {
      if (bytes > most_ - reserved) return false;
    } while (!reserved_.compare_exchange_weak(reserved, reserved + bytes, std::memory_order_relaxed));
    return true;
  }

  // Moves its node, so that nothing is allocated.
  void put(ledger_holder& who, std::size_t held) noexcept {
    auto node = order_.extract(who.place_);
    node.value() = {held, ++changes_, &who};
    who.place_ = order_.insert(std::move(node)).position;
  }

  [[nodiscard]] std::shared_ptr<ledger_holder> find_richest() noexcept {
    const std::lock_guard lock(mutex_);
    while (!order_.empty() && order_.begin()->held > 0) {
      ledger_holder& richest = *order_.begin()->who;
      if (std::shared_ptr<ledger_holder> there = richest.weak_from_this().lock()) return there;
      put(richest, 0);  // it is about to leave
    }
    return nullptr;
  }

  const std::size_t most_;
  std::atomic<std::size_t> reserved_{0};
  std::atomic<std::uint64_t> appended_{0};
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::uint64_t> crowded_out_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> forgotten_{0};

  mutable std::mutex mutex_;
  ledger_holder::order order_;
  std::uint64_t changes_ = 0;
};

}  // namespace hotline::detail
#endif
