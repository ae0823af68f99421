#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/metrics.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline {

/// Prometheus' name of the format that `to_prometheus` writes; for `http_response::content_type`.
inline constexpr std::string_view prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";

namespace detail {

class prometheus_writer {
 public:
  explicit prometheus_writer(std::string_view labels) : labels_(labels) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help);
    text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  }

  void sample(std::uint64_t value, std::string_view label = {}, std::string_view label_value = {},
              std::string_view suffix = {}) {
    begin(suffix, label, label_value);
    append(value);
    text_.push_back('\n');
  }

  void seconds(std::uint64_t nanoseconds, std::string_view suffix) {
    begin(suffix, {}, {});
    append(static_cast<double>(nanoseconds) / 1e9);
    text_.push_back('\n');
  }

  [[nodiscard]] static std::string text_of(double number) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed).ptr;
    return {digits.data(), end};
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void begin(std::string_view suffix, std::string_view label, std::string_view label_value) {
    text_.append(name_).append(suffix);
    if (!label.empty() || !labels_.empty()) {
      text_.append("{").append(labels_);
      if (!label.empty()) {
        if (!labels_.empty()) text_.append(",");
        text_.append(label).append("=\"").append(label_value).append("\"");
      }
      text_.append("}");
    }
    text_.push_back(' ');
  }

  template <class Number>
  void append(Number number) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text_.append(digits.data(), end);
  }

  std::string_view labels_;
  std::string_view name_;
  std::string text_;
};

}  // namespace detail

/// Returns the metrics in Prometheus' text format, version 0.0.4. `labels` is added to each sample, written as in `loop="1"`.
[[nodiscard]] inline std::string to_prometheus(const manager_metrics& m, std::string_view labels = {}) {
  detail::prometheus_writer out(labels);
  const auto gauge = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    out.family(name, "gauge", help);
    out.sample(value);
  };
  const auto count = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    out.family(name, "counter", help);
    out.sample(value);
  };
  const auto counts = [&](std::string_view name, std::string_view help, std::string_view label, const auto& by) {
    out.family(name, "counter", help);
    by.for_each([&](std::string_view key, std::uint64_t value) { out.sample(value, label, key); });
  };
  gauge("hotline_connections", "WebSocket connections.", m.connections);
  gauge("hotline_handshakes", "Sockets that have not upgraded.", m.handshakes);
  gauge("hotline_waiting_sessions", "Sessions without a socket that can be resumed.", m.waiting_sessions);
  gauge("hotline_projects", "Projects with connections.", m.projects);
  gauge("hotline_log_projects", "Projects that the log knows.", m.log_projects);
  gauge("hotline_log_bytes", "Bytes of the log's memory.", m.log_bytes);
  count("hotline_log_appended_total", "Events that the log took.", m.log_appended);
  count("hotline_log_evicted_total", "Events that it let go of.", m.log_evicted);
  count("hotline_log_crowded_out_total", "Events that it let go of for the sake of other projects.", m.log_crowded_out);
  count("hotline_log_refused_total", "Events that it refused.", m.log_refused);
  count("hotline_log_projects_crowded_out_total", "Projects that it forgot for the sake of others.",
        m.log_projects_crowded_out);
  count("hotline_accepted_total", "Sockets accepted.", m.accepted);
  count("hotline_turned_away_total", "Sockets that there was no descriptor for.", m.turned_away);
  count("hotline_refused_sockets_total", "Sockets that ended before a request, in TLS or a PROXY header.",
        m.refused_sockets);
  counts("hotline_http_answers_total", "HTTP answers in place of an upgrade.", "status", m.http_answers);
  count("hotline_new_sessions_total", "Connections that resumed no session.", m.new_sessions);
  counts("hotline_resumes_total", "Wishes to resume a session.", "outcome", m.resumes);
  counts("hotline_disconnections_total", "WebSocket connections that ended, by close code.", "code", m.disconnections);
  count("hotline_expired_sessions_total", "Sessions that ended while they were detached.", m.expired_sessions);
  counts("hotline_limits_total", "How often somebody was over a limit.", "limit", m.limits);
  count("hotline_messages_total", "Messages from clients.", m.messages);
  count("hotline_commands_answered_total", "Commands answered with a result.", m.commands_answered);
  count("hotline_commands_failed_total", "Commands answered with an error.", m.commands_failed);
  count("hotline_bad_messages_total", "Messages that were no command.", m.bad_messages);
  count("hotline_received_bytes_total", "Bytes from clients.", m.received_bytes);
  count("hotline_sent_bytes_total", "Bytes to clients.", m.sent_bytes);
  count("hotline_writes_total", "Writes to sockets.", m.writes);
  count("hotline_gaps_total", "Gaps that were reported to clients.", m.gaps);
  count("hotline_missed_events_total", "Events in those gaps.", m.missed_events);
  count("hotline_host_failures_total", "Exceptions from handlers and hooks.", m.host_failures);
  count("hotline_out_of_memory_total", "Connections that ended for want of memory.", m.out_of_memory);

  const auto& latency = m.fan_out_latency;
  out.family("hotline_fan_out_seconds", "histogram", "From an event to its last send to clients that keep up.");
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < latency.bounds.size(); ++i) {
    const std::chrono::duration<double> bound = latency.bounds[i];
    out.sample(so_far += latency.within[i], "le", out.text_of(bound.count()), "_bucket");
  }
  so_far += latency.within.back();
  out.sample(so_far, "le", "+Inf", "_bucket");
  out.seconds(latency.nanoseconds, "_sum");
  out.sample(so_far, {}, {}, "_count");
  return out.take();
}

}  // namespace hotline
#endif
