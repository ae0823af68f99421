#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/status.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace hotline::detail {

class log_ledger;

/// An object that holds memory on a ledger. Only one that a `std::shared_ptr` owns is ever asked for some of it.
class ledger_holder : public std::enable_shared_from_this<ledger_holder> {
 public:
  /// Called with no lock held, by any thread: frees the oldest piece that it holds, and notes with the ledger what is
  /// left. Returns how many bytes that were, which stay reserved for the caller; 0 when it holds nothing.
  [[nodiscard]] virtual std::size_t give() = 0;

 protected:
  ~ledger_holder() = default;

 private:
  friend class log_ledger;

  std::size_t held_ = 0;     // the bytes that it holds, as far as the ledger knows
  std::uint64_t since_ = 0;  // when that changed last, counted in changes
  std::size_t place_ = 0;    // in the ledger's heap
};

/// A strict bound on what all holders hold together: bytes are reserved before they are allocated, and given back when
/// they are free. Its lock is the last that is taken: nothing is called with it. Any thread.
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

    /// Returns whether it has that many now; false when so many are not free.
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
    holders_.push_back(&who);
    who.held_ = 0;
    who.since_ = ++changes_;
    rise(who, holders_.size() - 1);
  }

  /// Ends what `join` began; what it held is free.
  void leave(ledger_holder& who, std::size_t held) noexcept {
    {
      const std::lock_guard lock(mutex_);
      ledger_holder& last = *holders_.back();
      holders_.pop_back();
      if (&last != &who) {
        rise(last, who.place_);
        sink(last);
      }
    }
    give_back(held);
  }

  /// Notes how much `who` holds now. Calls for one holder must not overlap.
  void note(ledger_holder& who, std::size_t held) noexcept {
    const std::lock_guard lock(mutex_);
    change(who, held);
  }

  void give_back(std::size_t bytes) noexcept { reserved_.fetch_sub(bytes, std::memory_order_relaxed); }

  /// Takes the oldest piece of the holder that holds the most, for `room`. The caller holds no lock: the piece may be
  /// its own. Returns false when no holder has anything, so that what is missing is reserved by others for what they
  /// append just now.
  [[nodiscard]] bool collect(share& room) {
    while (const std::shared_ptr<ledger_holder> richest = find_richest()) {
      const std::size_t given = richest->give();
      room.add(given);
      if (given > 0) return true;
    }
    return false;
  }

  // With the stream's lock held, and in this order: no reader sees more events evicted than appended.
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
      told.projects = holders_.size();
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

  // A heap: the holder that gives first stands at its front. Only `join` takes memory.

  // The holder that holds the most gives first, and of equals the one that has changed least lately.
  [[nodiscard]] static bool gives_before(const ledger_holder& a, const ledger_holder& b) noexcept {
    return a.held_ != b.held_ ? a.held_ > b.held_ : a.since_ < b.since_;
  }

  void put(ledger_holder& who, std::size_t place) noexcept {
    holders_[place] = &who;
    who.place_ = place;
  }

  // `who` goes to `place`, or to one before it.
  void rise(ledger_holder& who, std::size_t place) noexcept {
    for (; place > 0 && gives_before(who, *holders_[(place - 1) / 2]); place = (place - 1) / 2)
      put(*holders_[(place - 1) / 2], place);
    put(who, place);
  }

  void sink(ledger_holder& who) noexcept {
    std::size_t place = who.place_;
    for (std::size_t next = 2 * place + 1; next < holders_.size(); next = 2 * place + 1) {
      if (next + 1 < holders_.size() && gives_before(*holders_[next + 1], *holders_[next])) ++next;
      if (!gives_before(*holders_[next], who)) break;
      put(*holders_[next], place);
      place = next;
    }
    put(who, place);
  }

  void change(ledger_holder& who, std::size_t held) noexcept {
    who.held_ = held;
    who.since_ = ++changes_;
    rise(who, who.place_);
    sink(who);
  }

  [[nodiscard]] std::shared_ptr<ledger_holder> find_richest() noexcept {
    const std::lock_guard lock(mutex_);
    while (!holders_.empty() && holders_.front()->held_ > 0) {
      ledger_holder& richest = *holders_.front();
      if (std::shared_ptr<ledger_holder> there = richest.weak_from_this().lock()) return there;
      change(richest, 0);  // it is about to leave
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
  std::vector<ledger_holder*> holders_;
  std::uint64_t changes_ = 0;
};

}  // namespace hotline::detail
#endif
