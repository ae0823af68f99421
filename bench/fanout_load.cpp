// Loads a fan-out server: many listeners, one publisher that sends `window` messages, waits until every listener has had
// them all, and goes on. Prints one line of `name value` pairs.
//
//   fanout_load --ports P[,P…] --pid PID [--clients N] [--window N] [--bytes N] [--seconds S]
//               [--greeted]      the server sends each client one message first
//               [--json]         payloads that look like an event's, not one letter again and again
//               [--deflate]      listeners offer permessage-deflate
//               [--groups N]     listeners subscribe, in N groups, to `bench` and a type of their group's own
//               [--stalled N]    so many more listeners that never read
//               [--on-request]   stays connected, and takes a slice for each line that it reads: `seconds S`, `turns N`

#include "load_client.hpp"

namespace {

std::string event_like(std::size_t bytes) {
  std::string text;
  for (std::uint32_t n = 1; text.size() < bytes; n = n * 1664525 + 1013904223)
    text += "task t" + std::to_string(n >> 12) + " is running: file " + std::to_string(n >> 20) + ".cpp compiled; ";
  text.resize(bytes);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const load::arguments given(argc, argv);
  load::raise_descriptor_limit();
  const int pid = static_cast<int>(given.count("--pid", 0));
  const std::size_t count = given.count("--clients", 500), window = given.count("--window", 1);
  const std::size_t groups = given.count("--groups", 0), stalled = given.count("--stalled", 0);
  const double seconds = given.number("--seconds", 1);
  std::vector<std::uint16_t> ports;
  for (std::string rest = given.text("--ports", "");;) {
    ports.push_back(static_cast<std::uint16_t>(std::atoi(rest.c_str())));
    const std::size_t comma = rest.find(',');
    if (comma == std::string::npos) break;
    rest.erase(0, comma + 1);
  }
  const std::string extensions =
      given.has("--deflate") ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "";

  load::crowd crowd;
  std::vector<load::listener> listeners(count);
  for (std::size_t i = 0; i < count; ++i) {
    listeners[i].fd = load::open_socket(ports[i % ports.size()], i, "/ws/bench", extensions);
    load::read_head(listeners[i].fd);
    crowd.add(listeners[i]);
  }
  for (std::size_t i = 0; i < stalled; ++i) load::read_head(load::open_socket(ports[0], i, "/ws/bench", ""));
  const int publisher = load::open_socket(ports[0], 0, "/ws/bench", "");
  load::read_head(publisher);
  if (given.has("--greeted")) crowd.wait(listeners, 1);
  if (groups > 0) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string wish = client_frame(R"({"command":"subscribe","payload":{"events":["bench","group)" +
                                            std::to_string(i % groups) + "\"]}}");
      if (send(listeners[i].fd, wish.data(), wish.size(), 0) < 0) load::fail("subscribe");
    }
    crowd.wait(listeners, 1);
  }

  const std::size_t bytes = given.count("--bytes", 200);
  const std::string data = given.has("--json") ? event_like(bytes) : std::string(bytes, 'x');
  const std::string message = client_frame(R"({"command":"publish","payload":{"data":")" + data + "\"}}");
  std::string burst;
  for (std::size_t i = 0; i < window; ++i) burst += message;

  std::vector<double> times;
  std::vector<char> unread(1 << 16);
  const auto run_for = [&](load::slice slice) {
    std::size_t rounds = 0;
    for (slice.begin = load::clock_type::now(); !slice.over(rounds); ++rounds) {
      const auto sent = load::clock_type::now();
      if (send(publisher, burst.data(), burst.size(), 0) != static_cast<ssize_t>(burst.size())) load::fail("publish");
      crowd.wait(listeners, window);
      times.push_back(load::seconds_since(sent) * 1e6);
      while (recv(publisher, unread.data(), unread.size(), MSG_DONTWAIT) > 0) {
      }
    }
    return rounds;
  };
  run_for({seconds / 5});
  load::take_slices(given, [&](const load::slice& slice) {
    times.clear();
    const double cpu_before = load::cpu_seconds(pid);
    const std::size_t bytes_before = crowd.bytes();
    const auto begin = load::clock_type::now();
    const auto turns = static_cast<double>(run_for(slice));
    const double wall = load::seconds_since(begin);
    const double cpu = load::cpu_seconds(pid) - cpu_before;
    const double deliveries = turns * static_cast<double>(window * count);
    std::sort(times.begin(), times.end());
    std::printf(
        "cpu_us_per_delivery %.4f deliveries_per_s %.0f p50_us %.0f p99_us %.0f bytes_per_delivery %.0f turns %.0f "
        "units %.0f\n",
        cpu * 1e6 / deliveries, deliveries / wall, times[times.size() / 2], times[times.size() * 99 / 100],
        static_cast<double>(crowd.bytes() - bytes_before) / deliveries, turns, deliveries);
  });
}
