#include <hotline/transport/tls_epoll_transport.hpp>
#include <hotline/transport/tls_transport.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/strand.hpp>

#include <catch2_any.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "certificate.hpp"
#include "tls_peer.hpp"
#include "transport/conformance.hpp"
#include "transport/epoll_loop.hpp"
#include "transport/scratch_directory.hpp"
#include "transport/socket_loop.hpp"
#include "transport/socket_peer.hpp"

namespace {

hotline::tls_options options_of(const certificate& c) { return {.certificate_chain = c.chain, .private_key = c.key}; }

hotline::tls_context context_of(const char* name) {
  hotline::tls_context context;
  REQUIRE(context.load(options_of(make_certificate(name))) == std::error_code{});
  return context;
}

/// As a host would set it up.
::SSL_CTX* own_context(const char* name) {
  const certificate made = make_certificate(name);
  ::SSL_CTX* const own = ::SSL_CTX_new(::TLS_server_method());
  ::BIO* const chain = ::BIO_new_mem_buf(made.chain.data(), -1);
  ::BIO* const key = ::BIO_new_mem_buf(made.key.data(), -1);
  ::X509* const x509 = ::PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
  ::EVP_PKEY* const private_key = ::PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
  ::SSL_CTX_use_certificate(own, x509);
  ::SSL_CTX_use_PrivateKey(own, private_key);
  ::X509_free(x509);
  ::EVP_PKEY_free(private_key);
  ::BIO_free(chain);
  ::BIO_free(key);
  return own;
}

template <int Version>
void only(::SSL_CTX* context) {
  ::SSL_CTX_set_min_proto_version(context, Version);
  ::SSL_CTX_set_max_proto_version(context, Version);
}

/// So long that any machine shakes hands in time.
constexpr hotline::tls_handshake_limits patient{.timeout = std::chrono::hours(1)};

class tls_fixture : public socket_loop {
 public:
  using transport_type = hotline::tls_transport;

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(tls_peer::connect(transport_.port(), set_up)); }

  tls_peer::set_up set_up = [](::SSL_CTX*) {};
  hotline::tls_context context = context_of("localhost");

 private:
  transport_type transport_{io, context, hotline::listen_options{.socket_send_buffer = 64 * 1024}, patient};
};

class tls_1_2_fixture : public tls_fixture {
 public:
  tls_1_2_fixture() { set_up = &only<TLS1_2_VERSION>; }
};

using strand = asio::strand<asio::io_context::executor_type>;

class strand_fixture : public socket_loop {
 public:
  using transport_type = hotline::basic_tls_transport<strand>;

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(tls_peer::connect(transport_.port())); }

 private:
  transport_type transport_{asio::make_strand(io.get_executor()), context_of("localhost"),
                            hotline::listen_options{.socket_send_buffer = 64 * 1024}, patient};
};

/// Without Asio; `Most` events a turn.
template <std::size_t Most>
class epoll_fixture : public epoll_loop<hotline::tls_epoll_transport> {
 public:
  using transport_type = hotline::tls_epoll_transport;

  epoll_fixture() : epoll_loop(Most) { watch(transport_); }
  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(tls_peer::connect(transport_.port())); }

 private:
  transport_type transport_{context_of("localhost"), hotline::listen_options{.socket_send_buffer = 64 * 1024}, patient};
};

/// Connections that the host accepted itself, with the first bytes of TLS read already.
class adopting_fixture : public socket_loop {
 public:
  using transport_type = hotline::tls_transport;

  adopting_fixture() { accept(); }

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(tls_peer::connect(acceptor_.is_open() ? acceptor_.local_endpoint().port() : 1)); }
  bool finish() {
    acceptor_.close();
    return socket_loop::finish();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](std::error_code failed, asio::ip::tcp::socket socket) {
      if (failed) return;
      char early[7];
      const std::size_t n = socket.receive(asio::buffer(early));
      (void)transport_.adopt(std::move(socket), {early, n});
      accept();
    });
  }

  transport_type transport_{io, context_of("localhost"), hotline::listen_options{.listen = false}, patient};
  asio::ip::tcp::acceptor acceptor_{io, {asio::ip::address_v4::loopback(), 0}};
};

using subject = conformance::subject_of<tls_fixture>;

struct refusal {
  std::string address;
  std::error_code why;
};

/// A started transport, and those whom it refused.
struct server {
  server() {
    transport()
        .on_refused([this](std::string_view address, std::error_code why) {
          refused.push_back({std::string(address), why});
        })
        .release();
  }
  hotline::tls_transport& transport() { return s.fixture.transport(); }
  std::shared_ptr<tls_peer> client(const tls_peer::set_up& set_up = [](::SSL_CTX*) {}) {
    return s.fixture.peers.add(tls_peer::connect(transport().port(), set_up));
  }
  std::shared_ptr<socket_peer> stranger() { return s.fixture.peers.add(socket_peer::tcp(transport().port())); }
  bool refuses(int reason) {
    return s.drive([&] { return !refused.empty(); }) && refused[0].why.category() == hotline::tls_category() &&
           ERR_GET_REASON(static_cast<unsigned int>(refused[0].why.value())) == reason && s.seen.empty();
  }
  /// Somebody else is served as ever.
  bool serves() {
    auto& r = s.open();
    r.peer->send("hello");
    return s.drive([&] { return r.data == "hello"; }) && s.write(r, "world") == 5 &&
           s.drive([&] { return r.peer->received() == "world"; });
  }

  std::vector<refusal> refused;
  subject s;
};

}  // namespace

TEST_CASE("tls_epoll_transport is a transport", "[transport]") { conformance::run<epoll_fixture<256>>(); }

TEST_CASE("tls_epoll_transport that handles one event a turn is a transport", "[transport]") {
  conformance::run<epoll_fixture<1>>();
}

TEST_CASE("tls_transport is a transport", "[tls]") { conformance::run<tls_fixture>(); }

TEST_CASE("tls_transport with TLS 1.2 is a transport", "[tls]") { conformance::run<tls_1_2_fixture>(); }

TEST_CASE("tls_transport over a strand is a transport", "[tls]") { conformance::run<strand_fixture>(); }

TEST_CASE("tls_transport is a transport for connections that the host accepted and began to read", "[tls]") {
  const auto fresh = [] { return std::make_unique<conformance::subject_of<adopting_fixture>>(); };
  conformance::bytes_go_both_ways_unchanged(fresh);
  conformance::ten_megabytes_keep_their_order_into_a_receiver_that_pauses(fresh);
  conformance::an_end_waits_behind_a_pause(fresh);
  conformance::abort_works_from_every_callback(fresh);
  conformance::stop_works_from_every_callback(fresh);
}

// ------------------------------------------------------------------------------------------------- handshakes

TEST_CASE("TLS 1.3 and 1.2 are spoken and older ones refused", "[tls]") {
  server v;
  SECTION("1.3") {
    const auto peer = v.client();
    REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
    CHECK(::SSL_version(peer->ssl()) == TLS1_3_VERSION);
  }
  SECTION("1.2, with forward secrecy") {
    const auto peer = v.client(&only<TLS1_2_VERSION>);
    REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
    CHECK(::SSL_version(peer->ssl()) == TLS1_2_VERSION);
    CHECK(std::string_view(::SSL_get_cipher_name(peer->ssl())).starts_with("ECDHE-"));
  }
  SECTION("1.1") {
    const auto peer = v.client([](::SSL_CTX* c) {
      ::SSL_CTX_set_security_level(c, 0);
      ::SSL_CTX_set_cipher_list(c, "ALL:@SECLEVEL=0");
      only<TLS1_1_VERSION>(c);
    });
    CHECK(v.refuses(SSL_R_UNSUPPORTED_PROTOCOL));
    REQUIRE(v.s.drive([&] { return peer->closed_by_server(); }));
    CHECK(peer->error() == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
  }
  SECTION("1.2 without authenticated encryption") {
    const auto peer = v.client([](::SSL_CTX* c) {
      only<TLS1_2_VERSION>(c);
      ::SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES256-SHA");
    });
    CHECK(v.refuses(SSL_R_NO_SHARED_CIPHER));
  }
  SECTION("1.2 where 1.3 is the least") {
    hotline::tls_options options = options_of(make_certificate("strict"));
    options.min_version = hotline::tls_version::v1_3;
    REQUIRE(v.s.fixture.context.load(options) == std::error_code{});
    const auto peer = v.client(&only<TLS1_2_VERSION>);
    CHECK(v.refuses(SSL_R_UNSUPPORTED_PROTOCOL));
  }
  CHECK(v.serves());
}

TEST_CASE("bytes that are not TLS are refused and have no other effect", "[tls]") {
  server v;
  SECTION("plain HTTP gets an answer") {
    const auto peer = v.stranger();
    peer->send("GET /ws/p HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(v.refuses(SSL_R_HTTP_REQUEST));
    REQUIRE(v.s.drive([&] { return peer->closed_by_server(); }));
    CHECK(peer->received().starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(v.refused[0].address.starts_with("127.0.0.1:"));
  }
  SECTION("noise") {
    const auto peer = v.stranger();
    peer->send(conformance::pattern(100'000));
    REQUIRE(v.s.drive([&] { return peer->closed_by_server() && v.refused.size() == 1; }));
  }
  SECTION("a hello that breaks off") {
    const auto peer = v.stranger();
    peer->send("\x16\x03\x01\x02");
    v.s.settle();
    CHECK(v.refused.empty());
    peer->close();
    REQUIRE(v.s.drive([&] { return v.refused.size() == 1; }));
    CHECK(v.refused[0].why == hotline::tls_truncated());
  }
  SECTION("a reset amidst the handshake") {
    const auto peer = v.stranger();
    peer->send("\x16\x03\x01\x02");
    v.s.settle();
    peer->reset();
    REQUIRE(v.s.drive([&] { return v.refused.size() == 1; }));
    CHECK(v.refused[0].why == std::errc::connection_reset);
  }
  CHECK(v.transport().handshakes().failed == 1);
  CHECK(v.s.seen.empty());
  CHECK(v.serves());
  CHECK(v.transport().handshakes().done == 1);
  CHECK(v.transport().handshakes().begun == 2);
}

TEST_CASE("a client that does not finish its handshake in time is cut off, however slowly it sends", "[tls]") {
  // The time is counted in ticks, of which a turn of the loop has one at most. The handshakes that are to succeed, and the
  // fourth client, need fewer turns than the time has ticks, however long a turn takes.
  socket_loop loop;
  struct silent final : hotline::transport_receiver<hotline::tls_transport::connection_type> {
    void on_open(hotline::tls_transport::connection_type&) override { ++opened; }
    void on_data(hotline::tls_transport::connection_type&, std::span<char>) override {}
    void on_writable(hotline::tls_transport::connection_type&) override {}
    void on_closed(hotline::tls_transport::connection_type&, std::error_code) override { ++closed; }
    void on_tick() override { each_tick(); }
    std::function<void()> each_tick = [] {};
    int opened = 0;
    int closed = 0;
  } receiver;
  hotline::tls_transport transport(loop.io, context_of("localhost"), hotline::listen_options{},
                                   {.timeout = std::chrono::seconds(4), .at_once = 3});
  std::vector<refusal> refused;
  transport.on_refused([&](std::string_view a, std::error_code why) {
             refused.push_back({std::string(a), why});
           })
      .release();
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto open = loop.peers.add(tls_peer::connect(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.opened == 1; }));
  std::vector<std::shared_ptr<socket_peer>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(loop.peers.add(socket_peer::tcp(transport.port())));
  // The beginning of a hello of 512 bytes, of which there is more than ticks are waited for.
  std::string_view hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x05\x05\x05\x05\x05", 16);
  receiver.each_tick = [&] {
    waiting[1]->send(hello.substr(0, 1));
    hello.remove_prefix(std::min<std::size_t>(1, hello.size()));
  };
  loop.settle();
  CHECK(refused.empty());
  const auto fourth = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return refused.size() == 1; }));
  CHECK(refused[0].why == std::errc::connection_refused);
  REQUIRE(loop.drive([&] { return refused.size() == 4; }));
  for (std::size_t i = 1; i < 4; ++i) CHECK(refused[i].why == std::errc::timed_out);
  for (const auto& w : waiting) CHECK(loop.drive([&] { return w->closed_by_server(); }));
  CHECK(transport.handshakes().timed_out == 3);
  CHECK(transport.handshakes().turned_away == 1);
  CHECK(receiver.opened == 1);
  CHECK(receiver.closed == 0);
  const auto again = loop.peers.add(tls_peer::connect(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.opened == 2; }));
}

TEST_CASE("an address that shakes many hands keeps no other out, however late that is", "[tls]") {
  socket_loop loop;
  struct : hotline::transport_receiver<hotline::tls_transport::connection_type> {
    void on_open(hotline::tls_transport::connection_type&) override { ++opened; }
    void on_data(hotline::tls_transport::connection_type&, std::span<char>) override {}
    void on_writable(hotline::tls_transport::connection_type&) override {}
    void on_closed(hotline::tls_transport::connection_type&, std::error_code) override {}
    void on_tick() override {}
    int opened = 0;
  } receiver;
  hotline::tls_transport transport(loop.io, context_of("localhost"), hotline::listen_options{},
                                   {.timeout = std::chrono::hours(1), .at_once = 10});
  REQUIRE(transport.start(receiver) == std::error_code{});
  std::vector<std::shared_ptr<socket_peer>> silent;
  const auto attack = [&] {
    for (int i = 0; i < 20; ++i) silent.push_back(loop.peers.add(socket_peer::tcp_from(2, transport.port())));
    loop.settle();
  };
  attack();
  const auto late = loop.peers.add(socket_peer::tcp_from(3, transport.port()));
  late->send("\x16\x03\x01");
  for (int i = 1; i <= 5; ++i) {
    attack();
    const auto good = loop.peers.add(tls_peer::connect(transport.port()));
    REQUIRE(loop.drive([&] { return receiver.opened == i || good->closed_by_server(); }));
    CHECK(receiver.opened == i);
  }
  CHECK_FALSE(late->closed_by_server());
  const hotline::tls_handshake_counts& counts = transport.handshakes();
  CHECK(counts.under_way() == 9);  // the last of the good has made room
  CHECK(counts.begun == 126);
  CHECK(counts.done == 5);
  CHECK(counts.turned_away == 112);
}

TEST_CASE("a client in its handshake when the transport stops accepting is not let in", "[tls]") {
  server v;
  const auto peer = v.stranger();
  peer->send("\x16\x03\x01\x02");
  REQUIRE(v.s.drive([&] { return v.transport().handshakes().begun == 1; }));
  CHECK(v.transport().handshakes().under_way() == 1);
  SECTION("when accepting stops") { v.s.stop_accepting(); }
  SECTION("when all stops") { v.s.stop(); }
  CHECK(v.s.drive([&] { return peer->closed_by_server(); }));
  CHECK(v.s.seen.empty());
  CHECK(v.refused.empty());
  CHECK(v.transport().handshakes().dropped == 1);
  CHECK(v.transport().handshakes().under_way() == 0);
}

TEST_CASE("a hook for refusals may stop the transport", "[tls]") {
  server v;
  v.transport().on_refused([&](std::string_view, std::error_code) { v.s.stop(); }).release();
  const auto one = v.stranger();
  const auto two = v.stranger();
  one->send("GET / HTTP/1.1\r\n\r\n");
  CHECK(v.s.drive([&] { return one->closed_by_server() && two->closed_by_server(); }));
}

TEST_CASE("bytes that a client sends right after its handshake arrive", "[tls]") {
  server v;
  const auto peer = v.client();
  peer->send("early");
  peer->close();
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1 && v.s.seen[0].closed == 1; }));
  CHECK(v.s.seen[0].data == "early");
  CHECK_FALSE(v.s.seen[0].reason);
}

TEST_CASE("http/1.1 is chosen by ALPN and nothing else agreed to", "[tls]") {
  server v;
  const auto offering = [](std::string_view names) {
    return [names](::SSL_CTX* c) {
      ::SSL_CTX_set_alpn_protos(c, reinterpret_cast<const unsigned char*>(names.data()),
                                static_cast<unsigned int>(names.size()));
    };
  };
  SECTION("among others") {
    const auto peer = v.client(offering("\x02h2\x08http/1.1"));
    REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
    const unsigned char* chosen = nullptr;
    unsigned int size = 0;
    ::SSL_get0_alpn_selected(peer->ssl(), &chosen, &size);
    CHECK(std::string_view(reinterpret_cast<const char*>(chosen), size) == "http/1.1");
  }
  SECTION("not offered") {
    const auto peer = v.client(offering("\x02h2"));
    REQUIRE(v.s.drive([&] { return v.refused.size() == 1; }));
    REQUIRE(v.s.drive([&] { return peer->closed_by_server(); }));
    CHECK(peer->error() == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
  }
}

TEST_CASE("clients may come back with tickets, unless there are none", "[tls]") {
  server v;
  hotline::tls_options options = options_of(make_certificate("localhost"));
  const bool tickets = GENERATE(true, false);
  options.session_tickets = tickets;
  REQUIRE(v.s.fixture.context.load(options) == std::error_code{});
  ::SSL_SESSION* kept = nullptr;
  {
    auto& r = v.s.open();
    const auto first = v.client([](::SSL_CTX* c) { ::SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT); });
    REQUIRE(v.s.drive([&] { return v.s.seen.size() == 2; }));
    v.s.write(v.s.seen[1], "x");
    REQUIRE(v.s.drive([&] { return first->received() == "x"; }));
    kept = ::SSL_get1_session(first->ssl());
    CHECK(r.closed == 0);
  }
  CHECK((::SSL_SESSION_is_resumable(kept) == 1) == tickets);
  ::SSL_SESSION_free(kept);
}

// ------------------------------------------------------------------------------------------------------- bytes

TEST_CASE("many small spans are few records", "[tls]") {
  server v;
  auto& r = v.s.open();
  const std::string bytes = conformance::pattern(40'000);
  std::vector<std::string_view> spans;
  for (std::size_t at = 0; at < bytes.size(); at += 100) spans.push_back(std::string_view(bytes).substr(at, 100));
  CHECK(v.s.write(r, spans) == bytes.size());
  REQUIRE(v.s.drive([&] { return r.peer->received().size() == bytes.size(); }));
  CHECK((r.peer->received() == bytes));
}

TEST_CASE("a peer that does not read does not make memory grow", "[tls]") {
  server v;
  auto& r = v.s.open();
  r.peer->stall(true);
  conformance::fill(v.s, r);
  for (int i = 0; i < 1000; ++i) CHECK(v.s.write(r, "more") == 0);
}

TEST_CASE("a peer that asks for new keys without end and reads nothing is closed", "[tls]") {
  server v;
  const auto peer = v.client();
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
  peer->stall(true);
  v.s.write(v.s.seen[0], "x");
  bool ended = false;
  for (int i = 0; i < 1'000'000 && !ended; ++i) {
    ::SSL_key_update(peer->ssl(), SSL_KEY_UPDATE_REQUESTED);
    peer->send("y");
    if (i % 100 == 0) (void)v.s.step();
    ended = v.s.seen[0].closed > 0;
  }
  CHECK(ended);
  CHECK(v.s.seen[0].reason == std::errc::no_buffer_space);
}

TEST_CASE("clients cannot renegotiate although the host allows it", "[tls]") {
  server v;
  ::SSL_CTX* const own = own_context("host");
  ::SSL_CTX_set_options(own, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);  // OpenSSL 3 allows it to nobody who does not ask
  v.s.fixture.context.use(own);
  ::SSL_CTX_free(own);
  const auto peer = v.client(&only<TLS1_2_VERSION>);
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
  CHECK((::SSL_get_options(peer->ssl()) & SSL_OP_NO_RENEGOTIATION) == 0);
  ::SSL_renegotiate(peer->ssl());
  (void)::SSL_do_handshake(peer->ssl());
  peer->pump();
  v.s.drive([&] { return peer->closed_by_server() || v.s.seen[0].closed > 0; });
  CHECK(peer->error() == SSL_R_NO_RENEGOTIATION);
  CHECK(v.serves());
}

// ------------------------------------------------------------------------------------------------------ endings

TEST_CASE("both sides learn that nothing follows", "[tls]") {
  server v;
  const auto peer = v.client();
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
  auto& r = v.s.seen[0];
  SECTION("when we end") {
    v.s.write(r, "last words");
    v.s.shutdown(r);
    REQUIRE(v.s.drive([&] { return peer->closed_by_server(); }));
    CHECK(peer->received() == "last words");
    CHECK(peer->was_told());
    CHECK(r.closed == 0);
    peer->cut();  // we do not listen any more, so nothing is cut off
    REQUIRE(v.s.drive([&] { return r.closed == 1; }));
    CHECK_FALSE(r.reason);
  }
  SECTION("when the peer ends") {
    peer->close();
    REQUIRE(v.s.drive([&] { return r.closed == 1 && peer->closed_by_server(); }));
    CHECK_FALSE(r.reason);
    CHECK(peer->was_told());
  }
  SECTION("when a socket ends without it") {
    peer->send("half a");
    REQUIRE(v.s.drive([&] { return r.data == "half a"; }));
    peer->cut();
    REQUIRE(v.s.drive([&] { return r.closed == 1; }));
    CHECK(r.reason == hotline::tls_truncated());
    CHECK(r.reason.message() == "unexpected eof while reading");
  }
}

// --------------------------------------------------------------------------------------------------- contexts

TEST_CASE("a new certificate is for new connections and the others go on", "[tls]") {
  server v;
  v.s.fixture.context.load(options_of(make_certificate("old")));
  const auto before = v.client();
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
  CHECK(before->server_name() == "old");
  REQUIRE(v.s.fixture.context.load(options_of(make_certificate("new"))) == std::error_code{});
  const auto after = v.client();
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 2; }));
  CHECK(after->server_name() == "new");
  before->send("still here");
  REQUIRE(v.s.drive([&] { return v.s.seen[0].data == "still here"; }));
  v.s.write(v.s.seen[0], "yes");
  REQUIRE(v.s.drive([&] { return before->received() == "yes"; }));
  const certificate other = make_certificate("other");
  hotline::tls_options wrong = options_of(other);

  SECTION("another's key") { wrong.private_key = make_certificate("x").key; }
  SECTION("no certificate") { wrong.certificate_chain = "nonsense"; }
  SECTION("no key") { wrong.private_key = other.chain; }
  SECTION("a chain that breaks off") { wrong.certificate_chain += other.chain.substr(0, 200); }
  SECTION("a wrong password") {
    wrong.private_key = other.encrypted_key;
    wrong.private_key_password = "guess";
  }
  SECTION("a password that is missing") { wrong.private_key = other.encrypted_key; }
  SECTION("ciphers that do not exist") { wrong.ciphers = "ROT13"; }
  CHECK(v.s.fixture.context.load(wrong).category() == hotline::tls_category());
  const auto later = v.client();
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 3; }));
  CHECK(later->server_name() == "new");
}

TEST_CASE("certificates come from files too", "[tls]") {
  scratch_directory directory;
  const certificate made = make_certificate("filed");
  std::ofstream(directory.file("chain.pem")) << made.chain << make_certificate("issuer").chain;
  std::ofstream(directory.file("key.pem")) << made.encrypted_key;
  hotline::tls_options options{.certificate_chain_file = directory.file("chain.pem"),
                               .private_key_file = directory.file("key.pem"),
                               .private_key_password = "secret"};
  hotline::tls_context context;
  CHECK_FALSE(context.is_loaded());
  CHECK(context.load(options) == std::error_code{});
  CHECK(context.is_loaded());
  options.private_key_file = directory.file("nothing");
  CHECK(context.load(options) == std::errc::no_such_file_or_directory);
}

TEST_CASE("without a certificate nothing starts", "[tls]") {
  socket_loop loop;
  struct nobody final : hotline::transport_receiver<hotline::tls_transport::connection_type> {
    using connection = hotline::tls_transport::connection_type;
    void on_open(connection&) override {}
    void on_data(connection&, std::span<char>) override {}
    void on_writable(connection&) override {}
    void on_closed(connection&, std::error_code) override {}
    void on_tick() override {}
  } receiver;
  hotline::tls_context context;
  hotline::tls_transport transport(loop.io, context);
  const std::error_code failed = transport.start(receiver);
  CHECK(failed.category() == hotline::tls_category());
  CHECK(failed.message() == "no certificate set");
  REQUIRE(context.load(options_of(make_certificate("late"))) == std::error_code{});
  CHECK(transport.start(receiver) == std::error_code{});
}

TEST_CASE("a host may bring a context of its own", "[tls]") {
  server v;
  ::SSL_CTX* const own = own_context("host");
  v.s.fixture.context.use(own);
  ::SSL_CTX_free(own);
  const auto peer = v.client();
  REQUIRE(v.s.drive([&] { return v.s.seen.size() == 1; }));
  CHECK(peer->server_name() == "host");
}
