#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/server/transport_carrier.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::opaque_socket;
using detail::transport_carrier;

namespace {

using list = std::vector<std::string>;

struct plain_socket {
  void*& context() { return owner; }
  [[nodiscard]] std::string remote_address() const { return name; }

  std::string name;
  void* owner = nullptr;
};

/// Shared by the copies of a transport and their test.
template <class Socket>
struct transport_notes {
  list calls;
  transport_receiver<Socket>* receiver = nullptr;
  manual_environment env;
};

/// A transport with no optional member. It notes its calls.
template <class Socket>
class plain_transport_over {
 public:
  using connection_type = Socket;
  using notes = transport_notes<Socket>;

  explicit plain_transport_over(std::shared_ptr<notes> kept) : notes_(std::move(kept)) {}

  std::error_code start(transport_receiver<Socket>& receiver) {
    notes_->receiver = &receiver;
    note("start");
    return std::make_error_code(std::errc::address_in_use);
  }
  void stop_accepting() { note("stop_accepting"); }
  void stop() { note("stop"); }
  std::size_t write(Socket& c, std::span<const std::string_view> bytes) {
    std::string all;
    for (const std::string_view part : bytes) all.append(part);
    note("write " + c.name + " " + all);
    return all.size() - 1;
  }
  void pause_reading(Socket& c) { note("pause_reading " + c.name); }
  void resume_reading(Socket& c) { note("resume_reading " + c.name); }
  void shutdown(Socket& c) { note("shutdown " + c.name); }
  void abort(Socket& c) { note("abort " + c.name); }
  void post(std::function<void()> f) {
    note("post");
    f();
  }
  environment& env() { return notes_->env; }

 protected:
  void note(std::string call) const { notes_->calls.push_back(std::move(call)); }

 private:
  std::shared_ptr<notes> notes_;
};
using plain_transport = plain_transport_over<plain_socket>;

struct local_socket : plain_socket {
  [[nodiscard]] bool through_loopback() const { return true; }
};

/// A transport with all optional members.
class whole_transport : public plain_transport_over<local_socket> {
 public:
  using plain_transport_over::plain_transport_over;

  [[nodiscard]] bool runs_elsewhere() const { return true; }
  [[nodiscard]] std::string_view scheme() { return "https"; }
  [[nodiscard]] bool has_input(local_socket& c) const { return c.name == "with input"; }
  [[nodiscard]] std::chrono::nanoseconds lateness() const { return 7ms; }
  [[nodiscard]] std::uint64_t turned_away() { return 9; }
};

/// Notes what a carrier calls. Each socket is given `of` as its connection, unless there is none.
class noting_receiver final : public detail::carrier_receiver {
 public:
  explicit noting_receiver(detail::connection* of) : of_(of) {}

  void on_open(opaque_socket& socket, void*& context) override {
    opened.push_back(&socket);
    context = of_;
  }
  void on_data(detail::connection& c, std::span<char> bytes) override {
    note("data " + std::string(bytes.begin(), bytes.end()), c);
  }
  void on_writable(detail::connection& c) override { note("writable", c); }
  void on_closed(detail::connection& c, std::error_code reason) override { note("closed " + reason.message(), c); }
  void on_tick() override { calls.emplace_back("tick"); }
  void on_refused(std::string_view address, std::error_code why) override {
    calls.push_back("refused " + std::string(address) + " " + why.message());
  }

  std::vector<opaque_socket*> opened;
  list calls;

 private:
  void note(std::string call, detail::connection& c) {
    CHECK(&c == of_);
    calls.push_back(std::move(call));
  }

  detail::connection* const of_;
};

const std::error_code reset = std::make_error_code(std::errc::connection_reset);

}  // namespace

TEST_CASE("a carrier hands each call to its transport, with the socket that it is about", "[server]") {
  const auto notes = std::make_shared<transport_notes<plain_socket>>();
  transport_carrier<plain_transport> carrier{plain_transport(notes)};
  hotline_test::lone_connection one;
  noting_receiver receiver(&one.c);
  CHECK(carrier.start(receiver) == std::errc::address_in_use);
  plain_socket a{"a"};
  notes->receiver->on_open(a);
  CHECK(a.owner == &one.c);
  REQUIRE(receiver.opened.size() == 1);
  opaque_socket& socket = *receiver.opened.front();
  notes->calls.clear();

  const std::string_view parts[] = {"on", "e"};
  CHECK(carrier.write(socket, parts) == 2);
  carrier.pause_reading(socket);
  carrier.resume_reading(socket);
  carrier.shutdown(socket);
  carrier.abort(socket);
  bool ran = false;
  carrier.post([&] { ran = true; });
  CHECK(ran);
  carrier.stop_accepting();
  carrier.stop();
  CHECK(notes->calls == list{"write a one", "pause_reading a", "resume_reading a", "shutdown a", "abort a", "post",
                             "stop_accepting", "stop"});
  CHECK(carrier.remote_address(socket) == "a");
  CHECK(&carrier.env() == &notes->env);
}

TEST_CASE("a receiver is called with the connection that it gave the socket", "[server]") {
  const auto notes = std::make_shared<transport_notes<plain_socket>>();
  transport_carrier<plain_transport> carrier{plain_transport(notes)};
  hotline_test::lone_connection one;
  noting_receiver receiver(&one.c);
  (void)carrier.start(receiver);
  plain_socket a{"a"};
  std::string bytes = "bytes";
  transport_receiver<plain_socket>& from_transport = *notes->receiver;
  from_transport.on_open(a);
  from_transport.on_data(a, bytes);
  from_transport.on_writable(a);
  from_transport.on_tick();
  from_transport.on_refused("192.0.2.1", reset);
  from_transport.on_closed(a, reset);
  CHECK(receiver.calls ==
        list{"data bytes", "writable", "tick", "refused 192.0.2.1 " + reset.message(), "closed " + reset.message()});
}

TEST_CASE("the end of a socket that got no connection reaches no one", "[server]") {
  const auto notes = std::make_shared<transport_notes<plain_socket>>();
  transport_carrier<plain_transport> carrier{plain_transport(notes)};
  noting_receiver receiver(nullptr);
  (void)carrier.start(receiver);
  plain_socket a{"a"};
  notes->receiver->on_open(a);
  notes->receiver->on_closed(a, {});
  CHECK(receiver.opened.size() == 1);
  CHECK(receiver.calls.empty());
}

TEST_CASE("a transport's optional members are passed on, or have the value for not known", "[server]") {
  SECTION("not known") {
    const auto notes = std::make_shared<transport_notes<plain_socket>>();
    transport_carrier<plain_transport> carrier{plain_transport(notes)};
    hotline_test::lone_connection one;
    noting_receiver receiver(&one.c);
    (void)carrier.start(receiver);
    plain_socket a{"with input"};
    notes->receiver->on_open(a);
    opaque_socket& socket = *receiver.opened.front();
    CHECK_FALSE(carrier.runs_elsewhere());
    CHECK(carrier.scheme().empty());
    CHECK_FALSE(carrier.through_loopback(socket));
    CHECK_FALSE(carrier.has_input(socket));
    CHECK(carrier.lateness() == 0ns);
    CHECK(carrier.turned_away() == 0);
  }
  SECTION("passed on") {
    const auto notes = std::make_shared<transport_notes<local_socket>>();
    transport_carrier<whole_transport> carrier{whole_transport(notes)};
    hotline_test::lone_connection one;
    noting_receiver receiver(&one.c);
    (void)carrier.start(receiver);
    local_socket a, b;
    a.name = "with input";
    notes->receiver->on_open(a);
    notes->receiver->on_open(b);
    CHECK(carrier.runs_elsewhere());
    CHECK(carrier.scheme() == "https");
    CHECK(carrier.through_loopback(*receiver.opened[0]));
    CHECK(carrier.has_input(*receiver.opened[0]));
    CHECK_FALSE(carrier.has_input(*receiver.opened[1]));
    CHECK(carrier.lateness() == 7ms);
    CHECK(carrier.turned_away() == 9);
  }
}
