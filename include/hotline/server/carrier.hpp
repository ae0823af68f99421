#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/connection/pauses.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace hotline::detail {

class connection;
class opaque_socket;

/// The receiver of a carrier's calls: `transport_receiver` without a type of connection. For one loop.
class carrier_receiver {
 public:
  /// A socket is there. Sets `context` to its `connection`. Where there is no memory for one, the receiver aborts the
  /// socket and receives no more calls for it.
  virtual void on_open(opaque_socket& socket, void*& context) = 0;
  virtual void on_data(connection&, std::span<char> bytes) = 0;
  virtual void on_writable(connection&) = 0;
  virtual void on_closed(connection&, std::error_code reason) = 0;
  virtual void on_tick() = 0;
  virtual void on_refused(std::string_view address, std::error_code why) = 0;

 protected:
  ~carrier_receiver() = default;
};

/// A transport as the hub sees it: the concept `transport` as an interface. Optional members of the concept are members
/// here, with the value that stands for "not known". `transport_carrier` implements it for any transport. For one loop,
/// but for `post`, `env`, `runs_elsewhere` and `turned_away`. The receiver must be there until `stop`.
class carrier : public tick_source {
 public:
  carrier() = default;
  carrier(const carrier&) = delete;
  carrier& operator=(const carrier&) = delete;
  virtual ~carrier() = default;

  [[nodiscard]] virtual std::error_code start(carrier_receiver& receiver) = 0;
  virtual void stop_accepting() = 0;
  virtual void stop() = 0;
  [[nodiscard]] virtual std::size_t write(opaque_socket& socket, std::span<const std::string_view> bytes) = 0;
  virtual void pause_reading(opaque_socket& socket) = 0;
  virtual void resume_reading(opaque_socket& socket) = 0;
  virtual void shutdown(opaque_socket& socket) = 0;
  virtual void abort(opaque_socket& socket) = 0;
  virtual void post(std::function<void()> task) = 0;
  [[nodiscard]] virtual std::string remote_address(opaque_socket& socket) = 0;
  [[nodiscard]] virtual environment& env() noexcept = 0;

  [[nodiscard]] virtual bool runs_elsewhere() noexcept = 0;
  [[nodiscard]] virtual std::string_view scheme() const noexcept = 0;
  [[nodiscard]] virtual bool through_loopback(opaque_socket& socket) = 0;
  [[nodiscard]] virtual bool has_input(opaque_socket& socket) = 0;
  [[nodiscard]] virtual std::uint64_t turned_away() const noexcept = 0;
};

}  // namespace hotline::detail
#endif
