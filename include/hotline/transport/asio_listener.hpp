// Inbound 1/6: connections become sockets. Nothing is read here.
#pragma once

#include <hotline/transport/listen_options.hpp>

#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/wait_traits.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hotline::detail {

/// The file of a Unix socket that we listen on.
class unix_socket_file {
 public:
  unix_socket_file() = default;
  unix_socket_file(const unix_socket_file&) = delete;
  unix_socket_file& operator=(const unix_socket_file&) = delete;
  ~unix_socket_file() { remove(); }

  /// Remembers the file that was just bound.
  void keep(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return;
    path_ = path;
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }

  /// Removes it, unless somebody else put a file of his own there meanwhile.
  void remove() noexcept {
    struct stat status {};
    if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
      ::unlink(path_.c_str());
    path_.clear();
  }

  /// Removes a socket that a server which is gone left behind: one that refuses connections. Nothing else is touched.
  static bool remove_stale(const std::string& path, const asio::local::stream_protocol::endpoint& endpoint) noexcept {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const int probe = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (probe < 0) return false;
    ::fcntl(probe, F_SETFL, O_NONBLOCK);
    const bool refused =
        ::connect(probe, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 && errno == ECONNREFUSED;
    ::close(probe);
    return refused && ::unlink(path.c_str()) == 0;
  }

 private:
  std::string path_;
  dev_t device_{};
  ino_t inode_{};
};

/// A descriptor kept for the day when there are no more: closing it makes room to accept a connection and close it at
/// once. Else the connection would stay in the kernel's queue, and the listener would be readable for ever.
class reserve_descriptor {
 public:
  reserve_descriptor() = default;
  reserve_descriptor(const reserve_descriptor&) = delete;
  reserve_descriptor& operator=(const reserve_descriptor&) = delete;
  ~reserve_descriptor() { release(); }

  void acquire() noexcept {
    if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

  void release() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_ = -1;
};

/// Listens at one address and hands over what comes. Lives as long as its operations do; silent once closed.
template <class Executor>
class asio_listener : public std::enable_shared_from_this<asio_listener<Executor>> {
 public:
  using protocol = asio::generic::stream_protocol;
  using socket_type = asio::basic_stream_socket<protocol, Executor>;
  using on_accept = std::function<void(socket_type, const protocol::endpoint&)>;

  explicit asio_listener(const Executor& executor) : acceptor_(executor), pause_(executor) {}

  /// Binds and listens. A failure leaves nothing behind.
  std::error_code open(const listen_options& options) {
    const std::error_code failed = options.unix_path.empty() ? bind_tcp(options) : bind_unix(options);
    if (failed) close();
    return failed;
  }

  void start(on_accept accepted) {
    accepted_ = std::move(accepted);
    await();
  }

  void close() noexcept {
    std::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    file_.remove();
    reserve_.release();
  }

  /// The TCP port; 0 for a Unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  static constexpr int accepts_per_turn = 64;
  static constexpr std::chrono::milliseconds pause_time{10};

  std::error_code bind_tcp(const listen_options& options) {
    std::error_code failed;
    const asio::ip::address address = asio::ip::make_address(options.address, failed);
    if (failed) return failed;
    const asio::ip::tcp::endpoint endpoint(address, options.port);
    if ((failed = bind(endpoint, options)) || (failed = listen(options))) return failed;
    const auto bound = acceptor_.local_endpoint(failed);
    if (failed) return failed;
    asio::ip::tcp::endpoint actual;
    actual.resize(bound.size());
    std::memcpy(actual.data(), bound.data(), bound.size());
    port_ = actual.port();
    return {};
  }

  std::error_code bind_unix(const listen_options& options) {
    const std::string& path = options.unix_path;
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return std::make_error_code(std::errc::filename_too_long);
    const asio::local::stream_protocol::endpoint endpoint(path);
    std::error_code failed = bind(endpoint, options);
    if (failed == asio::error::address_in_use && unix_socket_file::remove_stale(path, endpoint)) {
      acceptor_.close(failed);
      failed = bind(endpoint, options);
    }
    if (failed) return failed;
    file_.keep(path);
    return listen(options);
  }

  template <class Endpoint>
  std::error_code bind(const Endpoint& endpoint, const listen_options& options) {
    std::error_code failed;
    acceptor_.open(protocol(endpoint.protocol()), failed);
    if (failed) return failed;
    ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
    acceptor_.non_blocking(true, failed);
    if (!failed && options.reuse_address) acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) acceptor_.bind(protocol::endpoint(endpoint), failed);
    family_ = endpoint.protocol().family();
    return failed;
  }

  std::error_code listen(const listen_options& options) {
    std::error_code failed;
    acceptor_.listen(options.backlog, failed);
    reserve_.acquire();
    return failed;
  }

  void await() {
    acceptor_.async_wait(asio::socket_base::wait_read, [self = this->shared_from_this()](std::error_code) {
      if (self->acceptor_.is_open()) self->accept_some();
    });
  }

  void accept_some() {
    for (int i = 0; i < accepts_per_turn && acceptor_.is_open(); ++i) {
      protocol::endpoint peer;
      const int descriptor = accept_one(peer);
      if (descriptor >= 0) {
        hand_over(descriptor, peer);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        if (errno == EMFILE || errno == ENFILE) turn_away();
        return await_better_times();
      }
    }
    if (acceptor_.is_open()) await();
  }

  /// Not Asio's accept: the descriptor must never be seen by a child that another thread of the host starts.
  [[nodiscard]] int accept_one(protocol::endpoint& peer) noexcept {
    auto size = static_cast<socklen_t>(peer.capacity());
#if defined(SOCK_CLOEXEC)
    const int descriptor = ::accept4(acceptor_.native_handle(), peer.data(), &size, SOCK_CLOEXEC);
#else
    const int descriptor = ::accept(acceptor_.native_handle(), peer.data(), &size);
    if (descriptor >= 0) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
#endif
    if (descriptor >= 0) peer.resize(size);
    return descriptor;
  }

  void hand_over(int descriptor, const protocol::endpoint& peer) {
    socket_type socket(acceptor_.get_executor());
    std::error_code failed;
    socket.assign(protocol(family_, 0), descriptor, failed);
    if (failed) {
      ::close(descriptor);
    } else {
      accepted_(std::move(socket), peer);
    }
  }

  void turn_away() noexcept {
    reserve_.release();
    for (int i = 0; i < accepts_per_turn; ++i) {
      protocol::endpoint peer;
      const int descriptor = accept_one(peer);
      if (descriptor < 0) break;
      ::close(descriptor);
    }
    reserve_.acquire();
  }

  void await_better_times() {
    pause_.expires_after(pause_time);
    pause_.async_wait([self = this->shared_from_this()](std::error_code) {
      if (!self->acceptor_.is_open()) return;
      self->reserve_.acquire();
      self->accept_some();
    });
  }

  asio::basic_socket_acceptor<protocol, Executor> acceptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor> pause_;
  on_accept accepted_;
  unix_socket_file file_;
  reserve_descriptor reserve_;
  std::uint16_t port_ = 0;
  int family_ = 0;
};

}  // namespace hotline::detail
