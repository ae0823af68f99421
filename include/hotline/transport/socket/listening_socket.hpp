// Listens at one address of a POSIX system. Nothing waits here, and nothing is Asio's.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE && !defined(_WIN32)

#include <hotline/metrics.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/numeric_address.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/socket/unix_socket_file.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hotline::detail {

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

/// A socket that listens, with the file of a Unix one. Its owner waits until it is readable, then calls `accept_some`.
class listening_socket {
 public:
  /// The result of `accept_some`.
  enum class outcome {
    drained,    ///< no client waits to be accepted, as far as the system knows; or the listener was closed
    more,       ///< there may be more
    exhausted,  ///< the system has no room for more: pause for `pause_time`, then `go_on`
    ended,      ///< it listens no more, because another process has shut it down
  };

  static constexpr std::chrono::milliseconds pause_time{10};

  listening_socket() = default;
  listening_socket(const listening_socket&) = delete;
  listening_socket& operator=(const listening_socket&) = delete;
  ~listening_socket() { close(); }

  /// Returns why `given` cannot be taken over; empty if it can.
  [[nodiscard]] static std::error_code check(int given) noexcept {
    int listens = 0, type = 0;
    ::socklen_t size = sizeof listens;
    if (::getsockopt(given, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return last_error();
    size = sizeof type;
    if (::getsockopt(given, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return last_error();
    if (listens == 0 || type != SOCK_STREAM) return std::make_error_code(std::errc::invalid_argument);
    return {};
  }

  /// Binds and listens, or takes over the options' descriptor. A failure leaves nothing behind; a descriptor that was given
  /// is the caller's then.
  [[nodiscard]] std::error_code open(const listen_options& options) {
    send_buffer_ = options.socket_send_buffer;
    user_timeout_ = options.user_timeout;
    std::error_code failed;
    if (options.descriptor)
      failed = adopt(*options.descriptor);
    else
      failed = options.unix_path.empty() ? bind_tcp(options) : bind_unix(options);
    if (failed) {
      close();
      return failed;
    }
    reserve_.acquire();
    return {};
  }

  /// The caller has taken the descriptor out of every set that watches it: a set goes on to report a descriptor that was
  /// closed here while another process has it.
  void close() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    file_.remove();
    reserve_.release();
  }

  /// As `close`, but the descriptor is the caller's and goes on to listen, and its file stays.
  [[nodiscard]] int release() noexcept {
    file_.forget();
    reserve_.release();
    return std::exchange(descriptor_, -1);
  }

  /// After a failure of what comes after `open`: closes it, but for a descriptor that was given, which is the caller's.
  void abandon() noexcept {
    if (was_given_) (void)release();
    close();
  }

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] int family() const noexcept { return family_; }
  /// The TCP port; 0 for a Unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return bound_.port(); }
  /// Whether only this machine reaches it, by TCP.
  [[nodiscard]] bool is_loopback() const noexcept { return bound_.is_loopback(); }

  /// Accepts up to 64 sockets. Each goes to `f(descriptor, peer_address)`, whose it is from then on; they neither block nor
  /// survive an exec. `f` may close the listener. Where the process has no descriptors left, some of those who wait are
  /// closed at once and count in `turned_away`.
  template <class Function>
  [[nodiscard]] outcome accept_some(counter& turned_away, const Function& f) {
    for (int i = 0; i < accepts_per_turn; ++i) {
      if (!is_open()) return outcome::drained;
      ::sockaddr_storage peer;
      ::socklen_t size = sizeof peer;
      const int accepted = accept_one(peer, size);
      if (accepted >= 0) {
        if (prepares_each_) prepare(accepted);
        f(accepted, peer_address(&peer, size));
      } else if (native_socket::is_busy()) {
        return outcome::drained;
      } else if (errno == EINVAL) {
        return outcome::ended;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        if (errno == EMFILE || errno == ENFILE) turn_away(turned_away);
        return outcome::exhausted;
      }
    }
    return is_open() ? outcome::more : outcome::drained;
  }

  /// After the pause.
  void go_on() noexcept {
    if (is_open()) reserve_.acquire();
  }

 private:
  static constexpr int accepts_per_turn = 64;
  static constexpr int turned_away_per_pause = 16;  // a storm of those who try again must not cost the others much

  [[nodiscard]] std::error_code bind_tcp(const listen_options& options) {
    if (options.unix_mode || !options.unix_group.empty()) return std::make_error_code(std::errc::invalid_argument);
    const auto at = numeric_address::read(options.address, options.port);
    if (!at) return std::make_error_code(std::errc::invalid_argument);
    std::error_code failed = bind(at->data(), at->size(), at->family(), options);
    if (failed || (failed = listen(options))) return failed;
    return read_name();
  }

  [[nodiscard]] std::error_code bind_unix(const listen_options& options) {
    const std::string& path = options.unix_path;
    if (path.size() > unix_socket_file::longest_path) return std::make_error_code(std::errc::filename_too_long);
    unix_permissions permissions;
    std::error_code failed = permissions.read(options.unix_mode, options.unix_group);
    if (failed) return failed;
    const ::sockaddr_un at = unix_socket_file::address_of(path);
    const ::socklen_t size = unix_socket_file::address_size(path);
    failed = bind(&at, size, AF_UNIX, options);
    if (failed == std::errc::address_in_use && unix_socket_file::remove_stale(path)) {
      ::close(std::exchange(descriptor_, -1));
      failed = bind(&at, size, AF_UNIX, options);
    }
    if (failed) return failed;
    file_.keep(path);
    // Before it listens, so that nobody can connect with other permissions than these.
    if ((failed = permissions.apply(path))) return failed;
    return listen(options);
  }

  [[nodiscard]] std::error_code bind(const void* address, ::socklen_t size, int family, const listen_options& options) {
    family_ = family;
    descriptor_ = native_socket::open(family);
    if (descriptor_ < 0) return last_error();
    const int on = 1;
    if (options.reuse_address && ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
      return last_error();
    return ::bind(descriptor_, static_cast<const ::sockaddr*>(address), size) == 0 ? std::error_code{} : last_error();
  }

  /// An accepted TCP socket has the options of its listener, so none of them takes a call for each connection.
  [[nodiscard]] std::error_code listen(const listen_options& options) noexcept {
    prepares_each_ = family_ == AF_UNIX && send_buffer_.has_value();
    if (!prepares_each_) prepare(descriptor_);
    return ::listen(descriptor_, options.backlog) == 0 ? std::error_code{} : last_error();
  }

  /// The descriptor may block, and would survive an exec: systemd hands over such ones.
  [[nodiscard]] std::error_code adopt(int given) noexcept {
    if (const std::error_code failed = check(given)) return failed;
    if (const std::error_code failed = native_socket::keep_from_blocking(given)) return failed;
    descriptor_ = given;
    const std::error_code failed = read_name();
    if (failed) descriptor_ = -1;
    was_given_ = !failed;
    prepares_each_ = true;  // clients may wait in it already, and another process may have it as well
    return failed;
  }

  void prepare(int socket) const noexcept {
    if (send_buffer_) (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &*send_buffer_, sizeof *send_buffer_);
    native_socket::prepare(socket, family_, user_timeout_);
  }

  [[nodiscard]] std::error_code read_name() noexcept {
    ::sockaddr_storage bound{};
    ::socklen_t size = sizeof bound;
    if (::getsockname(descriptor_, reinterpret_cast<::sockaddr*>(&bound), &size) != 0) return last_error();
    family_ = bound.ss_family;
    bound_ = peer_address(&bound, size);
    return {};
  }

  [[nodiscard]] int accept_one(::sockaddr_storage& peer, ::socklen_t& size) noexcept {
    return native_socket::accept(descriptor_, reinterpret_cast<::sockaddr*>(&peer), size);
  }

  void turn_away(counter& turned_away) noexcept {
    reserve_.release();
    for (int i = 0; i < turned_away_per_pause; ++i) {
      ::sockaddr_storage peer;
      ::socklen_t size = sizeof peer;
      const int accepted = accept_one(peer, size);
      if (accepted < 0) break;
      ::close(accepted);
      turned_away.add();
    }
    reserve_.acquire();
  }

  int descriptor_ = -1;
  int family_ = AF_UNSPEC;
  peer_address bound_;
  std::optional<int> send_buffer_;
  std::chrono::milliseconds user_timeout_{};
  bool was_given_ = false;
  bool prepares_each_ = false;  // an accepted socket does not have all options from it
  unix_socket_file file_;
  reserve_descriptor reserve_;
};

}  // namespace hotline::detail
#endif
