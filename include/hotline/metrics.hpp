#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace hotline {

/// The limits that a manager counts. Each is the option of that name in options.hpp, which describes what happens beyond it.
enum class limit : std::uint8_t {
  connections,          ///< `connections.all`
  project_connections,  ///< `connections.per_project`
  address_connections,  ///< `connections.per_address`
  handshakes,           ///< `connections.handshakes`
  handshake_time,       ///< `handshake.timeout`
  head,                 ///< `handshake.head_bytes` and `handshake.headers`
  message_bytes,
  inflated_bytes,  ///< `session.message_bytes`, of a message that came compressed
  message_fragments,
  message_rate,  ///< `session.messages_per_second` and `session.message_burst`
  byte_rate,     ///< `session.bytes_per_second` and `session.byte_burst`
  control_rate,  ///< `session.control_frames_per_second` and `session.control_frame_burst`
  json_depth,
  json_nodes,
  subscriptions,
  commands_in_flight,
  command_time,  ///< `command_timeout`
  control_lane_bytes,
  last_bytes,                ///< `session.last_bytes`
  waiting_sessions,          ///< `resume.sessions`
  address_waiting_sessions,  ///< `resume.per_address`
  patience,                  ///< `pace_marks::patience`, of a session or of a project
  http_response_bytes,
  close_time,  ///< `close_timeout`
  drain_time,  ///< `drain_timeout`
  projects,    ///< `log_options::projects`, all of them in use
};

/// The outcome of a request to resume a session.
enum class resume_outcome : std::uint8_t { resumed, unknown_token, expired, epoch_changed, evicted };

/// The status of an answer to an HTTP request.
enum class http_status : std::uint16_t {};

namespace detail {

/// A number that one thread changes and any thread may read.
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept { set(value() + n); }
  void subtract(std::uint64_t n = 1) noexcept { set(value() - n); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

template <class Key>
struct named_key {
  Key key;
  std::string_view name;
};

/// The keys of a `tally`, and their names. All other keys are counted together, as "other".
template <class Key>
inline constexpr auto keys_of = nullptr;

template <>
inline constexpr auto keys_of<limit> =
    std::to_array<named_key<limit>>({{limit::connections, "connections.all"},
                                     {limit::project_connections, "connections.per_project"},
                                     {limit::address_connections, "connections.per_address"},
                                     {limit::handshakes, "connections.handshakes"},
                                     {limit::handshake_time, "handshake.timeout"},
                                     {limit::head, "handshake.head_bytes"},
                                     {limit::message_bytes, "session.message_bytes"},
                                     {limit::inflated_bytes, "session.inflated_bytes"},
                                     {limit::message_fragments, "session.message_fragments"},
                                     {limit::message_rate, "session.messages_per_second"},
                                     {limit::byte_rate, "session.bytes_per_second"},
                                     {limit::control_rate, "session.control_frames_per_second"},
                                     {limit::json_depth, "session.json_depth"},
                                     {limit::json_nodes, "session.json_nodes"},
                                     {limit::subscriptions, "session.subscriptions"},
                                     {limit::commands_in_flight, "session.commands_in_flight"},
                                     {limit::command_time, "command_timeout"},
                                     {limit::control_lane_bytes, "session.control_lane_bytes"},
                                     {limit::last_bytes, "session.last_bytes"},
                                     {limit::waiting_sessions, "resume.sessions"},
                                     {limit::address_waiting_sessions, "resume.per_address"},
                                     {limit::patience, "pace_marks.patience"},
                                     {limit::http_response_bytes, "http_response_bytes"},
                                     {limit::close_time, "close_timeout"},
                                     {limit::drain_time, "drain_timeout"},
                                     {limit::projects, "log_options.projects"}});

template <>
inline constexpr auto keys_of<resume_outcome> =
    std::to_array<named_key<resume_outcome>>({{resume_outcome::resumed, "resumed"},
                                              {resume_outcome::unknown_token, "unknown_token"},
                                              {resume_outcome::expired, "expired"},
                                              {resume_outcome::epoch_changed, "epoch_changed"},
                                              {resume_outcome::evicted, "evicted"}});

template <>
inline constexpr auto keys_of<close_code> =
    std::to_array<named_key<close_code>>({{close_code::normal, "1000"},
                                          {close_code::going_away, "1001"},
                                          {close_code::protocol_error, "1002"},
                                          {close_code::unsupported_data, "1003"},
                                          {close_code::no_status, "1005"},
                                          {close_code::abnormal, "1006"},
                                          {close_code::invalid_payload, "1007"},
                                          {close_code::policy_violation, "1008"},
                                          {close_code::message_too_big, "1009"},
                                          {close_code::internal_error, "1011"},
                                          {close_code::try_again_later, "1013"},
                                          {close_code::heartbeat_timeout, "4000"},
                                          {close_code::unauthorized, "4001"},
                                          {close_code::forbidden, "4003"},
                                          {close_code::no_such_project, "4004"},
                                          {close_code::too_slow, "4008"},
                                          {close_code::taken_over, "4009"},
                                          {close_code::too_many_messages, "4029"}});

template <>
inline constexpr auto keys_of<http_status> = std::to_array<named_key<http_status>>({{http_status{200}, "200"},
                                                                                    {http_status{204}, "204"},
                                                                                    {http_status{304}, "304"},
                                                                                    {http_status{400}, "400"},
                                                                                    {http_status{401}, "401"},
                                                                                    {http_status{403}, "403"},
                                                                                    {http_status{404}, "404"},
                                                                                    {http_status{405}, "405"},
                                                                                    {http_status{408}, "408"},
                                                                                    {http_status{413}, "413"},
                                                                                    {http_status{421}, "421"},
                                                                                    {http_status{426}, "426"},
                                                                                    {http_status{429}, "429"},
                                                                                    {http_status{431}, "431"},
                                                                                    {http_status{500}, "500"},
                                                                                    {http_status{503}, "503"},
                                                                                    {http_status{505}, "505"}});

}  // namespace detail

/// Returns the name of an option, an outcome, a close code or a status in metrics.
template <class Key>
[[nodiscard]] constexpr std::string_view metric_name(Key key) noexcept {
  for (const auto& known : detail::keys_of<Key>)
    if (known.key == key) return known.name;
  return "other";
}

/// A number for each of the values of `Key` that have a name, and one for all others.
template <class Key, class Number>
class tally {
 public:
  [[nodiscard]] Number& operator[](Key key) noexcept { return numbers_[slot_of(key)]; }
  [[nodiscard]] const Number& operator[](Key key) const noexcept { return numbers_[slot_of(key)]; }

  /// Calls `f(name, number)` for each, "other" last.
  template <class F>
  void for_each(F f) const {
    std::size_t i = 0;
    for (const auto& known : detail::keys_of<Key>) f(known.name, numbers_[i++]);
    f(std::string_view("other"), numbers_[i]);
  }

  [[nodiscard]] std::array<Number, detail::keys_of<Key>.size() + 1>& numbers() noexcept { return numbers_; }

 private:
  [[nodiscard]] static constexpr std::size_t slot_of(Key key) noexcept {
    std::size_t slot = 0;
    for (const auto& known : detail::keys_of<Key>) {
      if (known.key == key) break;
      ++slot;
    }
    return slot;
  }

  std::array<Number, detail::keys_of<Key>.size() + 1> numbers_{};
};

/// Durations: how many were within each bound and over the one before it, and their sum.
template <class Number>
struct duration_histogram {
  static constexpr std::array<std::chrono::microseconds, 13> bounds{
      {std::chrono::microseconds(100), std::chrono::microseconds(250), std::chrono::microseconds(500),
       std::chrono::milliseconds(1), std::chrono::microseconds(2500), std::chrono::milliseconds(5),
       std::chrono::milliseconds(10), std::chrono::milliseconds(25), std::chrono::milliseconds(50),
       std::chrono::milliseconds(100), std::chrono::milliseconds(250), std::chrono::milliseconds(500),
       std::chrono::seconds(1)}};

  std::array<Number, bounds.size() + 1> within{};  ///< the last: longer than the last bound
  Number nanoseconds{};                            ///< all together
};

/// The counters of a manager since it was made. `Number` is `std::uint64_t` for hosts, in `manager_metrics`.
template <class Number>
struct basic_metrics {
  // As of now.
  Number connections{};       ///< upgraded, and not ended yet
  Number handshakes{};        ///< sockets before the upgrade: in the head, waiting for the host, or reading an answer
  Number waiting_sessions{};  ///< detached sessions, whose clients may come back
  Number projects{};          ///< that have connections here
  Number log_projects{};      ///< that the log knows
  Number log_bytes{};         ///< the log's memory, within `log_options::total_bytes`; the projects' own cost is in it

  // Since the log was made, for all emitters and managers that share it.
  Number log_appended{};              ///< events
  Number log_evicted{};               ///< events, for their age or for others' room
  Number log_crowded_out{};           ///< those of them that were evicted because of `total_bytes`
  Number log_refused{};               ///< events that the log refused
  Number log_projects_crowded_out{};  ///< projects forgotten for others: by number or by cost

  // Since the beginning.
  Number accepted{};                             ///< sockets
  Number turned_away{};                          ///< sockets that the process had no descriptor for
  Number refused_sockets{};                      ///< ended before a request: bad or late TLS handshake or PROXY header
  tally<http_status, Number> http_answers{};     ///< in place of an upgrade: pages and refusals
  Number new_sessions{};                         ///< connections that did not resume a session
  tally<resume_outcome, Number> resumes{};       ///< outcomes of requests to resume
  tally<close_code, Number> disconnections{};    ///< upgraded connections, by the code of the side that closed first
  Number expired_sessions{};                     ///< sessions that ended while they were detached
  tally<limit, Number> limits{};                 ///< how often a client went over each limit
  Number messages{};                             ///< texts from clients
  Number commands_answered{};                    ///< with `command_response`
  Number commands_failed{};                      ///< with `command_error`, of the host or of hotline
  Number bad_messages{};                         ///< messages that were no command: answered with `error`
  Number received_bytes{};                       ///< as received, frames and heads
  Number sent_bytes{};                           ///< that sockets took
  Number writes{};                               ///< to sockets
  Number gaps{};                                 ///< `gap` messages to clients
  Number missed_events{};                        ///< in those
  Number host_failures{};                        ///< exceptions that `on_error` received
  Number out_of_memory{};                        ///< connections that ended because memory was short
  duration_histogram<Number> fan_out_latency{};  ///< from an event to its last send to clients that keep up
};

/// A snapshot of what a manager counts.
using manager_metrics = basic_metrics<std::uint64_t>;

namespace detail {

/// The counters themselves: changed on the manager's loop alone, read on any thread.
using live_metrics = basic_metrics<counter>;

/// Calls `f(number)` for each number, in the same order for every kind of `Metrics`.
template <class Metrics, class F>
void for_each_number(Metrics& m, F f) {
  const auto all = [&f](auto& numbers) { std::for_each(numbers.begin(), numbers.end(), f); };
  for (auto* const number : {&m.connections,      &m.handshakes,      &m.waiting_sessions,
                             &m.projects,         &m.log_projects,    &m.log_bytes,
                             &m.log_appended,     &m.log_evicted,     &m.log_crowded_out,
                             &m.log_refused,      &m.accepted,        &m.new_sessions,
                             &m.expired_sessions, &m.messages,        &m.commands_answered,
                             &m.commands_failed,  &m.bad_messages,    &m.received_bytes,
                             &m.sent_bytes,       &m.writes,          &m.gaps,
                             &m.missed_events,    &m.host_failures,   &m.out_of_memory,
                             &m.turned_away,      &m.refused_sockets, &m.log_projects_crowded_out})
    f(*number);
  all(m.http_answers.numbers());
  all(m.resumes.numbers());
  all(m.disconnections.numbers());
  all(m.limits.numbers());
  all(m.fan_out_latency.within);
  f(m.fan_out_latency.nanoseconds);
}

/// Returns the current values. Any thread.
[[nodiscard]] inline manager_metrics snapshot(live_metrics& live) {
  constexpr std::size_t numbers = sizeof(manager_metrics) / sizeof(std::uint64_t);
  std::array<std::uint64_t, numbers> read{};
  auto* next = read.data();
  for_each_number(live, [&](const counter& c) { *next++ = c.value(); });
  manager_metrics told;
  next = read.data();
  for_each_number(told, [&](std::uint64_t& number) { number = *next++; });
  return told;
}

inline void record(duration_histogram<counter>& into, std::chrono::nanoseconds time) noexcept {
  constexpr auto& bounds = duration_histogram<counter>::bounds;
  const auto bound = std::lower_bound(bounds.begin(), bounds.end(), time);
  into.within[static_cast<std::size_t>(bound - bounds.begin())].add();
  into.nanoseconds.add(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
}

}  // namespace detail

/// Adds up several managers, each with a loop of its own. The figures of the log that they share are taken once.
inline manager_metrics& operator+=(manager_metrics& sum, manager_metrics other) {
  for (const auto of_log : {&manager_metrics::log_projects, &manager_metrics::log_bytes, &manager_metrics::log_appended,
                            &manager_metrics::log_evicted, &manager_metrics::log_crowded_out,
                            &manager_metrics::log_refused, &manager_metrics::log_projects_crowded_out}) {
    other.*of_log = std::max(sum.*of_log, other.*of_log);
    sum.*of_log = 0;
  }
  std::array<std::uint64_t, sizeof(manager_metrics) / sizeof(std::uint64_t)> added{};
  auto* next = added.data();
  detail::for_each_number(other, [&](std::uint64_t& number) { *next++ = number; });
  next = added.data();
  detail::for_each_number(sum, [&](std::uint64_t& number) { number += *next++; });
  return sum;
}

}  // namespace hotline
#endif
