#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace hotline {

/// Where a transport listens, and how its connections are set up. An aggregate: `{.port = 8080}` for `make_ws_manager`; to
/// a transport's constructor say `listen_options{.port = 8080}`, for it takes several as well. On Windows there is TCP alone:
/// `start` fails with `std::errc::not_supported` for a Unix socket and for a descriptor.
struct listen_options {
  std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address, no host name; "0.0.0.0" and "::" are all of them
  std::uint16_t port = 0;             ///< 0: any free one, which the transport's `port` returns
  std::string unix_path{};            ///< if not empty: a Unix socket at this path, and no TCP
  /// If set: a socket that listens already, of the TCP or the Unix family, and no address, port, path, backlog or permission
  /// of these options: systemd's LISTEN_FDS say, one of the host's with SO_REUSEPORT, or one that another process has passed
  /// by SCM_RIGHTS. `start` fails with `std::errc::invalid_argument` for another descriptor; one that it does not take is the
  /// caller's still. It is made not to block and not to survive an exec. The file of a Unix one is never removed.
  std::optional<int> descriptor = {};
  int backlog = 4096;         ///< connections that the kernel keeps while we have not accepted them
  bool listen = true;         ///< false: nothing is accepted, connections come through `adopt` alone
  bool reuse_address = true;  ///< a restarted server need not wait for old connections of its port to time out
  std::size_t read_buffer_bytes = 64 * 1024;   ///< one buffer for all connections; of several options the largest holds
  std::optional<int> socket_send_buffer = {};  ///< bytes that the kernel keeps per connection; none: it decides itself
  /// How long a TCP peer may acknowledge nothing of what it is owed, or keep its window shut, until the system gives it up
  /// and the connection ends with `std::errc::timed_out`; zero: as long as the system likes, a quarter of an hour mostly.
  /// For hosts without heartbeats: those find the same peers, and Linux, whose `TCP_USER_TIMEOUT` this is, gives up who
  /// stalls for a moment as well (docs/decisions/0011). For adopted sockets that of the first options holds.
  std::chrono::milliseconds user_timeout{0};
  /// The permissions of the file at `unix_path`, 0660 say: at most 0777; none: 0777 without the process's umask. To connect
  /// takes write permission, and the directory's `x`. They are set before anybody can connect, and no umask is changed. A
  /// failure of either is one of `start`, after which there is no file: `std::errc::invalid_argument` for a mode beyond
  /// 0777, for a group that does not exist, and for either without `unix_path`; `operation_not_permitted` for a group that
  /// the process may not give files to.
  std::optional<unsigned> unix_mode = {};
  std::string unix_group{};  ///< the file's group, a name or a number; empty: the process's
  /// Whether every connection that is accepted begins with a PROXY protocol header, version 1 or 2 (haproxy `send-proxy` and
  /// `send-proxy-v2`, AWS NLB), before TLS as well. `remote_address` then tells the client that the header names, and the
  /// socket's own peer where it names none (`LOCAL`, `UNKNOWN`: a proxy's health checks). A connection without a proper
  /// header ends unseen; `on_refused` is called. Only for listeners that the proxy alone can reach, because the header can
  /// name any address. Adopted sockets have none: `adopt` takes the address.
  bool proxy_protocol = false;
  std::chrono::milliseconds proxy_header_timeout{10'000};  ///< for the whole header; over it: closed at the next tick
  /// Connections whose header is awaited; over it, of the address that has most of them, the one that has waited longest is
  /// closed. Zero allows none.
  std::size_t proxy_headers_at_once = 1'024;
};

}  // namespace hotline
#endif
