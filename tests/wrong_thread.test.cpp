#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/make_ws_manager.hpp>
#include <hotline/transport/epoll_transport.hpp>
#include <memory_client.hpp>
#include <patience.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read_until.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

// Members that belong to the loop, called from beside it; and the ways of calling them that are right.

using namespace hotline;
using namespace std::chrono_literals;

namespace {

// The names that other threads report, for one thread to wait for.
class told_names {
 public:
  void add(std::string_view name) {
    const std::lock_guard lock(mutex_);
    names_.emplace_back(name);
    came_.notify_all();
  }
  [[nodiscard]] std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, patience, [&] { return names_.size() >= count; });
    return names_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> names_;
};

// A client of its own thread, with a blocking socket: upgraded when it is there.
struct blocking_client {
  explicit blocking_client(std::uint16_t port) : socket(io) {
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer(std::string(
                            "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                            "Sec-WebSocket-Version: 13\r\n\r\n")));
    wait_for("\"connected\"");
  }
  void send(std::string_view message) { asio::write(socket, asio::buffer(hotline_test::client_frame(0x81, message))); }
  // All up to and with that text, which comes in one piece.
  std::string wait_for(std::string_view text) {
    const std::size_t n = asio::read_until(socket, asio::dynamic_buffer(received), std::string(text));
    const std::string taken = received.substr(0, n);
    received.erase(0, n);
    return taken;
  }
  asio::io_context io{1};
  asio::ip::tcp::socket socket;
  std::string received;
};

template <class Executor = asio::io_context::executor_type>
using manager_over = ws_manager<basic_asio_transport<Executor>>;

/// A loop of Asio's, and a transport in it.
struct asio_host {
  using transport_type = asio_transport;

  transport_type make() { return transport_type(io, listen_options{.port = 0}); }
  /// Returns when the manager has stopped.
  void run(transport_type&, const bool&) { io.run(); }
  void poll(transport_type&) { io.poll(); }
  std::error_code adopt(transport_type& transport) { return transport.adopt(asio::ip::tcp::socket(io)); }

  asio::io_context io{1};
};

/// A transport that is its own loop.
struct epoll_host {
  using transport_type = epoll_transport;

  static transport_type make() { return transport_type(listen_options{.port = 0}); }
  static void run(transport_type& transport, const bool& stopped) {
    while (!stopped) transport.wait_ready(1h);
  }
  static void poll(transport_type& transport) { transport.run_ready(); }
  static std::error_code adopt(transport_type& transport) { return transport.adopt(-1); }
};

struct number {
  std::int64_t n = 0;
  static constexpr auto fields = hotline::fields(field{"n", &number::n});
};

}  // namespace

TEMPLATE_TEST_CASE("members that belong to the loop are refused on other threads, and change nothing", "[threads]",
                   asio_host, epoll_host) {
  TestType host;
  event_emitter events;
  told_names names;
  std::atomic<int> connected{0}, others{0};
  ws_manager<typename TestType::transport_type> m(host.make(), events);
  std::thread::id loop_id;
  m.on_error([&](std::string_view where, std::exception_ptr thrown) {
     const bool here = std::this_thread::get_id() == loop_id;
     try {
       std::rethrow_exception(thrown);
     } catch (const std::system_error& e) {
       names.add((here && e.code() == errc::wrong_thread ? "" : "not: ") + std::string(where));
     }
   }).release();
  m.on_connect([&](const connection_info&) { ++connected; }).release();
  m.on_command("kept", [](const request&) { return json_object{{"by", "the loop's"}}; });
  m.on_http([](const http_request&) { return std::optional(http_response{.body = "the loop's"}); });
  REQUIRE_FALSE(m.start());
  const std::uint16_t port = m.transport().port();
  std::promise<void> runs;
  bool stopped = false;  // the loop's
  std::thread loop([&] {
    loop_id = std::this_thread::get_id();
    m.post([&] { runs.set_value(); });
    host.run(m.transport(), stopped);
  });
  REQUIRE(runs.get_future().wait_for(patience) == std::future_status::ready);
  blocking_client c(port);
  REQUIRE(m.connections().size() == 1);
  const std::string id = m.connections().front().id;

  CHECK(m.start() == errc::wrong_thread);
  CHECK(m.send_to(id, {{"type", "note"}}) == errc::wrong_thread);
  CHECK(m.send_to_principal("p", "", {{"type", "note"}}).error().code == errc::wrong_thread);
  CHECK(m.disconnect(id) == errc::wrong_thread);
  CHECK(host.adopt(m.transport()) == errc::wrong_thread);

  m.stop([&] { ++others; });
  CHECK(m.is_running());
  CHECK_FALSE(m.connection(id));
  m.on_command("kept", [&](const request&) { ++others; });
  m.template on_command<number>("kept", [&](const request&, const number&) { ++others; });
  m.remove_command("kept");
  m.authorize_commands([&](const connection_info&, const request&) -> std::optional<command_error> {
    ++others;
    return command_error{"forbidden", "no"};
  });
  m.authorize_subscriptions([&](const connection_info&, std::string_view) -> std::optional<command_error> {
    ++others;
    return command_error{"forbidden", "no"};
  });
  CHECK_FALSE(m.on_connect([&](const connection_info&) { ++others; }));
  CHECK_FALSE(m.on_disconnect([&](const connection_info&, const disconnection&) { ++others; }));
  CHECK_FALSE(m.on_resumed([&](const connection_info&) { ++others; }));
  CHECK_FALSE(m.on_session_expired([&](const connection_info&) { ++others; }));
  m.on_http([&](const http_request&) {
    ++others;
    return std::optional<http_response>();
  });
  m.client_address([&](const http_request&) {
    ++others;
    return std::string();
  });
  m.authenticate([&](const http_request&, std::string_view) {
    ++others;
    return admission();
  });
  m.compress(nullptr);
  m.reauthenticate([&](const connection_info&, std::string_view) {
    ++others;
    return admission();
  });
  CHECK_FALSE(m.on_error([&](std::string_view, std::exception_ptr) { ++others; }));
  CHECK_FALSE(m.on_log([&](log_level, std::string_view) { ++others; }));
  m.on_pace("p", {}, [&](pace) { ++others; });
  const std::vector<std::string> expected{"stop",
                                          "is_running",
                                          "connection",
                                          "on_command",
                                          "on_command",
                                          "remove_command",
                                          "authorize_commands",
                                          "authorize_subscriptions",
                                          "on_connect",
                                          "on_disconnect",
                                          "on_resumed",
                                          "on_session_expired",
                                          "on_http",
                                          "client_address",
                                          "authenticate",
                                          "compress",
                                          "reauthenticate",
                                          "on_error",
                                          "on_log",
                                          "on_pace"};
  CHECK(names.wait_for(expected.size()) == expected);

  // Everything is as it was.
  c.send(R"({"command":"kept","id":1})");
  CHECK(c.wait_for("the loop's").find("command_response") != std::string::npos);
  blocking_client later(port);
  CHECK(connected == 2);
  CHECK(others == 0);

  // Members for any thread still work, and the loop may stop itself.
  CHECK(m.broadcast_to_project("p", {{"type", "note"}}));
  CHECK(m.broadcast_to_all({{"type", "note"}}));
  CHECK(m.status().connections == 2);
  std::promise<std::error_code> on_the_loop;
  m.post([&] {
    on_the_loop.set_value(m.send_to(id, {{"type", "note"}}));
    m.stop([&] { stopped = true; });
  });
  CHECK_FALSE(on_the_loop.get_future().get());
  c.socket.close();
  later.socket.close();
  loop.join();
  CHECK(names.wait_for(expected.size()) == expected);
}

TEST_CASE("before the loop runs, and after its thread has ended, any thread may call", "[threads]") {
  asio::io_context io(1);
  event_emitter events;
  told_names names;
  auto m = std::make_unique<manager_over<>>(asio_transport(io, listen_options{.port = 0}), events);
  m->on_error([&](std::string_view where, std::exception_ptr) { names.add(where); }).release();
  std::thread([&] { REQUIRE_FALSE(m->start()); }).join();
  CHECK(m->is_running());
  CHECK(m->send_to("nobody", {{"type", "note"}}) == errc::no_such_connection);
  SECTION("it was stopped") {
    std::thread loop([&] { io.run(); });
    m->post([&] { io.stop(); });
    loop.join();
  }
  SECTION("it was polled, and is not polled any more") {
    std::thread([&] {
      bool polled = false;
      m->post([&] { polled = true; });
      while (!polled) io.poll();
    }).join();
  }
  SECTION("its run has ended, and its thread waits for something else") {
    std::promise<void> ended, over;
    std::thread loop([&, wait = over.get_future()] {
      m->post([&] { io.stop(); });
      io.run();
      ended.set_value();
      wait.wait();
    });
    ended.get_future().wait();
    CHECK(m->send_to("nobody", {{"type", "note"}}) == errc::no_such_connection);
    over.set_value();
    loop.join();
  }
  CHECK(m->send_to("nobody", {{"type", "note"}}) == errc::no_such_connection);
  CHECK(m->disconnect("nobody") == errc::no_such_connection);
  CHECK(m->is_running());
  bool stopped = false;
  m->stop([&] { stopped = true; });
  io.restart();
  io.run();  // here now
  CHECK(stopped);
  m.reset();
  CHECK(names.wait_for(0).empty());
}

TEST_CASE("before epoll_transport runs, and after its thread has ended, any thread may call", "[threads]") {
  event_emitter events;
  told_names names;
  ws_manager<epoll_transport> m(epoll_host::make(), events);
  m.on_error([&](std::string_view where, std::exception_ptr) { names.add(where); }).release();
  std::thread([&] { REQUIRE_FALSE(m.start()); }).join();
  CHECK(m.is_running());
  CHECK(m.send_to("nobody", {{"type", "note"}}) == errc::no_such_connection);
  std::thread([&] {
    bool ran = false;
    m.post([&] { ran = true; });
    while (!ran) m.transport().wait_ready(1h);
  }).join();
  CHECK(m.send_to("nobody", {{"type", "note"}}) == errc::no_such_connection);
  CHECK(m.is_running());
  bool stopped = false;
  m.stop([&] { stopped = true; });
  epoll_host::run(m.transport(), stopped);  // here now
  CHECK(m.disconnect("nobody") == errc::no_such_connection);
  CHECK(names.wait_for(0).empty());
}

TEMPLATE_TEST_CASE("a thread that polls may call between two polls, another may not", "[threads]", asio_host,
                   epoll_host) {
  TestType host;
  event_emitter events;
  told_names names;
  ws_manager<typename TestType::transport_type> m(host.make(), events);
  m.on_error([&](std::string_view where, std::exception_ptr) { names.add(where); }).release();
  REQUIRE_FALSE(m.start());
  std::promise<void> polled, over;
  std::error_code between = errc::wrong_thread;
  std::thread game([&, wait = over.get_future()] {
    bool once = false;
    m.post([&] { once = true; });
    while (!once) host.poll(m.transport());
    between = m.send_to("nobody", {{"type", "note"}});
    m.on_connect([](const connection_info&) {}).release();
    polled.set_value();
    wait.wait();
    bool stopped = false;
    m.stop([&] { stopped = true; });
    host.run(m.transport(), stopped);
  });
  polled.get_future().wait();
  CHECK(between == errc::no_such_connection);
  CHECK(m.send_to("nobody", {{"type", "note"}}) == errc::wrong_thread);
  m.remove_command("x");
  over.set_value();
  game.join();
  CHECK(names.wait_for(1) == std::vector<std::string>{"remove_command"});
}

TEST_CASE("in a strand every thread is right, beside it none", "[threads]") {
  asio::io_context io;
  const auto strand = asio::make_strand(io);
  const auto check = [&](auto executor) {
    event_emitter events;
    told_names names;
    manager_over<decltype(executor)> m(basic_asio_transport<decltype(executor)>(executor, listen_options{.port = 0}),
                                       events);
    m.on_error([&](std::string_view where, std::exception_ptr) { names.add(where); }).release();
    REQUIRE_FALSE(m.start());
    auto work = asio::make_work_guard(io);
    std::vector<std::thread> pool;
    for (int i = 0; i < 3; ++i) pool.emplace_back([&] { io.run(); });
    std::promise<void> runs;
    m.post([&] { runs.set_value(); });
    runs.get_future().wait();
    std::atomic<int> right{0}, wrong{0}, left{400};
    std::promise<void> all;
    const auto asked = [&](std::atomic<int>& count, errc expected) {
      count += m.disconnect("nobody") == expected;
      if (--left == 0) all.set_value();
    };
    for (int i = 0; i < 200; ++i) {
      asio::post(strand, [&] { asked(right, errc::no_such_connection); });
      asio::post(io, [&] { asked(wrong, errc::wrong_thread); });
    }
    all.get_future().wait();  // once it has stopped, nothing is wrong any more
    CHECK(m.disconnect("nobody") == errc::wrong_thread);
    work.reset();
    asio::post(strand, [&] { m.stop(); });
    for (std::thread& t : pool) t.join();
    CHECK(right == 200);
    CHECK(wrong == 200);
    CHECK(m.disconnect("nobody") == errc::no_such_connection);
    CHECK(names.wait_for(0).empty());
  };
  SECTION("as itself") { check(strand); }
  SECTION("as any executor") { check(asio::any_io_executor(strand)); }
}

TEST_CASE("over memory, the thread that drives it is the loop's", "[threads]") {
  event_emitter events;
  ws_manager<memory_transport> m(memory_transport(), events);
  std::vector<std::string> names;
  m.on_error([&](std::string_view where, std::exception_ptr) { names.emplace_back(where); }).release();
  std::thread([&] { REQUIRE_FALSE(m.start()); }).join();
  m.transport().run();
  std::thread([&] {
    CHECK(m.send_to("nobody", {{"type", "note"}}) == errc::wrong_thread);
    m.stop();
  }).join();
  m.transport().run();
  CHECK(m.is_running());
  CHECK(names == std::vector<std::string>{"stop"});
  CHECK(m.send_to("nobody", {{"type", "note"}}) == errc::no_such_connection);
}
