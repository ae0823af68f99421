#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/ring.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hotline::detail {

struct by_age;

/// Members, each at a time, to the full second and never early. To enter, to leave and to come up each take the same
/// few steps however many there are. Member: derives from `ring_link<by_age>`.
template <class Member>
class age_wheel {
 public:
  explicit age_wheel(steady_time now) noexcept : reached_(second_before(now)) {}

  /// Puts the member where it comes up at `due`. A time that is far away comes up before that, and is put again then.
  void put(Member& member, steady_time due) noexcept {
    const std::int64_t second = std::chrono::ceil<std::chrono::seconds>(due.time_since_epoch()).count();
    slot_of(std::clamp(second, reached_, reached_ + seconds_ahead - 1)).push(member);
  }

  /// One that has come up and stays where it is until it is put elsewhere; null when there is none.
  [[nodiscard]] Member* due(steady_time now) noexcept {
    const std::int64_t last = second_before(now);
    for (std::int64_t steps = 0; steps < seconds_ahead; ++steps) {
      if (reached_ > last) return nullptr;
      if (Member* const first = slot_of(reached_).first()) return first;
      if (reached_ == last) return nullptr;
      ++reached_;
    }
    reached_ = last;  // it was a long time, and all slots are empty
    return nullptr;
  }

 private:
  static constexpr std::int64_t seconds_ahead = 1024;

  [[nodiscard]] static std::int64_t second_before(steady_time time) noexcept {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  }
  [[nodiscard]] ring<Member, by_age>& slot_of(std::int64_t second) noexcept {
    return slots_[static_cast<std::size_t>(second) % static_cast<std::size_t>(seconds_ahead)];
  }

  std::array<ring<Member, by_age>, static_cast<std::size_t>(seconds_ahead)> slots_;
  std::int64_t reached_;  // the second of the slot that comes up next
};

}  // namespace hotline::detail
#endif
