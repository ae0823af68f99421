#pragma once

#include <hotline/concepts.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/types.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include <unistd.h>

#include "print_line.hpp"

/// Clocks that stand still until the test moves them, so that no timeout of the server passes because the machine is slow.
/// The calendar's clock begins at the machine's time; the randomness is the machine's. Any thread may read and move them.
class steered_environment final : public hotline::environment {
 public:
  [[nodiscard]] hotline::steady_time now() const override {
    return hotline::steady_time(hotline::steady_time::duration(now_.load()));
  }
  [[nodiscard]] hotline::wall_time wall_now() const override {
    const auto passed = now() - start_;
    return wall_start_ + std::chrono::duration_cast<hotline::wall_time::duration>(passed);
  }
  [[nodiscard]] std::uint64_t random() override { return system_.random(); }

  void advance(std::chrono::milliseconds time) {
    now_.fetch_add(std::chrono::duration_cast<hotline::steady_time::duration>(time).count());
  }
  /// Moves the clock on by the milliseconds that the line names, and says so.
  void pass(const std::string& line) {
    advance(std::chrono::milliseconds(std::stoll(line)));
    print_line("the time has passed");
  }

 private:
  hotline::system_environment system_;
  hotline::wall_time wall_start_ = system_.wall_now();
  hotline::steady_time start_{std::chrono::hours(1)};  // not zero, which could be taken for "never"
  std::atomic<hotline::steady_time::rep> now_{start_.time_since_epoch().count()};
};

/// Reads numbers from standard input, a line each. Each moves the clock on by so many milliseconds and is answered with the
/// line `the time has passed`. Things that are due then happen at the server's next tick. Keeps the loop alive until
/// `close`.
class clock_input {
 public:
  clock_input(asio::io_context& io, std::shared_ptr<steered_environment> env)
      : input_(io, ::dup(STDIN_FILENO)), env_(std::move(env)) {
    read();
  }

  void close() { input_.close(); }

 private:
  void read() {
    asio::async_read_until(input_, asio::dynamic_buffer(text_), '\n', [this](std::error_code failed, std::size_t size) {
      if (failed) return;
      env_->pass(text_.substr(0, size));
      text_.erase(0, size);
      read();
    });
  }

  asio::posix::stream_descriptor input_;
  std::shared_ptr<steered_environment> env_;
  std::string text_;
};
