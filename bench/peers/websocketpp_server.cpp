// websocketpp's own server, as its broadcast_server example uses it; C++17, for it does not compile as C++20.
//
//   websocketpp_server [--echo]

#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/server.hpp>

#include <cstdio>
#include <set>
#include <string>

int main(int argc, char** argv) {
  using server_type = websocketpp::server<websocketpp::config::asio>;
  using websocketpp::connection_hdl;
  const bool echo = argc > 1 && std::string(argv[1]) == "--echo";
  std::set<connection_hdl, std::owner_less<connection_hdl>> clients;
  server_type server;
  server.clear_access_channels(websocketpp::log::alevel::all);
  server.clear_error_channels(websocketpp::log::elevel::all);
  server.init_asio();
  server.set_listen_backlog(4096);
  server.set_tcp_post_init_handler([&](connection_hdl who) {
    server.get_con_from_hdl(who)->get_raw_socket().set_option(asio::ip::tcp::no_delay(true));
  });
  server.set_open_handler([&](connection_hdl who) { clients.insert(who); });
  server.set_close_handler([&](connection_hdl who) { clients.erase(who); });
  server.set_message_handler([&](connection_hdl who, server_type::message_ptr message) {
    websocketpp::lib::error_code ignored;
    if (echo) {
      server.send(who, message->get_payload(), message->get_opcode(), ignored);
    } else {
      for (const auto& client : clients) server.send(client, message->get_payload(), message->get_opcode(), ignored);
    }
  });
  server.listen(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  server.start_accept();
  websocketpp::lib::asio::error_code failed;
  std::printf("listening on %d\n", server.get_local_endpoint(failed).port());
  std::fflush(stdout);
  server.run();
}
