// A service that is replaced without refusing anybody: the next process takes over the socket that listens, the old one ends.
// Try it: 12_hand_over --control hand_over.sock, and open its address; start the same line again, in a second terminal:
//         the page shows another process, and the first one ends with 0. Or let systemd listen:
//         systemd-socket-activate -l 127.0.0.1:8080 12_hand_over
#include <hotline/asio_epoll.hpp>
#include <hotline/make_ws_manager.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>hand over</title><link rel="icon" href="data:,">
<p>served by process <b id="process"></b></p>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/demo");
client.onState(({state, reason = ""}) => {
  element("state").textContent = `${state} ${reason}`;
  if (state === "live") client.call("process").then(({id}) => element("process").textContent = id);
});
</script>
)html";

constexpr std::size_t most_listeners = 16;

// ------------------------------------------------------------------------------- descriptors from other processes

/// Returns what systemd has opened for a service with a socket unit, as sd_listen_fds(3) does, without its library. It
/// removes the variables, so that no child takes the descriptors for its own.
std::vector<int> listeners_of_systemd() {
  const char* const pid = std::getenv("LISTEN_PID");
  const char* const count = std::getenv("LISTEN_FDS");
  std::vector<int> listeners;
  if (pid != nullptr && count != nullptr && std::to_string(::getpid()) == pid)
    for (int i = 0; i < std::atoi(count); ++i) listeners.push_back(3 + i);
  for (const char* const name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return listeners;
}

struct passed_descriptors {
  alignas(::cmsghdr) std::array<char, CMSG_SPACE(most_listeners * sizeof(int))> room{};
  char byte = 'L';  // descriptors travel with at least one byte
  ::iovec text{&byte, 1};
  ::msghdr message{};

  passed_descriptors() {
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
  }
};

/// The descriptors stay open here, too.
bool send_descriptors(int socket, const std::vector<int>& descriptors) {
  if (descriptors.empty() || descriptors.size() > most_listeners) return false;
  passed_descriptors passed;
  passed.message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
  ::cmsghdr* const header = CMSG_FIRSTHDR(&passed.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  return ::sendmsg(socket, &passed.message, MSG_NOSIGNAL) == 1;
}

/// Waits for them. None: the other process has ended.
std::vector<int> receive_descriptors(int socket) {
  passed_descriptors passed;
  if (::recvmsg(socket, &passed.message, MSG_CMSG_CLOEXEC) != 1) return {};
  std::vector<int> descriptors;
  for (::cmsghdr* h = CMSG_FIRSTHDR(&passed.message); h != nullptr; h = CMSG_NXTHDR(&passed.message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    descriptors.resize((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(descriptors.data(), CMSG_DATA(h), descriptors.size() * sizeof(int));
  }
  return descriptors;
}

/// The process before this one, asked at the socket `path` for what it listens at. It serves on until `took_over`; if this
/// process ends before that, it goes on as if nothing had been.
class predecessor {
 public:
  /// There is none if nobody listens at `path`.
  explicit predecessor(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    ::sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    if (::connect(socket_, reinterpret_cast<const ::sockaddr*>(&at), sizeof at) == 0)
      listeners_ = receive_descriptors(socket_);
  }
  predecessor(const predecessor&) = delete;
  predecessor& operator=(const predecessor&) = delete;
  ~predecessor() { ::close(socket_); }

  [[nodiscard]] const std::vector<int>& listeners() const noexcept { return listeners_; }
  void took_over() const { (void)!::send(socket_, "T", 1, MSG_NOSIGNAL); }

 private:
  int socket_;
  std::vector<int> listeners_;
};

// ------------------------------------------------------------------------------------------------- the service

struct settings {
  std::uint16_t port = 8080;
  std::string control;  // the path at which the next process asks; empty: none does
};

/// `Manager` is over any transport that an io_context runs.
template <class Manager>
class service {
 public:
  service(asio::io_context& io, Manager& manager, const settings& s)
      : manager_(manager), control_(io), successor_(io), signals_(io, SIGINT, SIGTERM), pause_(io), path_(s.control) {
    manager_.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
      if (q.path != "/") return std::nullopt;
      return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
    });
    manager_.on_command("process", [](const hotline::request&) { return hotline::json_object{{"id", ::getpid()}}; });
  }

  /// The manager listens at `given`, or as its options say when there are none.
  [[nodiscard]] std::error_code start(const std::vector<int>& given) {
    for (const int descriptor : given)
      if (const auto failed = manager_.transport().adopt_listener(descriptor)) return failed;
    if (const auto failed = manager_.start()) return failed;
    signals_.async_wait([this](std::error_code cancelled, int) {
      if (cancelled) return;
      listeners_ = manager_.transport().release_listeners();
      leave();
    });
    return {};
  }

  /// For the next process. Only processes of the same user can connect.
  [[nodiscard]] std::error_code await_successor() {
    if (path_.empty()) return {};
    const asio::local::stream_protocol::endpoint at(path_);
    std::error_code failed;
    ::unlink(path_.c_str());  // the predecessor's, which has been asked already
    control_.open(at.protocol(), failed);
    if (!failed) control_.bind(at, failed);
    if (!failed && ::chmod(path_.c_str(), 0600) != 0) failed = {errno, std::system_category()};
    if (!failed) control_.listen(1, failed);
    if (!failed) accept_successor();
    return failed;
  }

 private:
  void accept_successor() {
    control_.async_accept(successor_, [this](std::error_code failed) {
      if (!control_.is_open()) return;
      if (failed) return accept_successor();
      hand_over();
    });
  }

  // Clients that come from here on wait in the kernel's queue until one of the two processes accepts.
  void hand_over() {
    listeners_ = manager_.transport().release_listeners();
    if (!send_descriptors(successor_.native_handle(), listeners_)) return take_back();
    successor_.async_receive(asio::buffer(&word_, 1), [this](std::error_code failed, std::size_t) {
      if (failed) return take_back();
      std::cout << "handed over" << std::endl;
      control_.close();  // its path is the successor's now
      leave();
    });
  }

  void take_back() {
    std::cerr << "the next process has not taken over\n";
    for (const int descriptor : std::exchange(listeners_, {}))
      if (const auto failed = manager_.transport().adopt_listener(descriptor))
        std::cerr << "cannot listen again: " << failed.message() << '\n';
    successor_.close();
    accept_successor();
  }

  // To close them is enough: `shutdown` would end them for the process that has them now, the successor or systemd.
  void leave() {
    signals_.cancel();
    for (const int descriptor : std::exchange(listeners_, {})) ::close(descriptor);
    if (control_.is_open()) {
      control_.close();
      ::unlink(path_.c_str());
    }
    end_after_handshakes(200);
  }

  // `stop` cuts off clients that have connected and not sent their request yet. So it waits for those, ten seconds at most.
  void end_after_handshakes(int tries) {
    if (tries == 0 || manager_.metrics().handshakes == 0)
      return manager_.stop([] { std::cout << "stopped" << std::endl; });
    pause_.expires_after(std::chrono::milliseconds(50));
    pause_.async_wait([this, tries](std::error_code) { end_after_handshakes(tries - 1); });
  }

  Manager& manager_;
  asio::local::stream_protocol::acceptor control_;
  asio::local::stream_protocol::socket successor_;
  asio::signal_set signals_;
  asio::steady_timer pause_;
  std::string path_;
  std::vector<int> listeners_;
  char word_ = 0;
};

template <class Make>
int serve(const settings& s, const Make& make) {
  asio::io_context io;
  hotline::event_emitter events;
  std::vector<int> given = listeners_of_systemd();
  std::optional<predecessor> before;
  if (given.empty() && !s.control.empty()) given = before.emplace(s.control).listeners();

  auto manager = make(io, events, hotline::listen_options{.port = s.port, .listen = given.empty()});
  service one(io, manager, s);
  if (const auto failed = one.start(given)) {
    std::cerr << "cannot listen on port " << s.port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  if (const auto failed = one.await_successor()) {
    std::cerr << "cannot listen at " << s.control << ": " << failed.message()
              << "; choose another with --control PATH\n";
    return 1;
  }
  if (before && !given.empty()) before->took_over();
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
  return 0;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  settings s;
  std::string_view transport = "epoll";
  bool is_wrong = argc % 2 == 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--port")
      is_wrong |= !read_port(argv[i + 1], s.port);
    else if (name == "--control")
      s.control = argv[i + 1];
    else if (name == "--transport")
      transport = argv[i + 1];
    else
      is_wrong = true;
  }
  if (is_wrong || (transport != "asio" && transport != "epoll")) {
    std::cerr << "usage: " << argv[0]
              << " [--port N] [--control PATH] [--transport asio|epoll], where N is 0 (any free port) to 65535\n";
    return 2;
  }
  if (transport == "asio")
    return serve(s,
                 [](auto& io, auto& events, const auto& where) { return hotline::make_ws_manager(io, events, where); });
  return serve(
      s, [](auto& io, auto& events, const auto& where) { return hotline::make_epoll_ws_manager(io, events, where); });
}
