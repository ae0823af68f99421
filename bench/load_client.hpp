#pragma once
// Common parts of the load programs: sockets that speak as much WebSocket as a load needs, one epoll thread, the server's CPU.

#include "client_frame.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace load {

using clock_type = std::chrono::steady_clock;

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// `--name value` pairs and `--flag`s of a command line.
class arguments {
 public:
  arguments(int argc, char** argv) : words_(argv + 1, argv + argc) {}

  [[nodiscard]] bool has(std::string_view flag) const {
    return std::find(words_.begin(), words_.end(), flag) != words_.end();
  }
  [[nodiscard]] std::string text(std::string_view name, std::string otherwise) const {
    const auto found = std::find(words_.begin(), words_.end(), name);
    return found == words_.end() || found + 1 == words_.end() ? otherwise : std::string(found[1]);
  }
  [[nodiscard]] double number(std::string_view name, double otherwise) const {
    const std::string given = text(name, "");
    return given.empty() ? otherwise : std::atof(given.c_str());
  }
  [[nodiscard]] std::size_t count(std::string_view name, std::size_t otherwise) const {
    return static_cast<std::size_t>(number(name, static_cast<double>(otherwise)));
  }

 private:
  std::vector<std::string_view> words_;
};

/// Counts a server's frames, those of messages, without keeping any.
class frame_counter {
 public:
  std::size_t feed(std::string_view bytes) {
    std::size_t messages = 0;
    while (!bytes.empty()) {
      if (payload_left_ > 0) {
        const std::size_t skipped = std::min(payload_left_, bytes.size());
        payload_left_ -= skipped;
        bytes.remove_prefix(skipped);
      } else {
        header_[have_++] = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (have_ < 2) continue;
        const std::size_t length = header_[1] & 127U;
        const std::size_t wanted = length == 126 ? 4 : length == 127 ? 10 : 2;
        if (have_ < wanted) continue;
        payload_left_ = wanted == 2 ? length : 0;
        for (std::size_t i = 2; i < wanted; ++i) payload_left_ = payload_left_ << 8 | header_[i];
        have_ = 0;
      }
      const bool is_message = (header_[0] & 15U) < 8;
      if (payload_left_ == 0 && have_ == 0 && is_message) ++messages;
    }
    return messages;
  }

 private:
  unsigned char header_[14] = {};
  std::size_t have_ = 0;
  std::size_t payload_left_ = 0;
};

/// A connected socket that has asked to upgrade. The source address rotates: one address has ports for some ten thousand.
inline int open_socket(std::uint16_t port, std::size_t index, const std::string& target, const std::string& headers) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(index % 100));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) fail("bind");
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string head = "GET " + target +
                           " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
                           headers + "\r\n";
  if (send(fd, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) fail("send");
  return fd;
}

/// Reads the answer to the upgrade byte by byte, so that nothing after it is lost.
inline void read_head(int fd) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char c;
    if (recv(fd, &c, 1, 0) != 1) fail("handshake");
    head.push_back(c);
  }
  if (head.compare(9, 3, "101") == 0) return;
  std::fprintf(stderr, "no upgrade: %s\n", head.c_str());
  std::exit(1);
}

/// One whole text message, waited for.
inline std::string read_message(int fd) {
  unsigned char header[4];
  if (recv(fd, header, 2, MSG_WAITALL) != 2) fail("message");
  std::size_t size = header[1];
  if (size == 126) {
    if (recv(fd, header + 2, 2, MSG_WAITALL) != 2) fail("message");
    size = static_cast<std::size_t>(header[2]) << 8 | header[3];
  }
  std::string text(size, '\0');
  if (recv(fd, text.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) fail("message");
  return text;
}

/// The value of a string or number member, by a look at the text.
inline std::string member(const std::string& json, const std::string& name) {
  const std::size_t at = json.find('"' + name + "\":");
  if (at == std::string::npos) return {};
  std::size_t begin = json.find_first_not_of(' ', at + name.size() + 3);
  const bool quoted = json[begin] == '"';
  if (quoted) ++begin;
  return json.substr(begin, json.find_first_of(quoted ? "\"" : ",}", begin) - begin);
}

struct listener {
  int fd = -1;
  frame_counter frames{};
  std::size_t got = 0;
};

/// Many sockets that are read by one thread.
class crowd {
 public:
  void add(listener& l) {
    fcntl(l.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &l;
    epoll_ctl(poll_, EPOLL_CTL_ADD, l.fd, &event);
  }

  /// Reads for everybody until each has had `expected` messages, which then are counted off; `answer` is called for each
  /// message that comes.
  template <class Answer>
  void wait(std::vector<listener>& all, std::size_t expected, Answer answer) {
    std::size_t waiting = 0;
    for (const listener& l : all) waiting += l.fd >= 0 && l.got < expected ? 1U : 0U;
    while (waiting > 0) {
      const int ready = epoll_wait(poll_, events_.data(), static_cast<int>(events_.size()), 20'000);
      if (ready <= 0) {
        std::fprintf(stderr, "%zu listeners wait in vain\n", waiting);
        std::exit(1);
      }
      for (int i = 0; i < ready; ++i) {
        listener& l = *static_cast<listener*>(events_[static_cast<std::size_t>(i)].data.ptr);
        const ssize_t n = recv(l.fd, buffer_.data(), buffer_.size(), 0);
        if (n <= 0) fail("recv");
        const bool was_waiting = l.got < expected;
        const std::size_t came = l.frames.feed({buffer_.data(), static_cast<std::size_t>(n)});
        l.got += came;
        bytes_ += static_cast<std::size_t>(n);
        if (was_waiting && l.got >= expected) --waiting;
        if (came > 0) answer(l, came);
      }
    }
    for (listener& l : all) l.got -= std::min(l.got, expected);
  }
  void wait(std::vector<listener>& all, std::size_t expected) {
    wait(all, expected, [](listener&, std::size_t) {});
  }

  /// Bytes of all that was read.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  int poll_ = epoll_create1(0);
  std::vector<epoll_event> events_ = std::vector<epoll_event>(1024);
  std::vector<char> buffer_ = std::vector<char>(1 << 18);
  std::size_t bytes_ = 0;
};

/// CPU seconds of all threads of a process.
inline double cpu_seconds(int pid) {
  double sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::uint64_t nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    sum += static_cast<double>(nanoseconds) / 1e9;
  }
  return sum;
}

/// Resident memory of a process, in KiB.
inline double resident_kib(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6);
  return 0;
}

inline void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

inline double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

/// How long a slice of a load goes on: for so many seconds, or, if that is 0, for so many turns.
struct slice {
  double seconds = 0;
  std::size_t turns = 0;
  clock_type::time_point begin = clock_type::now();

  [[nodiscard]] bool over(std::size_t done) const {
    return seconds > 0 ? seconds_since(begin) >= seconds : done >= turns;
  }
};

/// Calls `take` for a slice of --seconds; with --on-request for each line of standard input, `seconds S` or `turns N`.
template <class Take>
void take_slices(const arguments& given, Take take) {
  if (!given.has("--on-request")) return take(slice{given.number("--seconds", 1)});
  char what[16];
  for (double much = 0; std::scanf("%15s %lf", what, &much) == 2;) {
    take(std::string_view(what) == "turns" ? slice{0, static_cast<std::size_t>(much)} : slice{much});
    std::fflush(stdout);
  }
}

}  // namespace load
