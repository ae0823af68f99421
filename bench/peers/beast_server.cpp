// Boost.Beast, as its chat example does it: each session has a queue of shared strings, and one write under way.
//
//   beast_server [--echo]

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>

#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

namespace {

namespace beast = boost::beast;
using boost::asio::ip::tcp;

class session;
std::unordered_set<session*> sessions;
bool echo = false;

class session : public std::enable_shared_from_this<session> {
 public:
  explicit session(tcp::socket socket) : stream_(std::move(socket)) {}
  ~session() { sessions.erase(this); }

  void run() {
    stream_.next_layer().socket().set_option(tcp::no_delay(true));
    stream_.async_accept([self = shared_from_this()](beast::error_code failed) {
      if (failed) return;
      sessions.insert(self.get());
      self->read();
    });
  }

  void send(const std::shared_ptr<const std::string>& message) {
    queue_.push_back(message);
    if (queue_.size() == 1) write();
  }

 private:
  void read() {
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code failed, std::size_t) {
      if (failed) return;
      const auto message = std::make_shared<const std::string>(beast::buffers_to_string(self->buffer_.data()));
      self->buffer_.consume(self->buffer_.size());
      if (echo) {
        self->send(message);
      } else {
        for (session* const s : sessions) s->send(message);
      }
      self->read();
    });
  }

  void write() {
    stream_.async_write(boost::asio::buffer(*queue_.front()),
                        [self = shared_from_this()](beast::error_code failed, std::size_t) {
                          if (failed) return;
                          self->queue_.pop_front();
                          if (!self->queue_.empty()) self->write();
                        });
  }

  beast::websocket::stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  std::deque<std::shared_ptr<const std::string>> queue_;
};

void accept_one(tcp::acceptor& acceptor) {
  acceptor.async_accept([&](beast::error_code failed, tcp::socket socket) {
    if (!failed) std::make_shared<session>(std::move(socket))->run();
    accept_one(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  echo = argc > 1 && std::string(argv[1]) == "--echo";
  boost::asio::io_context io(1);
  tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  acceptor.listen(4096);
  accept_one(acceptor);
  std::printf("listening on %d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  io.run();
}
