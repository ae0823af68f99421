// Loads a fan-out server from one thread: many listeners, one publisher that sends `window` messages, waits until every
// listener has had them all, and goes on. Prints the server's CPU per delivery, deliveries a second, and how long it
// takes until the last listener has the last message of a window.

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
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

struct settings {
  std::uint16_t port = 0;
  int server_pid = 0;
  std::string path = "/ws/bench";
  std::size_t clients = 500;
  std::size_t window = 1;
  std::size_t bytes = 200;
  double seconds = 3;
  bool raw = false;  ///< the payload itself is the message, as echo servers want it
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Counts the server's frames in a stream of them without keeping any.
class frame_counter {
 public:
  std::size_t feed(std::string_view bytes) {
    std::size_t frames = 0;
    while (!bytes.empty()) {
      if (payload_left_ > 0) {
        const std::size_t skipped = std::min(payload_left_, bytes.size());
        payload_left_ -= skipped;
        bytes.remove_prefix(skipped);
        if (payload_left_ == 0) ++frames;
        continue;
      }
      header_[have_++] = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      if (have_ < 2) continue;
      const std::size_t length = header_[1] & 127U;
      const std::size_t wanted = length == 126 ? 4 : length == 127 ? 10 : 2;
      if (have_ < wanted) continue;
      payload_left_ = length;
      if (wanted > 2) payload_left_ = 0;
      for (std::size_t i = 2; i < wanted; ++i) payload_left_ = payload_left_ << 8 | header_[i];
      have_ = 0;
      if (payload_left_ == 0) ++frames;
    }
    return frames;
  }

 private:
  unsigned char header_[14] = {};
  std::size_t have_ = 0;
  std::size_t payload_left_ = 0;
};

struct client {
  int fd = -1;
  frame_counter frames;
  std::size_t got = 0;
};

std::string masked(std::string_view payload) {
  std::string out = "\x81";
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    out.push_back(static_cast<char>(0xfe));
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 255));
  }
  out.append("\x01\x02\x03\x04");
  for (std::size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(payload[i] ^ static_cast<char>(i % 4 + 1)));
  return out;
}

int connect_one(const settings& s, std::size_t index) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(index % 100));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) fail("bind");
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(s.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string head = "GET " + s.path +
                           " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  if (send(fd, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) fail("send");
  return fd;
}

// Reads the answer to the upgrade byte by byte, so that nothing behind it is lost.
void read_head(int fd) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char c;
    if (recv(fd, &c, 1, 0) != 1) fail("handshake");
    head.push_back(c);
  }
  if (head.compare(9, 3, "101") != 0) {
    std::fprintf(stderr, "no upgrade: %s\n", head.c_str());
    std::exit(1);
  }
}

double server_cpu_seconds(int pid) {
  std::uint64_t on_cpu = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/schedstat") >> on_cpu;
  return static_cast<double>(on_cpu) / 1e9;
}

settings parse(int argc, char** argv) {
  settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--raw") {
      s.raw = true;
      continue;
    }
    if (++i == argc) break;
    if (name == "--port") s.port = static_cast<std::uint16_t>(std::atoi(argv[i]));
    if (name == "--pid") s.server_pid = std::atoi(argv[i]);
    if (name == "--path") s.path = argv[i];
    if (name == "--clients") s.clients = static_cast<std::size_t>(std::atoi(argv[i]));
    if (name == "--window") s.window = static_cast<std::size_t>(std::atoi(argv[i]));
    if (name == "--bytes") s.bytes = static_cast<std::size_t>(std::atoi(argv[i]));
    if (name == "--seconds") s.seconds = std::atof(argv[i]);
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  const settings s = parse(argc, argv);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  const int poll = epoll_create1(0);
  std::vector<client> clients(s.clients);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    client& c = clients[i];
    c.fd = connect_one(s, i);
    read_head(c.fd);
    fcntl(c.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    epoll_ctl(poll, EPOLL_CTL_ADD, c.fd, &event);
  }
  const int publisher = connect_one(s, 0);
  read_head(publisher);

  const std::string data(s.bytes, 'x');
  const std::string message = masked(s.raw ? data : R"({"command":"publish","payload":{"data":")" + data + "\"}}");
  std::string burst;
  for (std::size_t i = 0; i < s.window; ++i) burst += message;

  std::vector<epoll_event> events(1024);
  std::vector<char> buffer(1 << 18);
  // One round: `expected` frames for every listener. The first takes what came with connecting.
  const auto round = [&](std::size_t expected) {
    std::size_t waiting = 0;
    for (const client& c : clients) waiting += c.got < expected ? 1U : 0U;
    while (waiting > 0) {
      const int ready = epoll_wait(poll, events.data(), static_cast<int>(events.size()), 5000);
      if (ready <= 0) {
        std::fprintf(stderr, "%zu listeners wait in vain\n", waiting);
        std::exit(1);
      }
      for (int i = 0; i < ready; ++i) {
        client& c = *static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr);
        const ssize_t n = recv(c.fd, buffer.data(), buffer.size(), 0);
        if (n <= 0) fail("recv");
        const bool was = c.got < expected;
        c.got += c.frames.feed({buffer.data(), static_cast<std::size_t>(n)});
        if (was && c.got >= expected) --waiting;
      }
    }
    for (client& c : clients) c.got -= expected;
    while (recv(publisher, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
    }
  };
  if (!s.raw) round(1);  // `connected`

  std::vector<double> times;
  const auto run_for = [&](double seconds) {
    const auto until = clock_type::now() + std::chrono::duration<double>(seconds);
    std::size_t rounds = 0;
    for (; clock_type::now() < until; ++rounds) {
      const auto begin = clock_type::now();
      if (send(publisher, burst.data(), burst.size(), 0) != static_cast<ssize_t>(burst.size())) fail("publish");
      round(s.window);
      times.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - begin).count());
    }
    return rounds;
  };
  run_for(s.seconds / 5);
  times.clear();
  const double cpu_before = server_cpu_seconds(s.server_pid);
  const auto begin = clock_type::now();
  const std::size_t rounds = run_for(s.seconds);
  const double wall = std::chrono::duration<double>(clock_type::now() - begin).count();
  const double cpu = server_cpu_seconds(s.server_pid) - cpu_before;
  const double deliveries = static_cast<double>(rounds * s.window * s.clients);
  std::sort(times.begin(), times.end());
  std::printf("cpu_us_per_delivery %.4f deliveries_per_s %.0f p50_us %.0f p99_us %.0f\n", cpu * 1e6 / deliveries,
              deliveries / wall, times[times.size() / 2], times[times.size() * 99 / 100]);
}
