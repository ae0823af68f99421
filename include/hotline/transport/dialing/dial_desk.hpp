// The next step of a dial: which address, when the next one, and when it has failed. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/dialer.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/loop/timer_queue.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

struct dial_record;

/// The desk's part of a connection that is being made.
struct dial_attempt {
  dial_record* dial = nullptr;  ///< null once the dial has had its outcome
  void* connection = nullptr;   ///< for the driver
};

/// The driver's part of a dialer.
class dial_driver {
 public:
  [[nodiscard]] virtual steady_time time() const = 0;
  /// `run_timers` of the desk follows at `when`; the end of time is never. Without memory for it, the driver tries again at
  /// its next tick.
  virtual void wake_at(steady_time when) noexcept = 0;
  /// Begins to connect to `address`, which is numeric, or to the Unix path of `options` where there is one. Returns null with
  /// `failed` when that cannot be begun. Otherwise `connected` or `attempt_failed` of the desk follows, later. May throw.
  [[nodiscard]] virtual dial_attempt* begin(const dial_options& options, const std::string& address,
                                            std::error_code& failed) = 0;
  /// Ends an attempt, of which nothing follows then.
  virtual void drop(dial_attempt& attempt) noexcept = 0;
  /// The attempt has won. The rest, the handshake, goes on: `opened` or `attempt_failed` of the desk follows, also inside
  /// the call.
  virtual void greet(dial_attempt& attempt, const dial_options& options) = 0;
  /// Returns the function that a resolver calls from any thread. `resolved` of the desk follows on the loop.
  [[nodiscard]] virtual resolve_done on_resolved(dial_id which) = 0;
  /// Notifies the receiver. It may stop the driver in the call.
  virtual void dial_failed(const dial_failure& failure) = 0;

 protected:
  ~dial_driver() = default;
};

class dial_desk;

/// One dial that is under way.
struct dial_record {
  dial_record(dial_desk& d, dial_id i, dial_options o);

  dial_desk& desk;
  const dial_id id;
  dial_options options;
  dial_stage stage = dial_stage::resolving;
  std::vector<std::string> addresses{};
  std::size_t next_address = 0;
  std::vector<dial_attempt*> attempts{};  ///< that are under way
  std::error_code last_failure{};
  bool is_cancelled = false;
  timer_queue::timer step;      ///< for the begin, the next address, and the end of a cancelled dial
  timer_queue::timer deadline;  ///< for all of it
};

/// All dials of one dialer that are under way, and its timers. For the loop.
class dial_desk {
 public:
  explicit dial_desk(dial_driver& driver) noexcept : driver_(driver) {}
  dial_desk(const dial_desk&) = delete;
  dial_desk& operator=(const dial_desk&) = delete;

  /// From here on it dials, with this resolver, which may be empty.
  void start(name_resolver resolve) noexcept {
    resolve_ = std::move(resolve);
    runs_ = true;
  }

  /// The driver has stopped, and has dropped the attempts itself.
  void stop() noexcept;

  [[nodiscard]] result<dial_id> dial(const dial_options& options);
  bool cancel(dial_id which) noexcept;

  timer_id after(std::chrono::nanoseconds span, std::function<void()> f);
  bool cancel(const timer_id& which) noexcept { return timers_.cancel(which); }

  /// Returns when `run_timers` is due; the end of time when nothing waits.
  [[nodiscard]] steady_time next() const noexcept { return timers_.next(); }
  void run_timers();
  /// For timers of the driver's own.
  [[nodiscard]] timer_queue& timers() noexcept { return timers_; }

  // ------------------------------------------------------------------------------------- reports of the driver

  void resolved(dial_id which, std::error_code failed, std::vector<std::string> addresses);
  void connected(dial_attempt& attempt);
  /// The driver has ended the attempt by itself. `detail` as in `dial_failure`.
  void attempt_failed(dial_attempt& attempt, std::error_code why, std::string_view detail = {});
  /// The attempt is a connection. Returns the context that was asked for; the dial is over.
  void* opened(dial_attempt& attempt) noexcept;

 private:
  friend struct dial_record;

  using book = std::map<dial_id, dial_record>;

  void take_step(dial_record& d);
  void begin(dial_record& d);
  void race(dial_record& d, std::vector<std::string> addresses);
  void try_next(dial_record& d);
  void fail(dial_record& d, std::error_code why, std::string_view detail = {});
  void drop_attempts(dial_record& d) noexcept;
  void wake_if_earlier(steady_time before) noexcept;

  dial_driver& driver_;
  name_resolver resolve_;
  timer_queue timers_;
  book dials_;
  std::uint64_t last_id_ = 0;
  bool runs_ = false;
};

/// Returns whether `host` is an IPv4 or IPv6 address, with a zone or without, as far as its form tells: it needs no resolver.
[[nodiscard]] bool is_numeric_host(std::string_view host) noexcept;

/// Puts the addresses of both families in turns, the family of the first one first (RFC 8305, section 4).
void alternate_families(std::vector<std::string>& addresses);

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/transport/dialing/dial_desk.ipp>
#endif
#endif
