// The floor: what a fan-out costs with nothing but epoll and sockets. Frames are taken as they come, without a check; what
// one turn of the loop brought goes to everybody with one send() each, or, with --echo, back to its sender. A socket that
// takes less than all loses the rest: a floor keeps no promises.
//
//   floor_server [--echo]

#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

struct client {
  bool upgraded = false;
  std::string unread;
};

std::string accept_key(const std::string& head) {
  constexpr std::string_view name = "Sec-WebSocket-Key: ";
  const std::string text = head.substr(head.find(name) + name.size(), 24) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[20], encoded[32];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  EVP_EncodeBlock(encoded, digest, sizeof digest);
  return reinterpret_cast<const char*>(encoded);
}

// Moves whole frames from the front of `in`, unmasked, to the end of `out`.
void take_frames(std::string& in, std::string& out) {
  std::size_t at = 0;
  for (;;) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(in[at + i]); };
    if (in.size() - at < 6) break;
    std::size_t header = 2, size = byte(1) & 127U;
    if (size == 126) {
      header = 4;
      size = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
    }
    if (in.size() - at < header + 4 + size) break;
    out.push_back(in[at]);
    out.push_back(static_cast<char>(byte(1) & 127U));
    if (header == 4) out.append(in, at + 2, 2);
    const char* const key = &in[at + header];
    char* const payload = &in[at + header + 4];
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ key[i & 3]);
    out.append(payload, size);
    at += header + 4 + size;
  }
  in.erase(0, at);
}

}  // namespace

int main(int argc, char** argv) {
  const bool echo = argc > 1 && std::string_view(argv[1]) == "--echo";
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listening, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listening, 4096) != 0) return 1;
  getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("listening on %d\n", ntohs(address.sin_port));
  std::fflush(stdout);

  const int poll = epoll_create1(0);
  const auto watch = [&](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  };
  watch(listening);
  std::unordered_map<int, client> clients;
  std::vector<int> upgraded;
  std::vector<epoll_event> events(1024);
  std::vector<char> buffer(1 << 18);
  std::string out;
  for (;;) {
    const int ready = epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    out.clear();
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listening) {
        const int arrived = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK);
        if (arrived < 0) continue;
        const int on = 1;
        setsockopt(arrived, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        clients[arrived];
        watch(arrived);
        continue;
      }
      client& c = clients[fd];
      const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
      if (n < 0 && errno == EAGAIN) continue;
      if (n <= 0) {
        close(fd);
        clients.erase(fd);
        upgraded.erase(std::remove(upgraded.begin(), upgraded.end(), fd), upgraded.end());
        continue;
      }
      c.unread.append(buffer.data(), static_cast<std::size_t>(n));
      if (!c.upgraded) {
        const std::size_t end = c.unread.find("\r\n\r\n");
        if (end == std::string::npos) continue;
        const std::string head =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
            accept_key(c.unread) + "\r\n\r\n";
        send(fd, head.data(), head.size(), MSG_NOSIGNAL);
        c.unread.erase(0, end + 4);
        c.upgraded = true;
        upgraded.push_back(fd);
      }
      take_frames(c.unread, out);
      if (c.unread.empty()) std::string().swap(c.unread);
      if (echo && !out.empty()) {
        send(fd, out.data(), out.size(), MSG_NOSIGNAL);
        out.clear();
      }
    }
    if (out.empty()) continue;
    for (const int fd : upgraded) send(fd, out.data(), out.size(), MSG_NOSIGNAL);
  }
}
