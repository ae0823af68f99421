#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/dialer.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <utility>

namespace hotline::detail {

/// The timers of one loop, in the order in which they are due. Nothing waits here: the loop asks when the first one is due,
/// and calls `run` then. Each step takes time that grows with the logarithm of how many timers are set.
class timer_queue {
 public:
  class timer;

 private:
  struct earlier {
    using is_transparent = void;
    static const timer_id& of(const timer* t) noexcept { return t->id_; }
    static const timer_id& of(const timer_id& id) noexcept { return id; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      return of(a) < of(b);
    }
  };
  using set_type = std::set<timer*, earlier>;

 public:
  /// A timer that its owner keeps and sets again and again. To set it takes no memory.
  class timer {
   public:
    /// Calls `fire(owner)` each time that it was set and is due. Throws without memory for it.
    timer(timer_queue& queue, void (*fire)(void*), void* owner) : timer(queue, fire, owner, false) {}
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;
    ~timer() { disarm(); }

    /// Sets it, or sets it to another time.
    void arm(steady_time due) noexcept {
      disarm();
      id_ = {due, ++queue_.last_number_};
      queue_.armed_.insert(std::move(spare_));
    }

    void disarm() noexcept {
      if (spare_.empty()) spare_ = queue_.armed_.extract(this);
    }

    [[nodiscard]] bool is_armed() const noexcept { return spare_.empty(); }

   protected:
    timer(timer_queue& queue, void (*fire)(void*), void* owner, bool is_once)
        : queue_(queue), fire_(fire), owner_(owner), is_once_(is_once) {
      set_type alone;
      alone.insert(this);
      spare_ = alone.extract(alone.begin());
    }

    [[nodiscard]] const timer_id& id() const noexcept { return id_; }

   private:
    friend class timer_queue;

    timer_queue& queue_;
    void (*fire_)(void*);
    void* owner_;
    const bool is_once_;  // it is a `once`. The address of a function would not tell: each shared object has its own
    timer_id id_;
    set_type::node_type spare_;  // its place in the queue, while it is not there
  };

  timer_queue() = default;
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;
  ~timer_queue() { clear(); }

  /// Keeps `f` until `due`. Throws without memory for it.
  timer_id add(steady_time due, std::function<void()> f) {
    auto made = std::make_unique<once>(*this, std::move(f));
    made->arm(due);
    return made.release()->number();
  }

  /// Destroys the function that `add` has returned `which` for. Returns whether it was there.
  bool cancel(const timer_id& which) noexcept {
    const auto found = armed_.find(which);
    if (found == armed_.end() || !(*found)->is_once_) return false;
    take(**found);
    return true;
  }

  /// Returns when the first timer is due; the end of time when none is set.
  [[nodiscard]] steady_time next() const noexcept {
    return armed_.empty() ? steady_time::max() : (*armed_.begin())->id_.due;
  }

  /// Calls those that are due at `now` and were set before this call, while `goes_on()`. One that throws ends it; the others
  /// stay.
  template <class GoesOn>
  void run(steady_time now, const GoesOn& goes_on) {
    const std::uint64_t newest = last_number_;
    while (goes_on()) {
      timer* const first = first_due(now, newest);
      if (first == nullptr) return;
      first->disarm();
      first->fire_(first->owner_);
    }
  }

  /// Destroys the functions that `add` has kept.
  void clear() noexcept {
    for (auto at = armed_.begin(); at != armed_.end();) {
      timer& found = **at++;
      if (!found.is_once_) continue;
      take(found);
      at = armed_.begin();  // its destructor is somebody else's, and may cancel others
    }
  }

 private:
  /// A function that is called once. The queue owns it.
  class once : public timer {
   public:
    once(timer_queue& queue, std::function<void()> f) : timer(queue, &run, this, true), f_(std::move(f)) {}

    [[nodiscard]] const timer_id& number() const noexcept { return id(); }

    static void run(void* self) {
      const std::unique_ptr<once> own(static_cast<once*>(self));
      if (own->f_) own->f_();
    }

   private:
    std::function<void()> f_;
  };

  /// Destroys a `once`, which is in the queue no more when its function is.
  static void take(timer& t) noexcept {
    const std::unique_ptr<once> own(static_cast<once*>(&t));
    t.disarm();
  }

  /// A timer may be set to a time that is over, again and again in its own call: the others have their turn first.
  [[nodiscard]] timer* first_due(steady_time now, std::uint64_t newest) const noexcept {
    for (timer* const t : armed_) {
      if (t->id_.due > now) return nullptr;
      if (t->id_.number <= newest) return t;
    }
    return nullptr;
  }

  set_type armed_;
  std::uint64_t last_number_ = 0;
};

}  // namespace hotline::detail
#endif
