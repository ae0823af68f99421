#pragma once

#include <asio/local/stream_protocol.hpp>

#include <cerrno>
#include <cstddef>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hotline::detail {

/// The file of a Unix socket that we listen on.
class unix_socket_file {
 public:
  static constexpr std::size_t longest_path = sizeof(sockaddr_un{}.sun_path) - 1;

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

}  // namespace hotline::detail
