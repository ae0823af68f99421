#pragma once

// memory_transport, of which one operation fails: the line breaks there, as a socket's does. Which one, is said by its
// number, so that a test can go through all that a life has.

#include <hotline/concepts.hpp>
#include <hotline/transport/memory_transport.hpp>

#include <catch2_any.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline_test {

/// How much of what it was given a failing write takes before.
enum class taken_before { nothing, half, all };

/// The operations that fail, and those that have happened. Outlives the transport.
struct failing_plan {
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  std::size_t fails_at = never;  ///< the operation with this number, counted from 0
  taken_before taken = taken_before::nothing;
  std::size_t operations = 0;  ///< so far: reads, short writes' ends, writes, resumes of reading, shutdowns
  int opened = 0, closed = 0;

  [[nodiscard]] bool has_failed() const noexcept { return operations > fails_at; }
  [[nodiscard]] bool fails_now() noexcept { return operations++ == fails_at; }
};

/// A `transport`. It also checks what every transport promises: one `on_closed` a connection, and nothing after it.
class failing_transport {
 public:
  using connection_type = hotline::memory_connection;

  failing_transport(std::shared_ptr<hotline::manual_environment> env, std::shared_ptr<failing_plan> plan)
      : line_(std::make_unique<line>(std::move(env), std::move(plan))) {}

  std::error_code start(hotline::transport_receiver<connection_type>& r) {
    line_->receiver = &r;
    return line_->inner.start(*line_);
  }
  void stop_accepting() { line_->inner.stop_accepting(); }
  void stop() { line_->inner.stop(); }

  std::size_t write(connection_type& c, std::span<const std::string_view> spans) {
    if (!line_->plan->fails_now()) return line_->inner.write(c, spans);
    std::size_t size = 0;
    for (const std::string_view bytes : spans) size += bytes.size();
    const std::size_t wanted = line_->plan->taken == taken_before::all    ? size
                               : line_->plan->taken == taken_before::half ? size / 2
                                                                          : 0;
    std::size_t taken = 0;
    for (const std::string_view bytes : spans) {
      const std::string_view part = bytes.substr(0, std::min(bytes.size(), wanted - taken));
      const std::size_t now = line_->inner.write(c, std::vector{part});
      taken += now;
      if (now < bytes.size()) break;
    }
    line_->break_off(c);
    return taken;
  }

  void pause_reading(connection_type& c) { line_->inner.pause_reading(c); }
  void resume_reading(connection_type& c) {
    if (line_->plan->fails_now()) return line_->break_off(c);
    line_->inner.resume_reading(c);
  }
  void shutdown(connection_type& c) {
    if (line_->plan->fails_now()) return line_->break_off(c);
    line_->inner.shutdown(c);
  }
  void abort(connection_type& c) { line_->inner.abort(c); }
  void post(std::function<void()> function) { line_->inner.post(std::move(function)); }
  [[nodiscard]] hotline::environment& env() noexcept { return line_->inner.env(); }

  /// For clients and clocks.
  [[nodiscard]] hotline::memory_transport& memory() noexcept { return line_->inner; }

 private:
  struct line final : hotline::transport_receiver<connection_type> {
    line(std::shared_ptr<hotline::manual_environment> env, std::shared_ptr<failing_plan> p)
        : inner(std::move(env)), plan(std::move(p)) {}

    void break_off(connection_type& c) {
      broken.insert(&c);
      inner.abort(c);
    }

    void on_open(connection_type& c) override {
      ++plan->opened;
      CHECK(open.insert(&c).second);
      receiver->on_open(c);
    }
    void on_data(connection_type& c, std::span<char> bytes) override {
      CHECK(open.contains(&c));
      if (plan->fails_now()) return break_off(c);
      receiver->on_data(c, bytes);
    }
    void on_writable(connection_type& c) override {
      CHECK(open.contains(&c));
      if (plan->fails_now()) return break_off(c);
      receiver->on_writable(c);
    }
    void on_closed(connection_type& c, std::error_code why) override {
      ++plan->closed;
      CHECK(open.erase(&c) == 1);
      receiver->on_closed(c, broken.erase(&c) == 1 ? std::make_error_code(std::errc::connection_reset) : why);
    }
    void on_tick() override { receiver->on_tick(); }

    hotline::memory_transport inner;
    std::shared_ptr<failing_plan> plan;
    hotline::transport_receiver<connection_type>* receiver = nullptr;
    std::set<connection_type*> open, broken;
  };

  std::unique_ptr<line> line_;
};

static_assert(hotline::transport<failing_transport>);

}  // namespace hotline_test
