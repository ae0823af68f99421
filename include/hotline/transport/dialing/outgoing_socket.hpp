// Begins to connect to one address. Nothing waits here, and nothing is Asio's.
#pragma once
#include <hotline/transport/posix_only.hpp>
#if HOTLINE_DETAIL_POSIX

#include <hotline/dialer.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/numeric_address.hpp>
#include <hotline/transport/socket/owned_descriptor.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/socket/unix_socket_file.hpp>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>

namespace hotline::detail {

/// A socket that connects. Its owner waits until it is writable, then asks for the `outcome`.
class outgoing_socket {
 public:
  /// To the numeric `address`, or to the Unix path of `options` where there is one. A Unix socket whose listener has no room
  /// fails with `std::errc::resource_unavailable_try_again`.
  [[nodiscard]] std::error_code begin(const dial_options& options, const std::string& address) {
    if (options.unix_path.empty()) {
      const auto to = numeric_address::read(address, options.port);
      if (!to) return std::make_error_code(std::errc::invalid_argument);
      peer_ = peer_address(to->data(), to->size());
      return connect(to->family(), to->data(), to->size());
    }
    const std::string& path = options.unix_path;
    if (path.size() > unix_socket_file::longest_path) return std::make_error_code(std::errc::filename_too_long);
    const ::sockaddr_un to = unix_socket_file::address_of(path);
    return connect(AF_UNIX, reinterpret_cast<const ::sockaddr*>(&to), unix_socket_file::address_size(path));
  }

  [[nodiscard]] int family() const noexcept { return family_; }
  [[nodiscard]] const peer_address& peer() const noexcept { return peer_; }
  [[nodiscard]] owned_descriptor& descriptor() noexcept { return descriptor_; }

  /// Returns why `socket`, which has become writable, is not connected; empty if it is.
  [[nodiscard]] static std::error_code outcome(int socket) noexcept {
    if (const std::error_code failed = native_socket::pending_error(socket)) return failed;
    return is_connected_to_itself(socket) ? std::make_error_code(std::errc::connection_refused) : std::error_code{};
  }

 private:
  [[nodiscard]] std::error_code connect(int family, const ::sockaddr* to, ::socklen_t size) noexcept {
    family_ = family;
    descriptor_.reset(native_socket::open(family));
    if (!descriptor_.is_open()) return last_error();
    native_socket::prepare(descriptor_.get(), family, {});  // `user_timeout` would end the connecting, too
    if (::connect(descriptor_.get(), to, size) == 0 || errno == EINPROGRESS || errno == EINTR) return {};
    const std::error_code failed = last_error();
    descriptor_.reset();
    return failed;
  }

  /// TCP connects a socket to itself where the port that nobody listens at is, by chance, the one that the system gave to the
  /// socket: a client that goes on dialing a server of this machine gets there.
  [[nodiscard]] static bool is_connected_to_itself(int socket) noexcept {
    ::sockaddr_storage own{}, peer{};
    ::socklen_t own_size = sizeof own;
    if (::getsockname(socket, reinterpret_cast<::sockaddr*>(&own), &own_size) != 0) return false;
    const ::socklen_t peer_size = native_socket::read_peer(socket, peer);
    if (own.ss_family != AF_INET && own.ss_family != AF_INET6) return false;
    return own_size == peer_size && std::memcmp(&own, &peer, own_size) == 0;
  }

  owned_descriptor descriptor_;
  int family_ = AF_UNSPEC;
  peer_address peer_;
};

}  // namespace hotline::detail
#endif
