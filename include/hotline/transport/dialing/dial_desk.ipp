#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/dialing/dial_desk.hpp>

#include <algorithm>
#include <new>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE dial_record::dial_record(dial_desk& d, dial_id i, dial_options o)
    : desk(d),
      id(i),
      options(std::move(o)),
      step(
          d.timers_,
          [](void* self) {
            auto& dial = *static_cast<dial_record*>(self);
            dial.desk.take_step(dial);
          },
          this),
      deadline(
          d.timers_,
          [](void* self) {
            auto& dial = *static_cast<dial_record*>(self);
            dial.desk.fail(dial, std::make_error_code(std::errc::timed_out));
          },
          this) {}

HOTLINE_DETAIL_INLINE void dial_desk::stop() noexcept {
  runs_ = false;
  dials_.clear();
  timers_.clear();
  const name_resolver dropped = std::move(resolve_);
  resolve_ = nullptr;
}

HOTLINE_DETAIL_INLINE result<dial_id> dial_desk::dial(const dial_options& options) {
  if (!runs_) return errc::not_running;
  const dial_id id{last_id_ + 1};
  try {
    const steady_time before = timers_.next();
    dial_record& d = dials_.try_emplace(id, *this, id, options).first->second;
    ++last_id_;
    const steady_time now = driver_.time();
    d.step.arm(now);
    d.deadline.arm(later(now, options.timeout));
    wake_if_earlier(before);
    return id;
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  }
}

HOTLINE_DETAIL_INLINE bool dial_desk::cancel(dial_id which) noexcept {
  const auto found = dials_.find(which);
  if (found == dials_.end() || found->second.is_cancelled) return false;
  dial_record& d = found->second;
  d.is_cancelled = true;
  drop_attempts(d);
  d.deadline.disarm();
  const steady_time before = timers_.next();
  d.step.arm(driver_.time());
  wake_if_earlier(before);
  return true;
}

HOTLINE_DETAIL_INLINE timer_id dial_desk::after(std::chrono::nanoseconds span, std::function<void()> f) {
  if (!runs_) return {};
  const steady_time before = timers_.next();
  const auto rounded = std::chrono::duration_cast<steady_time::duration>(std::max(span, span.zero()));
  const steady_time now = driver_.time();
  const timer_id made =
      timers_.add(rounded < steady_time::max() - now ? now + rounded : steady_time::max(), std::move(f));
  wake_if_earlier(before);
  return made;
}

HOTLINE_DETAIL_INLINE void dial_desk::run_timers() {
  // Also when a function of the host's throws: the others are not due again by themselves.
  struct waking {
    dial_desk& desk;
    ~waking() {
      if (desk.runs_) desk.driver_.wake_at(desk.next());
    }
  } const at_end{*this};
  timers_.run(driver_.time(), [this] { return runs_; });
}

HOTLINE_DETAIL_INLINE void dial_desk::wake_if_earlier(steady_time before) noexcept {
  if (timers_.next() < before) driver_.wake_at(timers_.next());
}

HOTLINE_DETAIL_INLINE void dial_desk::take_step(dial_record& d) {
  if (d.is_cancelled) return fail(d, std::make_error_code(std::errc::operation_canceled));
  d.stage == dial_stage::resolving ? begin(d) : try_next(d);
}

HOTLINE_DETAIL_INLINE void dial_desk::begin(dial_record& d) {
  const dial_options& o = d.options;
  if (o.unix_path.empty() && (o.host.empty() || o.port == 0))
    return fail(d, std::make_error_code(std::errc::invalid_argument));
  const bool is_name = o.unix_path.empty() && !is_numeric_host(o.host);
  if (is_name && !resolve_) return fail(d, errc::no_resolver);
  const dial_id id = d.id;
  try {
    if (!is_name) return race(d, {o.unix_path.empty() ? o.host : o.unix_path});
    // Copies: it may stop us.
    const name_resolver resolve = resolve_;
    const std::string name = o.host;
    resolve(name, driver_.on_resolved(id));
  } catch (...) {
    const auto found = dials_.find(id);
    if (found != dials_.end()) fail(found->second, std::make_error_code(std::errc::not_enough_memory));
  }
}

HOTLINE_DETAIL_INLINE void dial_desk::resolved(dial_id which, std::error_code failed,
                                               std::vector<std::string> addresses) {
  const auto found = dials_.find(which);
  if (found == dials_.end()) return;
  dial_record& d = found->second;
  if (d.is_cancelled || d.stage != dial_stage::resolving) return;
  if (failed) return fail(d, failed);
  if (addresses.empty()) return fail(d, errc::host_not_found);
  alternate_families(addresses);
  try {
    d.attempts.reserve(addresses.size());
  } catch (const std::bad_alloc&) {
    return fail(d, std::make_error_code(std::errc::not_enough_memory));
  }
  race(d, std::move(addresses));
}

/// It throws only before anything has changed, where `attempts` has no room for so many.
HOTLINE_DETAIL_INLINE void dial_desk::race(dial_record& d, std::vector<std::string> addresses) {
  d.attempts.reserve(addresses.size());
  d.addresses = std::move(addresses);
  d.stage = dial_stage::connecting;
  try_next(d);
}

HOTLINE_DETAIL_INLINE void dial_desk::try_next(dial_record& d) {
  constexpr std::chrono::milliseconds full_queue_pause{20};
  while (d.next_address < d.addresses.size()) {
    std::error_code failed;
    dial_attempt* made = nullptr;
    try {
      made = driver_.begin(d.options, d.addresses[d.next_address], failed);
    } catch (...) {
      failed = std::make_error_code(std::errc::not_enough_memory);
    }
    const steady_time before = timers_.next();
    if (made == nullptr && failed == std::errc::resource_unavailable_try_again && !d.options.unix_path.empty()) {
      d.step.arm(later(driver_.time(), full_queue_pause));  // a Unix socket whose queue is full tells of no room
      return wake_if_earlier(before);
    }
    ++d.next_address;
    if (made == nullptr) {
      d.last_failure = failed;
      continue;
    }
    made->dial = &d;
    d.attempts.push_back(made);  // there is room for all
    if (d.next_address == d.addresses.size()) return d.step.disarm();
    d.step.arm(later(driver_.time(), d.options.attempt_delay));
    return wake_if_earlier(before);
  }
  d.step.disarm();
  if (d.attempts.empty()) fail(d, d.last_failure);
}

HOTLINE_DETAIL_INLINE void dial_desk::connected(dial_attempt& attempt) {
  dial_record& d = *attempt.dial;
  d.stage = dial_stage::handshaking;
  d.step.disarm();
  std::erase(d.attempts, &attempt);
  drop_attempts(d);
  d.attempts.push_back(&attempt);
  driver_.greet(attempt, d.options);
}

HOTLINE_DETAIL_INLINE void dial_desk::attempt_failed(dial_attempt& attempt, std::error_code why,
                                                     std::string_view detail) {
  dial_record* const d = std::exchange(attempt.dial, nullptr);
  if (d == nullptr) return;
  std::erase(d->attempts, &attempt);
  d->last_failure = why;
  if (d->stage == dial_stage::handshaking) return fail(*d, why, detail);
  try_next(*d);
}

HOTLINE_DETAIL_INLINE void* dial_desk::opened(dial_attempt& attempt) noexcept {
  dial_record& d = *std::exchange(attempt.dial, nullptr);
  void* const context = d.options.context;
  dials_.erase(d.id);
  return context;
}

HOTLINE_DETAIL_INLINE void dial_desk::fail(dial_record& d, std::error_code why, std::string_view detail) {
  drop_attempts(d);
  const dial_failure failure{d.id, d.options.context, d.stage, why, detail};
  dials_.erase(d.id);
  driver_.dial_failed(failure);
}

HOTLINE_DETAIL_INLINE void dial_desk::drop_attempts(dial_record& d) noexcept {
  while (!d.attempts.empty()) {
    dial_attempt& last = *d.attempts.back();
    d.attempts.pop_back();
    last.dial = nullptr;
    driver_.drop(last);
  }
}

HOTLINE_DETAIL_INLINE bool is_numeric_host(std::string_view host) noexcept {
  if (host.find(':') != std::string_view::npos) return true;
  // As RFC 3986, section 3.2.2: no name ends with a label of digits alone.
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !last.empty() && std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
}

HOTLINE_DETAIL_INLINE void alternate_families(std::vector<std::string>& addresses) {
  const auto is_v6 = [](const std::string& text) { return text.find(':') != std::string::npos; };
  for (std::size_t at = 1; at < addresses.size(); ++at) {
    const bool wanted = !is_v6(addresses[at - 1]);
    const auto begin = addresses.begin() + static_cast<std::ptrdiff_t>(at);
    const auto found = std::find_if(begin, addresses.end(), [&](const auto& a) { return is_v6(a) == wanted; });
    if (found == addresses.end()) return;
    std::rotate(begin, found, found + 1);
  }
}

}  // namespace hotline::detail
#endif
