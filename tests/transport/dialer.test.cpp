// Promises that the suite cannot ask of any dialer: about sockets of the system, other threads, and the ends of loops and objects.

#include <hotline/transport/asio_dialer.hpp>
#include <hotline/transport/asio_resolver.hpp>
#include <hotline/transport/epoll_dialer.hpp>
#include <hotline/transport/system_resolver.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>

#include <catch2_any.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dialer_conformance.hpp"
#include "dialing_fixture.hpp"
#include "socket_kinds.hpp"
#include "socket_places.hpp"

using namespace std::chrono_literals;

namespace {

using dialer_conformance::place;
using hotline::dial_failure;
using hotline::dial_options;
using hotline::errc;

using over_asio_dialer = over_asio_with<hotline::asio_dialer>;
using over_epoll_dialer = over_epoll_with<hotline::epoll_dialer>;

/// Over an executor of another kind than an io_context's.
template <class Executor>
struct over_executor : over_asio_with<hotline::basic_asio_dialer<Executor>> {
  template <class... Arguments>
  [[nodiscard]] static auto make(asio_driven_loop& loop, Arguments&&... arguments) {
    return hotline::basic_asio_dialer<Executor>(Executor(asio::make_strand(loop.io)),
                                                std::forward<Arguments>(arguments)...);
  }
};
using over_strand = over_executor<asio::strand<asio::io_context::executor_type>>;
using over_any_executor = over_executor<asio::any_io_executor>;

/// Calls functions of the test.
template <class Dialer>
struct receiver final : hotline::dialer_receiver<typename Dialer::connection_type> {
  using connection = typename Dialer::connection_type;

  void on_open(connection& c) override {
    opened.push_back(&c);
    if (when_open) when_open();
  }
  void on_data(connection&, std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void on_writable(connection&) override {}
  void on_closed(connection&, std::error_code) override { ++closed; }
  void on_tick() override { ++ticks; }
  void on_dial_failed(const dial_failure& f) override {
    failures.push_back(f);
    if (when_failed) when_failed();
  }

  std::vector<connection*> opened{};
  std::vector<dial_failure> failures{};
  std::string data{};
  int closed = 0;
  int ticks = 0;
  std::function<void()> when_open{};
  std::function<void()> when_failed{};
};

template <class Over>
struct world : dialing_fixture<Over> {
  world() { REQUIRE(this->dialer().start(r) == std::error_code{}); }
  void dial(const dial_options& options) { REQUIRE(this->dialer().dial(options)); }
  bool fails() {
    const std::size_t before = r.failures.size();
    return this->drive([&] { return r.failures.size() > before; });
  }

  receiver<typename Over::transport_type> r;
};

}  // namespace

TEST_CASE("asio_dialer over a strand is a dialer", "[dialer]") {
  dialer_conformance::run<dialing_fixture<over_strand>>();
}

TEST_CASE("asio_dialer over any_io_executor is a dialer", "[dialer]") {
  dialer_conformance::run<dialing_fixture<over_any_executor>>();
}

TEMPLATE_TEST_CASE("a connection tells the address that was reached", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  world<TestType> w;
  const auto theirs = w.accept();
  w.dial(w.accepting());
  REQUIRE(w.drive([&] { return w.r.opened.size() == 1; }));
  CHECK(w.r.opened[0]->remote_address() == w.address(place::accepts) + ":" + std::to_string(w.port()));
}

TEMPLATE_TEST_CASE("Unix sockets fail as the system says", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  world<TestType> w;
  const scratch_directory directory;
  dial_options options;
  options.unix_path = directory.file("nothing");
  w.dial(options);
  REQUIRE(w.fails());
  CHECK(w.r.failures.back().why == std::errc::no_such_file_or_directory);
  options.unix_path = std::string(200, 'x');
  w.dial(options);
  REQUIRE(w.fails());
  CHECK(w.r.failures.back().why == std::errc::filename_too_long);
}

TEMPLATE_TEST_CASE("a Unix socket whose queue is full is tried until it has room", "[dialer]", over_asio_dialer,
                   over_epoll_dialer) {
  world<TestType> w;
  const scratch_directory directory;
  dial_options options;
  options.unix_path = directory.file("full");
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  options.unix_path.copy(at.sun_path, sizeof at.sun_path - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  w.dial(options);
  w.dial(options);
  REQUIRE(w.drive([&] { return w.r.opened.size() == 1; }));
  for (int ticks = w.r.ticks; w.r.ticks == ticks;) REQUIRE(w.step());
  CHECK(w.r.opened.size() == 1);
  CHECK(w.r.failures.empty());
  const int first = ::accept(listener, nullptr, nullptr);
  REQUIRE(w.drive([&] { return w.r.opened.size() == 2; }));
  ::close(first);
  ::close(listener);
}

TEMPLATE_TEST_CASE("a process without descriptors fails dials, and dials again when it has some", "[dialer]",
                   over_asio_dialer, over_epoll_dialer) {
  world<TestType> w;
  w.settle();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  w.dial(w.to(place::refuses));
  const bool failed = w.fails();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(failed);
  CHECK(w.r.failures[0].why == std::errc::too_many_files_open);
  const auto theirs = w.accept();
  w.dial(w.accepting());
  CHECK(w.drive([&] { return w.r.opened.size() == 1; }));
}

TEMPLATE_TEST_CASE("a socket that has connected to itself is no connection", "[dialer]", over_asio_dialer,
                   over_epoll_dialer) {
  // A socket of the test does so by its own port; the dialer cannot be made to choose one.
  const int own = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(own, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::getsockname(own, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  REQUIRE(::connect(own, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  CHECK(hotline::detail::outgoing_socket::outcome(own) == std::errc::connection_refused);
  ::close(own);
}

TEMPLATE_TEST_CASE("names need a resolver, addresses do not", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  typename TestType::loop_type loop;
  auto dialer = TestType::make(loop);
  loop.watch(dialer);
  receiver<typename TestType::transport_type> r;
  REQUIRE(dialer.start(r) == std::error_code{});
  dial_options options;
  options.host = "localhost";
  options.port = 1;
  REQUIRE(dialer.dial(options));
  REQUIRE(loop.drive([&] { return r.failures.size() == 1; }));
  CHECK(r.failures[0].why == errc::no_resolver);
  options.host = "::1";
  REQUIRE(dialer.dial(options));
  REQUIRE(loop.drive([&] { return r.failures.size() == 2; }));
  CHECK(r.failures[1].why != errc::no_resolver);
}

TEMPLATE_TEST_CASE("a resolver may answer from another thread, and when the dialer is gone", "[dialer]",
                   over_asio_dialer, over_epoll_dialer) {
  hotline::resolve_done kept;
  std::thread late;
  {
    world<TestType> w;
    std::thread other;
    w.resolve = [&](const std::string&, const hotline::resolve_done& done) {
      other = std::thread([done, address = w.address(place::accepts)] { done({}, {address}); });
    };
    const auto theirs = w.accept();
    w.dial(w.to("name"));
    const bool opened = w.drive([&] { return w.r.opened.size() == 1; });
    other.join();
    REQUIRE(opened);
    w.resolve = [&](const std::string&, hotline::resolve_done done) { kept = std::move(done); };
    w.dial(w.to("name"));
    REQUIRE(w.drive([&] { return kept != nullptr; }));
    late = std::thread([&] {
      for (int i = 0; i < 100; ++i) kept({}, {"127.0.0.1"});  // while it stops
    });
  }
  late.join();
  kept({}, {"127.0.0.1"});
}

TEMPLATE_TEST_CASE("the system's resolver runs where the host says", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  world<TestType> w;
  std::vector<std::function<void()>> jobs;
  w.resolve = hotline::system_resolver([&](std::function<void()> f) { jobs.push_back(std::move(f)); });
  dial_options options = w.to("localhost");
  w.dial(options);
  REQUIRE(w.drive([&] { return jobs.size() == 1; }));
  std::thread(jobs[0]).join();
  REQUIRE(w.drive([&] { return w.r.failures.size() + w.r.opened.size() == 1; }));
  if (!w.r.failures.empty()) CHECK(w.r.failures[0].stage == hotline::dial_stage::connecting);
  options.host = "no such name.invalid";
  w.dial(options);
  REQUIRE(w.drive([&] { return jobs.size() == 2; }));
  jobs[1]();
  REQUIRE(w.fails());
  CHECK(w.r.failures.back().stage == hotline::dial_stage::resolving);
}

TEST_CASE("Asio's resolver finds the names of this machine", "[dialer]") {
  asio_driven_loop loop;
  hotline::asio_dialer dialer(loop.io, {.resolve = hotline::asio_resolver(loop.io.get_executor())});
  receiver<hotline::asio_dialer> r;
  REQUIRE(dialer.start(r) == std::error_code{});
  own_listener listener;
  dial_options options;
  options.host = "localhost";
  options.port = listener.port();
  REQUIRE(dialer.dial(options));
  REQUIRE(loop.drive([&] { return r.opened.size() == 1; }));
  options.host = "no such name.invalid";
  REQUIRE(dialer.dial(options));
  REQUIRE(loop.drive([&] { return r.failures.size() == 1; }));
  CHECK(r.failures[0].stage == hotline::dial_stage::resolving);
}

TEMPLATE_TEST_CASE("a dialer may be destroyed in its own callbacks", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  using dialer_type = typename TestType::transport_type;
  socket_places<> places;
  typename TestType::loop_type loop;
  std::optional<dialer_type> dialer(TestType::make(loop));
  loop.watch(*dialer);
  receiver<dialer_type> r;
  REQUIRE(dialer->start(r) == std::error_code{});
  bool gone = false;
  const auto destroy = [&] {
    dialer.reset();
    loop.forget();
    gone = true;
  };
  dial_options options;
  options.port = places.port();
  const auto dial = [&](place which) {
    options.host = places.address(which);
    REQUIRE(dialer->dial(options));
  };
  SECTION("in on_dial_failed") {
    r.when_failed = destroy;
    dial(place::refuses);
  }
  SECTION("in on_dial_failed by the deadline") {
    r.when_failed = destroy;
    options.timeout = 0ms;
    dial(place::silent);
  }
  SECTION("in on_open") {
    r.when_open = destroy;
    dial(place::accepts);
    dial(place::silent);
  }
  SECTION("in a timer") {
    dial(place::silent);
    (void)dialer->after(0ms, destroy);
    (void)dialer->after(0ms, [] { FAIL(); });
  }
  SECTION("in a posted function") {
    dial(place::silent);
    dialer->post(destroy);
  }
  REQUIRE(loop.drive([&] { return gone; }));
  loop.settle();
}

TEMPLATE_TEST_CASE("a timer that throws leaves the others, the ticks and the loop", "[dialer]", over_asio_dialer,
                   over_epoll_dialer) {
  world<TestType> w;
  int calls = 0;
  (void)w.dialer().after(0ms, [] { throw std::runtime_error("a host's"); });
  bool thrown = false;
  for (const auto end = std::chrono::steady_clock::now() + patience; !thrown;) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    try {
      w.step();
    } catch (const std::runtime_error&) {
      thrown = true;
    }
  }
  const int ticks = w.r.ticks;
  REQUIRE(w.drive([&] { return w.r.ticks > ticks; }));
  (void)w.dialer().after(1ms, [&] { ++calls; });
  REQUIRE(w.drive([&] { return calls == 1; }));
}

TEMPLATE_TEST_CASE("a dialer is not for threads beside its loop", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  world<TestType> w;
  REQUIRE(w.drive([&] { return w.r.ticks == 1; }));
  CHECK_FALSE(w.dialer().runs_elsewhere());
  std::optional<hotline::result<hotline::dial_id>> dialed;
  bool elsewhere = false;
  std::thread([&] {
    elsewhere = w.dialer().runs_elsewhere();
    dialed = w.dialer().dial(w.accepting());
  }).join();
  CHECK(elsewhere);
  REQUIRE_FALSE(dialed->has_value());
  CHECK(dialed->error().code == errc::wrong_thread);
}

TEST_CASE("a dialer survives its io_context", "[dialer]") {
  socket_places<> places;
  receiver<hotline::asio_dialer> r;
  std::optional<asio::io_context> io(std::in_place);
  hotline::asio_dialer dialer(*io, {.resolve = hotline::asio_resolver(io->get_executor())});
  REQUIRE(dialer.start(r) == std::error_code{});
  dial_options options;
  options.host = places.address(place::silent);
  options.port = places.port();
  REQUIRE(dialer.dial(options));
  options.host = "localhost";
  REQUIRE(dialer.dial(options));
  (void)dialer.after(1h, [] {});
  io->poll();
  io.reset();
  CHECK(dialer.dial(options).error().code == errc::not_running);
  CHECK_FALSE(dialer.cancel(hotline::dial_id{1}));
  dialer.stop();
  CHECK(r.failures.empty());
}

TEST_CASE("a dialer that has stopped leaves its io_context without work", "[dialer]") {
  socket_places<> places;
  receiver<hotline::asio_dialer> r;
  asio::io_context io;
  hotline::asio_dialer dialer(io);
  REQUIRE(dialer.start(r) == std::error_code{});
  dial_options options;
  options.host = places.address(place::silent);
  options.port = places.port();
  REQUIRE(dialer.dial(options));
  (void)dialer.after(1h, [] {});
  io.poll();
  dialer.stop();
  io.run();  // or it would never return
  CHECK(r.failures.empty());
}

TEST_CASE("an epoll dialer and an epoll transport share a program", "[dialer]") {
  hotline::epoll_transport transport;
  struct echo final : hotline::transport_receiver<hotline::epoll_transport::connection_type> {
    using connection = hotline::epoll_transport::connection_type;
    hotline::epoll_transport* transport = nullptr;
    void on_open(connection&) override {}
    void on_data(connection& c, std::span<char> bytes) override {
      transport->write(c, std::array{std::string_view(bytes.data(), bytes.size())});
    }
    void on_writable(connection&) override {}
    void on_closed(connection&, std::error_code) override {}
    void on_tick() override {}
  } server;
  server.transport = &transport;
  hotline::epoll_dialer dialer;
  receiver<hotline::epoll_dialer> r;
  REQUIRE(transport.start(server) == std::error_code{});
  REQUIRE(dialer.start(r) == std::error_code{});
  r.when_open = [&] { dialer.write(*r.opened[0], std::array<std::string_view, 1>{"round"}); };
  dial_options options;
  options.host = "127.0.0.1";
  options.port = transport.port();
  REQUIRE(dialer.dial(options));
  const auto end = std::chrono::steady_clock::now() + patience;
  while (r.data != "round" && std::chrono::steady_clock::now() < end) {
    std::array<pollfd, 2> waiting{{{transport.fd(), POLLIN, 0}, {dialer.fd(), POLLIN, 0}}};
    REQUIRE(::poll(waiting.data(), waiting.size(), 10'000) > 0);
    transport.run_ready();
    dialer.run_ready();
  }
  CHECK(r.data == "round");
}
