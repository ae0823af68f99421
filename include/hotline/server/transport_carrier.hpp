#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/server/carrier.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline::detail {

/// A transport of any type as a carrier.
///
///     transport_carrier<asio_transport> out(asio_transport(io, options));
///     const std::error_code failed = out.start(receiver);
template <transport Transport>
class transport_carrier final : public carrier, public transport_receiver<typename Transport::connection_type> {
 public:
  using connection_type = typename Transport::connection_type;

  explicit transport_carrier(Transport carried) : transport_(std::move(carried)) {}

  [[nodiscard]] Transport& transport() noexcept { return transport_; }

  [[nodiscard]] std::error_code start(carrier_receiver& receiver) override {
    receiver_ = &receiver;
    return transport_.start(*this);
  }
  void stop_accepting() override { transport_.stop_accepting(); }
  void stop() override { transport_.stop(); }
  [[nodiscard]] std::size_t write(opaque_socket& socket, std::span<const std::string_view> bytes) override {
    return transport_.write(of(socket), bytes);
  }
  void pause_reading(opaque_socket& socket) override { transport_.pause_reading(of(socket)); }
  void resume_reading(opaque_socket& socket) override { transport_.resume_reading(of(socket)); }
  void shutdown(opaque_socket& socket) override { transport_.shutdown(of(socket)); }
  void abort(opaque_socket& socket) override { transport_.abort(of(socket)); }
  void post(std::function<void()> task) override { transport_.post(std::move(task)); }
  [[nodiscard]] std::string remote_address(opaque_socket& socket) override { return of(socket).remote_address(); }
  [[nodiscard]] environment& env() noexcept override { return transport_.env(); }

  [[nodiscard]] bool runs_elsewhere() noexcept override {
    if constexpr (requires { transport_.runs_elsewhere(); }) return transport_.runs_elsewhere();
    return false;
  }
  [[nodiscard]] std::string_view scheme() const noexcept override {
    if constexpr (requires { transport_.scheme(); }) return transport_.scheme();
    return {};
  }
  [[nodiscard]] bool through_loopback([[maybe_unused]] opaque_socket& socket) override {
    if constexpr (requires { of(socket).through_loopback(); }) return of(socket).through_loopback();
    return false;
  }
  [[nodiscard]] bool has_input([[maybe_unused]] opaque_socket& socket) override {
    if constexpr (requires { transport_.has_input(of(socket)); }) return transport_.has_input(of(socket));
    return false;
  }
  [[nodiscard]] std::chrono::nanoseconds lateness() const noexcept override {
    if constexpr (requires { transport_.lateness(); }) return transport_.lateness();
    return {};
  }
  [[nodiscard]] std::uint64_t turned_away() const noexcept override {
    if constexpr (requires { transport_.turned_away(); }) return transport_.turned_away();
    return 0;
  }

 private:
  void on_open(connection_type& c) override { receiver_->on_open(socket_of(c), c.context()); }
  void on_data(connection_type& c, std::span<char> bytes) override { receiver_->on_data(connection_of(c), bytes); }
  void on_writable(connection_type& c) override { receiver_->on_writable(connection_of(c)); }
  void on_closed(connection_type& c, std::error_code reason) override {
    if (c.context() != nullptr) receiver_->on_closed(connection_of(c), reason);
  }
  void on_tick() override { receiver_->on_tick(); }
  void on_refused(std::string_view address, std::error_code why) override { receiver_->on_refused(address, why); }

  [[nodiscard]] static connection_type& of(opaque_socket& socket) noexcept {
    return *static_cast<connection_type*>(static_cast<void*>(&socket));
  }
  [[nodiscard]] static opaque_socket& socket_of(connection_type& c) noexcept {
    return *static_cast<opaque_socket*>(static_cast<void*>(&c));
  }
  [[nodiscard]] static connection& connection_of(connection_type& c) noexcept {
    return *static_cast<connection*>(c.context());
  }

  mutable Transport transport_;  // the concept asks for no const members
  carrier_receiver* receiver_ = nullptr;
};

}  // namespace hotline::detail
#endif
