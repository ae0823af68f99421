// Ten thousand clients that come and go for a while: some say goodbye, some break off, some fall silent for ever or stop
// reading for a time; half of them come back to their session. Each checks that the events of its project come to it one
// after the other, whatever happens. At the end all leave, and the server must be as it was.
//
//   soak_load --port P --pid PID --keep S [--clients N] [--seconds S] [--churn PERCENT]
//
// --keep is what fanout_server was given. Ends with 1 when an event was lost or came twice, a command was not answered, a
// session could not be resumed in time, somebody was closed who had done nothing, or memory or descriptors have not come
// back: `most_left` says what may be left.

#include "load_client.hpp"

#include <cerrno>
#include <cstring>
#include <map>
#include <random>

namespace {

constexpr std::size_t projects = 50;
constexpr double step = 0.1;

/// The memory that may be left: of memory in use, the variation of the allocator's and the containers' bookkeeping, which is
/// less than one session in thirty would be of those that leave ten thousand clients in ten minutes; of resident memory,
/// pages that are held by a few bytes each. Both against what was there when everybody had been there for a while and was
/// gone again: what the event loop and the tables keep for the most connections that they ever had is there then.
struct most_left {
  static constexpr double in_use_kib = 2 * 1024;
  static constexpr double resident_kib = 8 * 1024;
};

struct state {
  double in_use_kib = 0, resident_kib = 0;
  std::size_t connections = 0, descriptors = 0;
};

/// The server as it tells it itself, and as the kernel does.
state look_at(std::uint16_t port, int pid) {
  state seen;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) load::fail("connect");
  const std::string request = "GET /memory HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  if (send(fd, request.data(), request.size(), 0) < 0) load::fail("send");
  std::string answer;
  char piece[1024];
  for (ssize_t n = 0; (n = recv(fd, piece, sizeof piece, 0)) > 0;) answer.append(piece, static_cast<std::size_t>(n));
  close(fd);
  const std::size_t body = answer.find("\r\n\r\n");
  unsigned long long bytes = 0;
  if (body == std::string::npos || std::sscanf(answer.c_str() + body, "%llu %zu", &bytes, &seen.connections) != 2)
    load::fail("GET /memory");
  seen.in_use_kib = static_cast<double>(bytes) / 1024;
  seen.resident_kib = load::resident_kib(pid);
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
    ++seen.descriptors;
  return seen;
}

struct client {
  int fd = -1;
  std::string unread;
  std::string token, epoch;
  std::uint64_t heard = 0;  // the last event
  double until = 0;         // when it reads on, or comes back
  double left_at = 0;
  bool greeted = false, stalled = false, resumes = false, closing = false;
  std::size_t asked = 0;  // commands that are still to be answered
};

class soak {
 public:
  explicit soak(const load::arguments& given)
      : port_(static_cast<std::uint16_t>(given.count("--port", 0))),
        pid_(static_cast<int>(given.count("--pid", 0))),
        keep_(given.number("--keep", 20)),
        seconds_(given.number("--seconds", 600)),
        churn_(given.number("--churn", 2) / 100),
        clients_(given.count("--clients", 10'000)) {}

  int run() {
    report("at first", fresh_ = look_at(port_, pid_));
    live(2 * keep_, false);
    until_quiet(fresh_, false);
    report("once everybody has been there", before_ = look_at(port_, pid_));

    live(seconds_, true);
    const bool back = until_quiet(before_, true);
    const state after = look_at(port_, pid_);
    report("after all have left", after);
    std::printf("in use %+.0f KiB, at most %+.0f; resident %+.0f KiB, at most %+.0f; descriptors %+d; %s\n",
                after.in_use_kib - before_.in_use_kib, most_left::in_use_kib, after.resident_kib - before_.resident_kib,
                most_left::resident_kib, static_cast<int>(after.descriptors) - static_cast<int>(before_.descriptors),
                back ? "all came back" : "NOT ALL CAME BACK");
    for (const auto& [what, times] : complaints_) std::printf("FAILED: %s, %zu times\n", what.c_str(), times);
    return back && complaints_.empty() ? 0 : 1;
  }

 private:
  void live(double seconds, bool tells) {
    everybody_comes();
    const double begin = now(), end = begin + seconds;
    double next_report = begin + 30, next_step = now();
    while (now() < end) {
      pump(next_step);
      // Nothing new towards the end, so that nothing is under way then.
      if (now() >= next_step) {
        next_step += step;
        turn(now() < end - 5);
      }
      if (!tells || now() < next_report) continue;
      next_report += 30;
      report(std::to_string(static_cast<int>(now() - begin)) + " s", look_at(port_, pid_));
    }
    for (const client& c : clients_)
      if (c.fd >= 0 && !c.stalled && c.asked > 0) complain("a command was not answered");
    everybody_goes();
  }

  [[nodiscard]] double now() const { return load::seconds_since(started_); }
  [[nodiscard]] std::size_t below(std::size_t n) { return random_() % n; }
  [[nodiscard]] std::size_t number_of(const client& c) const { return static_cast<std::size_t>(&c - clients_.data()); }
  void complain(const std::string& what) { ++complaints_[what]; }

  void report(const std::string& when, const state& seen) {
    std::printf(
        "%s: %zu open, %zu silent; server: %zu connections, %zu descriptors, RSS %.1f MiB, in use %.1f MiB; "
        "events %zu, answers %zu, left %zu, stalled %zu, resumed %zu, gaps %zu",
        when.c_str(), open_, silent_, seen.connections, seen.descriptors, seen.resident_kib / 1024,
        seen.in_use_kib / 1024, events_, answers_, left_, stalls_, resumed_, gaps_);
    for (const auto& [reason, times] : refused_) std::printf(", %s %zu", reason.c_str(), times);
    for (const auto& [code, times] : closed_) std::printf(", closed %s %zu", code.c_str(), times);
    std::printf("\n");
    std::fflush(stdout);
  }

  // ------------------------------------------------------------------------------------------- coming and going

  void come(client& c) {
    const std::size_t number = number_of(c);
    std::string target = "/ws/soak" + std::to_string(number % projects);
    c.resumes = c.resumes && !c.token.empty();
    if (c.resumes) target += "?resume=" + c.token + "&epoch=" + c.epoch + "&after=" + std::to_string(c.heard);
    c.fd = load::open_socket(port_, number, target, "");
    load::read_head(c.fd);
    fcntl(c.fd, F_SETFL, O_NONBLOCK);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
    c.unread.clear();
    c.greeted = c.stalled = c.closing = false;
    c.asked = 0;
    ++open_;
  }

  void watch(client& c, int what, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number_of(c);
    if (epoll_ctl(poll_, what, c.fd, &event) != 0) load::fail("epoll_ctl");
  }

  void gone(client& c, double comes_back) {
    c.fd = -1;
    c.left_at = now();
    c.until = comes_back;
    --open_;
  }

  void leave(client& c) {
    ++left_;
    const std::size_t how = below(10);
    c.resumes = below(2) == 0;
    double back = now() + static_cast<double>(below(2000)) / 1000;
    if (how < 2) {  // says goodbye: the session is over
      c.resumes = false;
      const std::string goodbye("\x88\x82\0\0\0\0\x03\xe8", 8);
      (void)!send(c.fd, goodbye.data(), goodbye.size(), MSG_NOSIGNAL);
      close(c.fd);
    } else if (how < 5) {
      close(c.fd);
    } else if (how < 8) {
      const linger at_once{1, 0};
      setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      close(c.fd);
    } else {  // vanishes: nothing comes from it any more, until the server gives it up
      epoll_event event{};
      event.events = EPOLLRDHUP;
      event.data.u64 = clients_.size() + static_cast<std::size_t>(c.fd);
      if (epoll_ctl(poll_, EPOLL_CTL_MOD, c.fd, &event) != 0) load::fail("epoll_ctl");
      ++silent_;
    }
    if (how == 2) back = now() + keep_ + 3;  // too late
    gone(c, back);
  }

  void everybody_comes() {
    for (client& c : clients_) {
      c.resumes = false;
      come(c);
      if (number_of(c) % 100 == 0) pump(0);
    }
    const double patience = now() + 60;
    while (std::any_of(clients_.begin(), clients_.end(), [](const client& c) { return c.fd >= 0 && !c.greeted; })) {
      if (now() > patience) return complain("a client was not greeted");
      pump(now() + step);
    }
  }

  void everybody_goes() {
    for (client& c : clients_)
      if (c.fd >= 0) leave(c);
  }

  /// Whether all has come back to what it was, given the time that everything is kept for.
  bool until_quiet(const state& before, bool wants_memory) {
    const double begin = now();
    while (now() < begin + 2 * keep_ + 20) {
      pump(now() + 1);
      const state seen = look_at(port_, pid_);
      const bool memory = !wants_memory || (seen.in_use_kib <= before.in_use_kib + most_left::in_use_kib &&
                                            seen.resident_kib <= before.resident_kib + most_left::resident_kib);
      // Sessions and events are kept as long; before that nothing can be said.
      if (now() > begin + keep_ + 5 && silent_ == 0 && memory && seen.connections <= before.connections &&
          seen.descriptors <= before.descriptors)
        return true;
    }
    return false;
  }

  // ------------------------------------------------------------------------------------------------- a tenth second

  void turn(bool go_on) {
    for (client& c : clients_) {
      if (now() < c.until) continue;
      if (c.fd < 0) {
        come(c);
      } else if (c.stalled) {
        c.stalled = false;
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
      }
    }
    if (!go_on) return;
    const auto some = static_cast<std::size_t>(churn_ * step * static_cast<double>(clients_.size())) + 1;
    for (std::size_t i = 0; i < some; ++i)
      if (client* const c = somebody()) leave(*c);
    for (std::size_t i = 0; i < some / 2; ++i) {
      // A client that has just begun to read again has its pings to answer first.
      if (client* const c = somebody(); c != nullptr && now() > c->until + 2) {
        ++stalls_;
        c->stalled = true;
        c->until = now() + static_cast<double>(below(static_cast<std::size_t>(keep_ * 500))) / 1000;
        watch(*c, EPOLL_CTL_MOD, EPOLLRDHUP);
      }
    }
    for (std::size_t i = 0; i < some; ++i) {
      if (client* const c = somebody()) {
        ++c->asked;
        const std::string number = std::to_string(++ids_);
        say(*c, R"({"command":"add","id":)" + number + R"(,"payload":{"a":)" + number + R"(,"b":1}})");
      }
    }
    // All projects get some events, and one of them many.
    for (int i = 0; i < 10; ++i)
      if (client* const c = somebody()) publish(*c, 200);
    for (int i = 0; i < 5; ++i) {
      client& loud = clients_[below((clients_.size() + projects - 1) / projects) * projects];
      if (is_there(loud)) publish(loud, 4000);
    }
  }

  [[nodiscard]] static bool is_there(const client& c) { return c.fd >= 0 && c.greeted && !c.stalled && !c.closing; }

  client* somebody() {
    client& c = clients_[below(clients_.size())];
    return is_there(c) ? &c : nullptr;
  }

  void publish(client& c, std::size_t bytes) {
    ++c.asked;
    say(c, R"({"command":"publish","payload":{"data":")" + std::string(bytes, 'x') + "\"}}");
  }

  void say(client& c, const std::string& message) {
    const std::string bytes = client_frame(message);
    if (send(c.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      complain("the server does not read");
  }

  // ------------------------------------------------------------------------------------------------- what is heard

  void pump(double until) {
    do {
      const double left = std::max(0.0, until - now());
      const int ready =
          epoll_wait(poll_, ready_.data(), static_cast<int>(ready_.size()), static_cast<int>(left * 1000));
      for (int i = 0; i < ready; ++i) {
        const std::size_t who = ready_[static_cast<std::size_t>(i)].data.u64;
        if (who < clients_.size()) {
          read(clients_[who]);
        } else {
          close(static_cast<int>(who - clients_.size()));
          --silent_;
        }
      }
    } while (now() < until);
  }

  void read(client& c) {
    const ssize_t n = recv(c.fd, buffer_.data(), buffer_.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      if (!c.closing)
        complain(std::string("a line broke by itself: ") + (n == 0 ? "end of input" : std::strerror(errno)) +
                 (c.greeted ? ", once greeted" : ", before it was greeted"));
      c.resumes = true;
      close(c.fd);
      return gone(c, now() + 1);
    }
    c.unread.append(buffer_.data(), static_cast<std::size_t>(n));
    std::size_t at = 0;
    while (const std::size_t taken = take_frame(c, at)) at += taken;
    c.unread.erase(0, at);
  }

  // How many bytes the frame that begins there has; 0 when it is not there whole.
  std::size_t take_frame(client& c, std::size_t at) {
    const auto byte = [&](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(c.unread[at + i]));
    };
    const std::size_t there = c.unread.size() - at;
    if (there < 4) return there >= 2 && byte(1) == 0 ? control(c, byte(0), {}), std::size_t{2} : std::size_t{0};
    const std::size_t header = byte(1) == 126 ? 4 : byte(1) == 127 ? 10 : 2;
    if (there < header) return 0;
    std::size_t size = header == 2 ? byte(1) : 0;
    for (std::size_t i = 2; i < header; ++i) size = size << 8 | byte(i);
    if (there < header + size) return 0;
    const std::string payload = c.unread.substr(at + header, size);
    if (byte(0) == 0x81)
      message(c, payload);
    else
      control(c, byte(0), payload);
    return header + size;
  }

  void control(client& c, std::size_t first, const std::string& payload) {
    if (first == 0x89) {
      std::string pong = client_frame(payload);
      pong[0] = '\x8a';
      (void)!send(c.fd, pong.data(), pong.size(), MSG_NOSIGNAL);
    } else if (first == 0x88) {
      c.closing = true;
      const std::string code =
          payload.size() < 2
              ? "without a code"
              : std::to_string(static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]));
      ++closed_[code];
      complain("somebody was closed who had done nothing: " + code);
    }
  }

  void message(client& c, const std::string& text) {
    const auto is = [&](std::string_view type) { return text.compare(9, type.size(), type) == 0; };
    const auto number = [&](const char* name) { return std::strtoull(load::member(text, name).c_str(), nullptr, 10); };
    if (is("event\"")) {
      const std::uint64_t seq = number("seq");
      if (seq != c.heard + 1) complain(seq <= c.heard ? "an event came twice, or late" : "an event was lost");
      c.heard = seq;
      ++events_;
    } else if (is("gap\"")) {
      if (number("from") != c.heard + 1) complain("a gap that does not fit");
      c.heard = number("to");
      ++gaps_;
    } else if (is("command_response\"")) {
      ++answers_;
      --c.asked;
    } else if (is("connected\"")) {
      c.greeted = true;
      c.token = load::member(text, "token");
      c.epoch = load::member(text, "epoch");
      const bool resumed = text.find("\"resumed\":true") != std::string::npos;
      if (resumed) {
        ++resumed_;
      } else {
        c.heard = number("seq");
        if (!c.resumes) return;
        const std::string reason = load::member(text, "reason");
        ++refused_[reason];
        if (now() < c.left_at + keep_ / 2) complain("a session was not resumed: " + reason);
      }
    } else if (is("command_error\"") || is("error\"")) {
      complain(load::member(text, "code"));
    }
  }

  std::uint16_t port_;
  int pid_;
  double keep_, seconds_, churn_;
  std::vector<client> clients_;
  int poll_ = epoll_create1(0);
  std::vector<epoll_event> ready_ = std::vector<epoll_event>(1024);
  std::vector<char> buffer_ = std::vector<char>(1 << 18);
  load::clock_type::time_point started_ = load::clock_type::now();
  std::mt19937_64 random_{1};
  state fresh_, before_;
  std::size_t open_ = 0, silent_ = 0, events_ = 0, answers_ = 0, left_ = 0, stalls_ = 0, resumed_ = 0, gaps_ = 0,
              ids_ = 0;
  std::map<std::string, std::size_t> complaints_, refused_, closed_;
};

}  // namespace

int main(int argc, char** argv) {
  load::raise_descriptor_limit();
  return soak(load::arguments(argc, argv)).run();
}
