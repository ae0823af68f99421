#include <hotline/event_emitter.hpp>
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>

#include <catch2_any.hpp>

#include <string>

#include "boost_side.hpp"
#include "transport/socket_loop.hpp"
#include "transport/socket_peer.hpp"

TEST_CASE("managers over Asio and over Boost.Asio share a program and a log") {
  socket_loop loop;
  hotline::event_emitter events;
  auto ours = hotline::make_ws_manager(loop.io, events);
  REQUIRE_FALSE(ours.start());
  const auto boosts = make_boost_side(events);
  const auto one = loop.peers.add(socket_peer::tcp(ours.transport().port()));
  const auto two = loop.peers.add(socket_peer::tcp(boosts->port()));
  for (const auto& peer : {one, two})
    peer->send(
        "GET /ws/p?events=* HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  const auto both_have = [&](const std::string& text) {
    boosts->poll();
    return one->received().find(text) != std::string::npos && two->received().find(text) != std::string::npos;
  };
  REQUIRE(loop.drive([&] { return both_have("\"connected\""); }));
  REQUIRE(events.emit("p", "news", hotline::json_object{{"text", "for both"}}));
  CHECK(loop.drive([&] { return both_have("for both"); }));
  ours.transport().stop();
}
