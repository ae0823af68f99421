#include <hotline/transport/tls_dialer.hpp>
#include <hotline/transport/tls_epoll_dialer.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "authority.hpp"
#include "certificate.hpp"
#include "tls_peer.hpp"
#include "transport/dialer_conformance.hpp"
#include "transport/dialing_fixture.hpp"
#include "transport/scratch_directory.hpp"
#include "transport/socket_kinds.hpp"
#include "transport/socket_places.hpp"

namespace {

using dialer_conformance::place;
using hotline::dial_stage;
using hotline::errc;

const authority& issuer() {
  static const authority made;
  return made;
}

/// The server of the test that is running.
class server {
 public:
  /// Shows this certificate to those that are accepted from here on.
  static void serve(const certificate& shown) {
    ::SSL_CTX_free(context());
    context() = server_context(shown);
  }
  /// The addresses of the fixture, and the names of the suite.
  static void serve() { serve(issuer().issue("IP:127.0.0.2,DNS:name,DNS:a-name,DNS:slow")); }

  [[nodiscard]] static ::SSL_CTX*& context() {
    static ::SSL_CTX* current = nullptr;
    return current;
  }
  [[nodiscard]] static std::shared_ptr<tls_peer> accepted(int socket) { return tls_peer::accepted(socket, context()); }
};

using tls_places = socket_places<tls_peer, server>;

hotline::tls_client_context trusting(hotline::tls_client_options options = {}) {
  server::serve();
  if (options.ca.empty()) options.ca = issuer().pem();
  hotline::tls_client_context made;
  REQUIRE(made.load(options) == std::error_code{});
  return made;
}

template <class Over>
class tls_fixture : public dialing_fixture<Over, tls_places> {
 public:
  explicit tls_fixture(const hotline::tls_client_options& options = {})
      : dialing_fixture<Over, tls_places>(trusting(options)) {}
};

template <class Over>
class tls_1_2_fixture : public tls_fixture<Over> {
 public:
  tls_1_2_fixture() { ::SSL_CTX_set_max_proto_version(server::context(), TLS1_2_VERSION); }
};

using over_asio_dialer = over_asio_with<hotline::tls_dialer>;
using over_epoll_dialer = over_epoll_with<hotline::tls_epoll_dialer>;

/// Writes down the outcomes of dials.
template <class Connection>
class recorder : public hotline::dialer_receiver<Connection> {
 public:
  std::vector<Connection*> opened{};
  std::vector<hotline::dial_failure> failures{};
  std::vector<std::string> details{};
  std::string data{};
  int closed = 0;
  std::error_code reason{};

 private:
  void on_open(Connection& c) override { opened.push_back(&c); }
  void on_data(Connection&, std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void on_writable(Connection&) override {}
  void on_closed(Connection&, std::error_code why) override {
    ++closed;
    reason = why;
  }
  void on_tick() override {}
  void on_dial_failed(const hotline::dial_failure& failed) override {
    failures.push_back(failed);
    details.emplace_back(failed.detail);
  }
};

template <class Over>
using recorder_over = recorder<typename Over::transport_type::connection_type>;

/// A started dialer, and the dials that became something or nothing.
template <class Over>
class client final : public recorder_over<Over> {
 public:
  explicit client(const hotline::tls_client_options& options = {}) : fixture(options) {
    REQUIRE(fixture.dialer().start(*this) == std::error_code{});
    fixture.resolve = [this](const std::string&, const hotline::resolve_done& done) {
      done({}, {fixture.address(place::accepts)});
    };
  }

  /// Dials, and returns the far end.
  auto dial(hotline::dial_options options) {
    auto far = fixture.accept();
    REQUIRE(fixture.dialer().dial(options));
    return far;
  }
  auto dial() { return dial(fixture.accepting()); }
  auto dial(const char* name) { return dial(fixture.to(name)); }

  /// Whether a dial of `name` fails with that.
  bool fails(const char* name, std::error_code why) {
    const std::size_t before = this->failures.size();
    (void)dial(name);
    if (!drive([&] { return this->failures.size() + this->opened.size() > before; })) return false;
    return this->failures.size() == before + 1 && this->failures.back().why == why &&
           this->failures.back().stage == dial_stage::handshaking && !this->details.back().empty();
  }
  bool opens(const char* name) {
    const std::size_t before = this->opened.size();
    const auto far = dial(name);
    return drive([&] { return !this->failures.empty() || (this->opened.size() > before && far->has_arrived()); }) &&
           this->failures.empty();
  }
  template <class Done>
  bool drive(const Done& done) {
    return fixture.drive(done);
  }

  tls_fixture<Over> fixture;
};

}  // namespace

TEST_CASE("tls_dialer is a dialer", "[dialer]") { dialer_conformance::run<tls_fixture<over_asio_dialer>>(); }

TEST_CASE("tls_dialer with TLS 1.2 is a dialer", "[dialer]") {
  dialer_conformance::run<tls_1_2_fixture<over_asio_dialer>>();
}

TEST_CASE("tls_epoll_dialer is a dialer", "[dialer]") { dialer_conformance::run<tls_fixture<over_epoll_dialer>>(); }

TEMPLATE_TEST_CASE("a certificate must be for the name that was dialed", "[dialer]", over_asio_dialer,
                   over_epoll_dialer) {
  client<TestType> c;
  SECTION("it is") {
    server::serve(issuer().issue("DNS:db.test,DNS:*.wild.test"));
    CHECK(c.opens("db.test"));
    CHECK(c.opens("db.test."));
    CHECK(c.opens("DB.test"));
    CHECK(c.opens("one.wild.test"));
  }
  SECTION("it is not") {
    server::serve(issuer().issue("DNS:db.test,DNS:*.wild.test,DNS:f*.part.test"));
    CHECK(c.fails("web.test", errc::certificate_wrong_name));
    CHECK(c.fails("one.two.wild.test", errc::certificate_wrong_name));
    CHECK(c.fails("wild.test", errc::certificate_wrong_name));
    CHECK(c.fails("foo.part.test", errc::certificate_wrong_name));
  }
  SECTION("a common name does not count") {
    server::serve(issuer().issue("", {}, "db.test"));
    CHECK(c.fails("db.test", errc::certificate_wrong_name));
  }
  SECTION("an address needs an address") {
    server::serve(issuer().issue("DNS:127.0.0.2"));
    CHECK(c.fails("127.0.0.2", errc::certificate_wrong_name));
    server::serve(issuer().issue("IP:127.0.0.2"));
    (void)c.dial();
    CHECK(c.drive([&] { return c.opened.size() == 1; }));
  }
  SECTION("another name may be asked for") {
    server::serve(issuer().issue("DNS:inner.test"));
    hotline::dial_options options = c.fixture.accepting();
    options.tls_name = "inner.test";
    (void)c.dial(options);
    CHECK(c.drive([&] { return c.opened.size() == 1; }));
    options.tls_name = "outer.test";
    (void)c.dial(options);
    REQUIRE(c.drive([&] { return c.failures.size() == 1; }));
    CHECK(c.failures[0].why == errc::certificate_wrong_name);
    CHECK(c.details[0] == "hostname mismatch");
  }
}

TEMPLATE_TEST_CASE("a certificate must have an issuer that is trusted, and be valid now", "[dialer]", over_asio_dialer,
                   over_epoll_dialer) {
  client<TestType> c;
  SECTION("an issuer that is not known") {
    const authority other("another authority");
    server::serve(other.issue("DNS:db.test"));
    CHECK(c.fails("db.test", errc::certificate_not_trusted));
  }
  SECTION("signed by itself") {
    server::serve(make_certificate("db.test"));
    CHECK(c.fails("db.test", errc::certificate_not_trusted));
  }
  SECTION("expired") {
    server::serve(issuer().issue("DNS:db.test", {.begins = -7200, .ends = -3600}));
    CHECK(c.fails("db.test", errc::certificate_expired));
    CHECK(c.details[0] == "certificate has expired");
  }
  SECTION("not yet valid") {
    server::serve(issuer().issue("DNS:db.test", {.begins = 3600, .ends = 7200}));
    CHECK(c.fails("db.test", errc::certificate_expired));
  }
  CHECK(c.opened.empty());
  CHECK(c.fixture.dialer().handshakes().failed == 1);
  CHECK(c.fixture.dialer().handshakes().under_way() == 0);
}

TEMPLATE_TEST_CASE("a server receives the name that is meant", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  client<TestType> c;
  server::serve(issuer().issue("DNS:db.test,IP:127.0.0.2"));
  const auto named = c.dial("db.test.");
  REQUIRE(c.drive([&] { return c.opened.size() == 1 && named->has_arrived(); }));
  CHECK(std::string_view(::SSL_get_servername(named->get()->ssl(), TLSEXT_NAMETYPE_host_name)) == "db.test");
  const auto addressed = c.dial();
  REQUIRE(c.drive([&] { return c.opened.size() == 2 && addressed->has_arrived(); }));
  CHECK(::SSL_get_servername(addressed->get()->ssl(), TLSEXT_NAMETYPE_host_name) == nullptr);
}

TEMPLATE_TEST_CASE("a handshake that stalls ends with the dial", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  using namespace std::chrono_literals;
  client<TestType> c;
  // The system has connected it, and no one says anything: nothing is accepted while the loop alone runs.
  hotline::dial_options options = c.fixture.accepting();
  const auto stall = [&] {
    options.timeout = 80ms;
    (void)c.fixture.dialer().dial(options);
    auto& loop = c.fixture.loop();
    REQUIRE(loop.drive([&] { return c.fixture.dialer().handshakes().under_way() == 1; }));
  };
  SECTION("at its deadline") {
    stall();
    REQUIRE(c.fixture.loop().drive([&] { return !c.failures.empty(); }));
    CHECK(c.failures[0].why == std::errc::timed_out);
    CHECK(c.failures[0].stage == dial_stage::handshaking);
    CHECK(c.fixture.dialer().handshakes().dropped == 1);
  }
  SECTION("when it is cancelled") {
    options.timeout = 1h;
    const auto id = *c.fixture.dialer().dial(options);
    REQUIRE(c.fixture.loop().drive([&] { return c.fixture.dialer().handshakes().under_way() == 1; }));
    CHECK(c.fixture.dialer().cancel(id));
    CHECK(c.failures.empty());
    REQUIRE(c.fixture.loop().drive([&] { return !c.failures.empty(); }));
    CHECK(c.failures[0].why == std::errc::operation_canceled);
    CHECK(c.failures[0].stage == dial_stage::handshaking);
  }
  SECTION("when the dialer stops") {
    stall();
    c.fixture.dialer().stop();
    CHECK(c.fixture.loop().finish());
    CHECK(c.failures.empty());
  }
  CHECK(c.opened.empty());
}

TEMPLATE_TEST_CASE("a peer that does not speak TLS fails the dial", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  struct plain_fixture : dialing_fixture<TestType> {
    plain_fixture() : dialing_fixture<TestType>(trusting()) {}
  } f;
  recorder_over<TestType> r;
  REQUIRE(f.dialer().start(r) == std::error_code{});
  const auto far = f.accept();
  SECTION("other words") {
    far->send("220 mail.test ESMTP\r\n");
    (void)f.dialer().dial(f.accepting());
    REQUIRE(f.drive([&] { return !r.failures.empty(); }));
    CHECK(r.failures[0].why.category() == hotline::tls_category());
  }
  SECTION("an end") {
    far->close();
    (void)f.dialer().dial(f.accepting());
    REQUIRE(f.drive([&] { return !r.failures.empty(); }));
    CHECK(r.failures[0].why == hotline::tls_truncated());
  }
  SECTION("a reset") {
    (void)f.dialer().dial(f.accepting());
    REQUIRE(f.drive([&] { return !far->received().empty(); }));
    far->reset();
    REQUIRE(f.drive([&] { return !r.failures.empty(); }));
    CHECK(r.failures[0].why == std::errc::connection_reset);
  }
  CHECK(r.failures[0].stage == dial_stage::handshaking);
  CHECK(r.failures[0].detail.empty());
  CHECK(r.opened.empty());
}

TEMPLATE_TEST_CASE("a client shows its certificate to a server that asks", "[dialer]", over_asio_dialer,
                   over_epoll_dialer) {
  const certificate own = issuer().issue("DNS:client.test");
  const auto demand = [] {
    server::serve();
    ::SSL_CTX_set_verify(server::context(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         [](int, ::X509_STORE_CTX*) { return 1; });
  };
  SECTION("it has one") {
    client<TestType> c({.certificate_chain = own.chain, .private_key = own.key});
    demand();
    const auto far = c.dial();
    REQUIRE(c.drive([&] { return c.opened.size() == 1 && far->has_arrived() && far->get()->has_shaken_hands(); }));
    CHECK(far->get()->server_name() == "leaf");
    far->send("welcome");
    CHECK(c.drive([&] { return c.data == "welcome"; }));
  }
  SECTION("it has none") {
    client<TestType> c;
    demand();
    (void)c.dial();
    REQUIRE(c.drive([&] { return c.closed == 1; }));  // TLS 1.3: the client was ready before the server judged
    CHECK(c.reason.category() == hotline::tls_category());
  }
}

TEMPLATE_TEST_CASE("a protocol is chosen by ALPN", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  client<TestType> c({.alpn = {"redis", "http/1.1"}});
  (void)c.dial();
  REQUIRE(c.drive([&] { return c.opened.size() == 1; }));
  CHECK(c.fixture.dialer().protocol(*c.opened[0]).empty());
  ::SSL_CTX_set_alpn_select_cb(
      server::context(),
      [](::SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned int,
         void*) -> int {
        *chosen = offered + 1 + *offered + 1;  // the second
        *size = *(*chosen - 1);
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
  (void)c.dial();
  REQUIRE(c.drive([&] { return c.opened.size() == 2; }));
  CHECK(c.fixture.dialer().protocol(*c.opened[1]) == "http/1.1");
}

TEST_CASE("the rules of a client are read from files and texts", "[dialer]") {
  const scratch_directory directory;
  const std::string file = directory.file("ca.pem");
  std::ofstream(file) << issuer().pem();
  hotline::tls_client_context context;
  CHECK_FALSE(context.is_loaded());
  CHECK(context.load({.ca_file = file}) == std::error_code{});
  CHECK(context.is_loaded());
  CHECK(context.load({.ca_file = directory.file("none.pem")}) == std::errc::no_such_file_or_directory);
  CHECK(context.load({.ca = "not a certificate"}).category() == hotline::tls_category());
  CHECK(context.load({.ca = issuer().pem() + authority("second").pem()}) == std::error_code{});
  CHECK(context.load({.ciphers = "none"}).category() == hotline::tls_category());
  CHECK(context.load({.alpn = {""}}));
  CHECK(context.load({.alpn = {std::string(256, 'x')}}));
  CHECK(context.load({.certificate_chain = issuer().pem(), .private_key = "no key"}).category() ==
        hotline::tls_category());
  CHECK(context.load({}) == std::error_code{});
  CHECK(context.is_loaded());
}

TEST_CASE("a dialer without rules trusts the issuers of the system alone", "[dialer]") {
  struct fixture : dialing_fixture<over_epoll_dialer, tls_places> {
    fixture() : dialing_fixture<over_epoll_dialer, tls_places>(hotline::tls_client_context()) {}
  } f;
  server::serve();
  recorder_over<over_epoll_dialer> r;
  REQUIRE(f.dialer().start(r) == std::error_code{});
  (void)f.dialer().dial(f.accepting());
  REQUIRE(f.drive([&] { return !r.failures.empty(); }));
  CHECK(r.failures[0].why == errc::certificate_not_trusted);
}

TEST_CASE("issuers that could not be loaded are not replaced by the system's", "[dialer]") {
  hotline::tls_client_context context;
  CHECK(context.load({.ca_file = "/nowhere/ca.pem"}));
  recorder_over<over_epoll_dialer> r;
  hotline::tls_epoll_dialer refused(context);
  CHECK(refused.start(r) == std::errc::invalid_argument);
  CHECK_FALSE(context.load({.ca = issuer().pem()}));
  hotline::tls_epoll_dialer dialer(context);
  CHECK_FALSE(dialer.start(r));
}

TEMPLATE_TEST_CASE("a name that would mean others is refused", "[dialer]", over_asio_dialer, over_epoll_dialer) {
  using namespace std::string_literals;
  client<TestType> c;
  for (const std::string& name : {".a-name"s, "."s, ".name"s, "a-name\0.evil"s}) {
    CAPTURE(name);
    c.failures.clear();
    auto options = c.fixture.accepting();
    options.tls_name = name;
    const auto theirs = c.dial(options);
    REQUIRE(c.drive([&] { return !c.failures.empty(); }));
    CHECK(c.failures[0].why == std::errc::invalid_argument);
  }
}

TEST_CASE("a context that proves nothing opens no connection", "[dialer]") {
  struct fixture : dialing_fixture<over_epoll_dialer, tls_places> {
    static hotline::tls_client_context careless() {
      ::SSL_CTX* const own = ::SSL_CTX_new(::TLS_client_method());
      hotline::tls_client_context made;
      made.use(own);
      ::SSL_CTX_free(own);
      return made;
    }
    fixture() : dialing_fixture<over_epoll_dialer, tls_places>(careless()) {}
  } f;
  server::serve();
  recorder_over<over_epoll_dialer> r;
  REQUIRE(f.dialer().start(r) == std::error_code{});
  (void)f.dialer().dial(f.accepting());
  REQUIRE(f.drive([&] { return !r.failures.empty(); }));
  CHECK(r.failures[0].why == std::errc::invalid_argument);
  CHECK(r.opened.empty());
}
