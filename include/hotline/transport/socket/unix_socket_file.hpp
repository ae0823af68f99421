#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE && !defined(_WIN32)

#include <hotline/transport/socket/native_socket.hpp>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

namespace hotline::detail {

/// The permissions of a Unix socket's file, which decide who may connect.
class unix_permissions {
 public:
  /// Understands what the options say, before there is a file. `group` is a name, or a number where no group has that name.
  std::error_code read(std::optional<unsigned> mode, const std::string& group) {
    if (mode && (*mode & ~0777U) != 0) return std::make_error_code(std::errc::invalid_argument);
    mode_ = mode;
    group_.reset();
    return group.empty() ? std::error_code() : find_group(group);
  }

  /// To the file itself, never to what a symbolic link in its place leads to.
  [[nodiscard]] std::error_code apply(const std::string& path) const noexcept {
    if (group_ && ::lchown(path.c_str(), static_cast<uid_t>(-1), *group_) != 0) return {errno, std::system_category()};
    if (!mode_) return {};
    const auto mode = static_cast<mode_t>(*mode_);
    if (::fchmodat(AT_FDCWD, path.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0) return {};
    // The C library may not know how, as some do not without /proc.
    struct ::stat status {};
    const bool is_socket = errno == EOPNOTSUPP && ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
    if (is_socket && ::chmod(path.c_str(), mode) == 0) return {};
    return {errno, std::system_category()};
  }

 private:
  static constexpr std::size_t longest_entry = 1024 * 1024;  // a group's line, with its members

  std::error_code find_group(const std::string& group) {
    struct ::group entry {};
    struct ::group* found = nullptr;
    int failed = ERANGE;
    for (std::vector<char> room(1024); failed == ERANGE && room.size() <= longest_entry; room.resize(room.size() * 2))
      failed = ::getgrnam_r(group.c_str(), &entry, room.data(), room.size(), &found);
    if (failed == 0 && found != nullptr) {
      group_ = entry.gr_gid;
      return {};
    }
    gid_t number = 0;
    const char* const end = group.data() + group.size();
    const auto [read, wrong] = std::from_chars(group.data(), end, number);
    // The last number stands for "as it is" in chown.
    if (wrong != std::errc{} || read != end || number == static_cast<gid_t>(-1))
      return std::make_error_code(std::errc::invalid_argument);
    group_ = number;
    return {};
  }

  std::optional<unsigned> mode_;
  std::optional<gid_t> group_;
};

/// The file of a Unix socket that we listen on.
class unix_socket_file {
 public:
  static constexpr std::size_t longest_path = sizeof(sockaddr_un{}.sun_path) - 1;

  unix_socket_file() = default;
  unix_socket_file(const unix_socket_file&) = delete;
  unix_socket_file& operator=(const unix_socket_file&) = delete;
  ~unix_socket_file() { remove(); }

  /// Returns the system's address of `path`, which has at most `longest_path` bytes.
  [[nodiscard]] static ::sockaddr_un address_of(const std::string& path) noexcept {
    ::sockaddr_un made{};
    made.sun_family = AF_UNIX;
    path.copy(made.sun_path, longest_path);
    return made;
  }

  /// The size of that address. A path that begins with a null byte is a name without a file (unix(7)), which no null byte ends.
  [[nodiscard]] static ::socklen_t address_size(const std::string& path) noexcept {
    const std::size_t end = path.empty() || path.front() != '\0' ? 1 : 0;
    return static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + path.size() + end);
  }

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

  /// From here on the file is somebody else's.
  void forget() noexcept { path_.clear(); }

  /// Removes a socket that a server which is gone left behind: one that refuses connections. Nothing else is touched.
  static bool remove_stale(const std::string& path) noexcept {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const int probe = native_socket::open(AF_UNIX);
    if (probe < 0) return false;
    const ::sockaddr_un to = address_of(path);
    const bool refused =
        ::connect(probe, reinterpret_cast<const ::sockaddr*>(&to), address_size(path)) != 0 && errno == ECONNREFUSED;
    ::close(probe);
    return refused && ::unlink(path.c_str()) == 0;
  }

 private:
  std::string path_;
  dev_t device_{};
  ino_t inode_{};
};

}  // namespace hotline::detail
#endif
