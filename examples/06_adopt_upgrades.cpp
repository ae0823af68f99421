// A host that accepts its own sockets and answers its own HTTP hands over the WebSocket upgrades and the browser client.
// Try it: open http://127.0.0.1:8080/ in a browser (a page by the host), which connects to /ws/demo (hotline).
#include <hotline/make_ws_manager.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using asio::ip::tcp;

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>who is here</title><link rel="icon" href="data:,">
<h1>Who is here</h1>
<ul id="seen"></ul>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/demo");
client.on("*", event => element("seen").append(
  Object.assign(document.createElement("li"), {textContent: `${event.event_type} ${event.connection_id}`})));
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
</script>
)html";

// One connection, until it is known whose it is. Pending operations keep it alive.
class visitor : public std::enable_shared_from_this<visitor> {
 public:
  visitor(tcp::socket socket, hotline::asio_transport& hotline)
      : socket_(std::move(socket)), deadline_(socket_.get_executor()), hotline_(hotline) {}

  void read_head() {
    deadline_.expires_after(std::chrono::seconds(10));
    deadline_.async_wait([self = shared_from_this()](std::error_code cancelled) {
      std::error_code ignored;
      if (!cancelled) self->socket_.close(ignored);
    });
    asio::async_read_until(socket_, asio::dynamic_buffer(read_, 8192), "\r\n\r\n",
                           [self = shared_from_this()](std::error_code failed, std::size_t) {
                             self->deadline_.cancel();
                             if (!failed) self->route();
                           });
  }

 private:
  void route() {
    // Everything read so far goes along: the head, and all bytes after it. hotline checks the request strictly
    // and answers bad ones itself, so the path is all that has to be looked at here.
    if (read_.starts_with("GET /ws/") || read_.starts_with("GET /hotline.js ")) {
      if (const auto failed = hotline_.adopt(std::move(socket_), read_))
        std::cerr << "not adopted: " << failed.message() << '\n';
    } else if (read_.starts_with("GET / ")) {
      answer("200 OK", "text/html; charset=utf-8", page);
    } else if (read_.starts_with("GET /health ")) {
      answer("200 OK", "text/plain", "fine\n");
    } else {
      answer("404 Not Found", "text/plain", "nothing here\n");
    }
  }

  void answer(std::string_view status, std::string_view type, std::string_view body) {
    response_.append("HTTP/1.1 ").append(status).append("\r\nContent-Type: ").append(type);
    response_.append("\r\nContent-Length: ").append(std::to_string(body.size()));
    response_.append("\r\nConnection: close\r\n\r\n").append(body);
    asio::async_write(socket_, asio::buffer(response_), [self = shared_from_this()](std::error_code, std::size_t) {
      std::error_code ignored;
      self->socket_.shutdown(tcp::socket::shutdown_both, ignored);
    });
  }

  tcp::socket socket_;
  asio::steady_timer deadline_;
  hotline::asio_transport& hotline_;
  std::string read_;
  std::string response_;
};

void accept(tcp::acceptor& acceptor, hotline::asio_transport& hotline) {
  acceptor.async_accept([&](std::error_code failed, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (!failed) std::make_shared<visitor>(std::move(socket), hotline)->read_head();
    accept(acceptor, hotline);
  });
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint16_t port = 8080;
  if (argc > 1 && (argc != 3 || std::string_view(argv[1]) != "--port" || !read_port(argv[2], port))) {
    std::cerr << "usage: " << argv[0] << " [--port N], where N is 0 (any free port) to 65535\n";
    return 2;
  }

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.listen = false}, {.hosts = {"localhost", "127.0.0.1"}});
  const auto tell_came = [&](const hotline::connection_info& c) {
    if (!events.emit(c.project, "came", {{"connection_id", c.id}})) std::cerr << "not told\n";
  };
  manager.on_connect(tell_came).release();  // for as long as the manager lives
  manager.on_resumed(tell_came).release();
  const auto going = manager.on_disconnect([&](const hotline::connection_info& c, const hotline::disconnection&) {
    if (!events.emit(c.project, "went", {{"connection_id", c.id}})) std::cerr << "not told\n";
  });

  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) {
    acceptor.close();                  // new ones are the host's to turn away
    manager.stop([&] { io.stop(); });  // those it adopted are hotline's; half-read heads are not waited for
  });

  if (const auto failed = manager.start()) throw std::system_error(failed);
  accept(acceptor, manager.transport());
  std::cout << "listening on http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
  io.run();
} catch (const std::exception& e) {
  std::cerr << "cannot listen: " << e.what() << "; choose another port with --port N\n";
  return 1;
}
