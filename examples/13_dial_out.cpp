// The other direction: a client of a server that speaks in lines, as Redis does. It sends the lines of its arguments and prints
// the answers. It waits for a server that is not there yet, and gives up an answer that takes too long. Try it:
//   redis-server --port 6379 &
//   ./13_dial_out --port 6379 PING "INCR visits"
// With --ca FILE it speaks TLS, and trusts the issuers in that file: openssl s_server -rev sends each line back reversed.
#include <hotline/tls.hpp>
#include <hotline/transport/asio_dialer.hpp>
#include <hotline/transport/asio_resolver.hpp>
#include <hotline/transport/tls_dialer.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Sends one line after the other, each when the one before it was answered. `Dialer` is any model of `hotline::dialer`.
template <hotline::dialer Dialer>
class line_client final : public hotline::dialer_receiver<typename Dialer::connection_type> {
 public:
  using connection = typename Dialer::connection_type;

  line_client(Dialer& dialer, hotline::dial_options server, std::vector<std::string> lines)
      : dialer_(dialer), server_(std::move(server)), lines_(std::move(lines)) {}

  /// Everything happens on the dialer's loop, which has no work any more when this client is done.
  void begin() {
    if (const auto failed = dialer_.start(*this)) return give_up(failed.message());
    dial();
  }

  [[nodiscard]] bool is_done() const noexcept { return answered_ == lines_.size(); }

 private:
  static constexpr std::size_t longest_line = 64 * 1024;
  static constexpr int most_tries = 8;

  void dial() {
    if (const auto dialed = dialer_.dial(server_); !dialed) give_up(dialed.error().message);
  }

  void on_open(connection& c) override {
    tries_ = 0;
    unread_.clear();
    ask(c);
  }

  void on_dial_failed(const hotline::dial_failure& failed) override {
    come_back(failed.detail.empty() ? failed.why.message() : failed.why.message() + ": " + std::string(failed.detail));
  }

  void on_closed(connection&, std::error_code why) override {
    dialer_.cancel(deadline_);
    if (is_done()) return dialer_.stop();
    come_back(why ? why.message() : "the server has closed the connection");
  }

  /// Twice as long each time, and at most 2 seconds.
  void come_back(const std::string& reason) {
    std::cerr << "not connected: " << reason << std::endl;
    if (++tries_ == most_tries) return give_up("no more tries");
    dialer_.after(std::min<std::chrono::milliseconds>(50ms * (1 << tries_), 2s), [this] { dial(); });
  }

  void ask(connection& c) {
    if (is_done()) return dialer_.shutdown(c);
    // A line fits into any socket's buffer. Larger messages go on in on_writable where `write` took a part.
    dialer_.write(c, std::array<std::string_view, 2>{lines_[answered_], "\r\n"});
    deadline_ = dialer_.after(3s, [this, &c] { dialer_.abort(c); });
  }

  void on_data(connection& c, std::span<char> bytes) override {
    unread_.append(bytes.data(), bytes.size());
    if (unread_.size() > longest_line) return dialer_.abort(c);
    const std::size_t end = unread_.find('\n');
    if (end == std::string::npos || is_done()) return;
    std::string_view line(unread_.data(), end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::cout << line << std::endl;
    unread_.erase(0, end + 1);
    dialer_.cancel(deadline_);
    ++answered_;
    ask(c);
  }

  void on_writable(connection&) override {}
  void on_tick() override {}

  void give_up(const std::string& reason) {
    std::cerr << "giving up: " << reason << std::endl;
    dialer_.stop();
  }

  Dialer& dialer_;
  hotline::dial_options server_;
  std::vector<std::string> lines_;
  std::size_t answered_ = 0;
  std::string unread_;
  hotline::timer_id deadline_{};
  int tries_ = 0;
};

template <class Dialer>
int talk(asio::io_context& io, Dialer& dialer, hotline::dial_options server, std::vector<std::string> lines) {
  line_client<Dialer> client(dialer, std::move(server), std::move(lines));
  client.begin();
  io.run();
  return client.is_done() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  hotline::dial_options server;
  server.host = "127.0.0.1";
  std::string ca_file;
  std::vector<std::string> lines;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--host") {
      server.host = value;
    } else if (word == "--ca") {
      ca_file = value;
    } else if (word == "--port") {
      std::from_chars(value.data(), value.data() + value.size(), server.port);
    } else {
      lines.emplace_back(word);
      continue;
    }
    ++i;
  }
  if (server.port == 0 || lines.empty()) {
    std::cerr << "usage: " << argv[0] << " [--host NAME] [--ca FILE] --port N LINE...\n";
    return 2;
  }

  asio::io_context io;
  hotline::dialer_options options{.resolve = hotline::asio_resolver(io.get_executor())};
  if (ca_file.empty()) {
    hotline::asio_dialer dialer(io, std::move(options));
    return talk(io, dialer, std::move(server), std::move(lines));
  }
  hotline::tls_client_context tls;
  if (const auto failed = tls.load({.ca_file = ca_file})) {
    std::cerr << "cannot read " << ca_file << ": " << failed.message() << '\n';
    return 1;
  }
  hotline::tls_dialer dialer(io, std::move(tls), std::move(options));
  return talk(io, dialer, std::move(server), std::move(lines));
}
