// uWebSockets, as its examples use it: everybody subscribes to one topic, what comes is published to it. No compression, no
// TLS; nothing is dropped.
//
//   uwebsockets_server [--echo]

#include <App.h>

#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
  struct nothing {};
  const bool echo = argc > 1 && std::string_view(argv[1]) == "--echo";
  uWS::App app;
  uWS::App::WebSocketBehavior<nothing> behavior;
  behavior.compression = uWS::DISABLED;
  behavior.maxBackpressure = 0;  // no limit
  if (echo) {
    behavior.message = [](auto* client, std::string_view message, uWS::OpCode code) { client->send(message, code); };
  } else {
    behavior.open = [](auto* client) { client->subscribe("all"); };
    behavior.message = [&app](auto*, std::string_view message, uWS::OpCode code) { app.publish("all", message, code); };
  }
  app.ws<nothing>("/*", std::move(behavior));
  app.listen("127.0.0.1", 0, [](us_listen_socket_t* listening) {
    if (listening == nullptr) return;
    std::printf("listening on %d\n", us_socket_local_port(0, reinterpret_cast<us_socket_t*>(listening)));
    std::fflush(stdout);
  });
  app.run();
}
