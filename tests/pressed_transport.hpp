#pragma once

// memory_transport for a manager that runs short of memory: what the receiver does can fail, what the transport and the
// test do cannot, but for `post`. Include it in one file of an executable (see failing_allocator.hpp).

#include <failing_allocator.hpp>
#include <hotline/concepts.hpp>
#include <hotline/transport/memory_transport.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline_test {

class pressed_transport {
  template <class F>
  static decltype(auto) sheltered(F&& f) {
    struct shelter {
      ~shelter() { failing_allocator::until_failure = left; }
      std::size_t left = std::exchange(failing_allocator::until_failure, 0);
    } const here;
    return f();
  }

 public:
  using connection_type = hotline::memory_connection;

  explicit pressed_transport(std::shared_ptr<hotline::manual_environment> env)
      : shared_(std::make_shared<state>(hotline::memory_transport(std::move(env)))) {}

  /// The `nth` allocation of the receiver's from here on fails; with a lasting shortage, all that follow do.
  void press(std::size_t nth, shortage how) noexcept {
    shared_->left = nth;
    shared_->lasts = how == shortage::lasting;
  }
  /// Memory enough again. Answers whether it was short.
  bool relax() noexcept {
    shared_->left = 0;
    return std::exchange(shared_->failures, 0) > 0;
  }

  [[nodiscard]] hotline::memory_transport& line() noexcept { return shared_->inner; }

  std::error_code start(hotline::transport_receiver<connection_type>& r) {
    shared_->proxy.receiver = &r;
    return line().start(shared_->proxy);
  }
  void stop_accepting() {
    sheltered([&] { line().stop_accepting(); });
  }
  void stop() {
    sheltered([&] { line().stop(); });
  }
  std::size_t write(connection_type& c, std::span<const std::string_view> bytes) {
    return sheltered([&] { return line().write(c, bytes); });
  }
  void pause_reading(connection_type& c) {
    sheltered([&] { line().pause_reading(c); });
  }
  void resume_reading(connection_type& c) {
    sheltered([&] { line().resume_reading(c); });
  }
  void shutdown(connection_type& c) {
    sheltered([&] { line().shutdown(c); });
  }
  void abort(connection_type& c) {
    sheltered([&] { line().abort(c); });
  }
  void post(std::function<void()> f) {
    if (failing_allocator::refuses()) throw std::bad_alloc();
    sheltered([&] { line().post([s = shared_, f = std::move(f)] { s->pressed(f); }); });
  }
  [[nodiscard]] hotline::environment& env() noexcept { return line().env(); }

 private:
  struct state;

  struct press_receiver final : hotline::transport_receiver<connection_type> {
    void on_open(connection_type& c) override {
      of->pressed([&] { receiver->on_open(c); });
    }
    void on_data(connection_type& c, std::span<char> bytes) override {
      of->pressed([&] { receiver->on_data(c, bytes); });
    }
    void on_writable(connection_type& c) override {
      of->pressed([&] { receiver->on_writable(c); });
    }
    void on_closed(connection_type& c, std::error_code why) override {
      of->pressed([&] { receiver->on_closed(c, why); });
    }
    void on_tick() override {
      of->pressed([&] { receiver->on_tick(); });
    }
    hotline::transport_receiver<connection_type>* receiver = nullptr;
    state* of = nullptr;
  };

  struct state {
    explicit state(hotline::memory_transport t) : inner(std::move(t)) { proxy.of = this; }

    template <class F>
    void pressed(F&& f) {
      const std::size_t before = failing_allocator::failures;
      failing_allocator::lasts = lasts;
      failing_allocator::until_failure = left;
      f();
      left = std::exchange(failing_allocator::until_failure, 0);
      failures += failing_allocator::failures - before;
    }

    hotline::memory_transport inner;
    press_receiver proxy;
    std::size_t left = 0;
    std::size_t failures = 0;
    bool lasts = false;
  };

  std::shared_ptr<state> shared_;
};

static_assert(hotline::transport<pressed_transport>);

}  // namespace hotline_test
