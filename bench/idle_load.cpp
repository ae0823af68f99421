// Connects many clients: how fast, and what each costs the server's memory when nothing happens. With --storm they all go
// away, miss some events, and come back at once.
//
//   idle_load --port P --pid PID [--clients N] [--greeted] [--deflate] [--subscribe] [--storm EVENTS]

#include "load_client.hpp"

#include <thread>

namespace {

// The server's memory and CPU are looked at when it has been still for a while.
void let_settle(int pid) {
  for (double before = -1, now = load::cpu_seconds(pid); now - before > 0.0005; now = load::cpu_seconds(pid)) {
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const load::arguments given(argc, argv);
  load::raise_descriptor_limit();
  const int pid = static_cast<int>(given.count("--pid", 0));
  const auto port = static_cast<std::uint16_t>(given.count("--port", 0));
  const std::size_t count = given.count("--clients", 10'000);
  const std::string extensions =
      given.has("--deflate") ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "";

  // Memory that the first clients bring is not theirs alone.
  for (std::size_t i = 0; i < 20; ++i) load::read_head(load::open_socket(port, i, "/ws/bench", extensions));
  let_settle(pid);
  const double memory_before = load::resident_kib(pid), cpu_before = load::cpu_seconds(pid);
  const auto begin = load::clock_type::now();
  std::vector<load::listener> clients(count);
  for (std::size_t i = 0; i < count; ++i) clients[i].fd = load::open_socket(port, i, "/ws/bench", extensions);
  for (load::listener& client : clients) load::read_head(client.fd);
  const double wall = load::seconds_since(begin);
  const double cpu = load::cpu_seconds(pid) - cpu_before;
  std::vector<std::string> greetings;
  if (given.has("--greeted"))
    for (load::listener& client : clients) greetings.push_back(load::read_message(client.fd));
  if (given.has("--subscribe")) {
    const std::string wish =
        client_frame(R"({"command":"subscribe","id":"s1","payload":{"events":["bench","started","finished"]}})");
    for (load::listener& client : clients)
      if (send(client.fd, wish.data(), wish.size(), 0) < 0) load::fail("subscribe");
    for (load::listener& client : clients) load::read_message(client.fd);
  }
  let_settle(pid);
  std::printf("kib_per_connection %.3f connections_per_s %.0f cpu_us_per_connection %.2f",
              (load::resident_kib(pid) - memory_before) / static_cast<double>(count), static_cast<double>(count) / wall,
              cpu * 1e6 / static_cast<double>(count));

  if (const std::size_t missed = given.count("--storm", 0); missed > 0) {
    for (load::listener& client : clients) close(client.fd);
    let_settle(pid);
    const int publisher = load::open_socket(port, 0, "/ws/bench", "");
    load::read_head(publisher);
    const std::string message = client_frame(R"({"command":"publish","payload":{"data":"missed"}})");
    for (std::size_t i = 0; i < missed; ++i)
      if (send(publisher, message.data(), message.size(), 0) < 0) load::fail("publish");
    let_settle(pid);
    const double cpu_before_storm = load::cpu_seconds(pid);
    const auto storm = load::clock_type::now();
    load::crowd crowd;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& hello = greetings[i];
      clients[i] = {load::open_socket(port, i,
                                      "/ws/bench?resume=" + load::member(hello, "token") + "&epoch=" +
                                          load::member(hello, "epoch") + "&after=" + load::member(hello, "seq"),
                                      extensions)};
    }
    for (load::listener& client : clients) {
      load::read_head(client.fd);
      crowd.add(client);
    }
    crowd.wait(clients, 1 + missed);  // `connected`, and what was missed
    std::printf(" storm_seconds %.3f storm_cpu_us_per_client %.2f", load::seconds_since(storm),
                (load::cpu_seconds(pid) - cpu_before_storm) * 1e6 / static_cast<double>(count));
  }
  std::printf("\n");
}
