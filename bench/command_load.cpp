// Clients that each ask, wait for the answer, and ask again. Prints the server's CPU for each, and how many a second.
//
//   command_load --port P --pid PID --message JSON [--clients N] [--seconds S] [--greeted]
//                [--on-request]   stays connected, and takes a slice for each line that it reads: `seconds S`, `turns N`

#include "load_client.hpp"

int main(int argc, char** argv) {
  const load::arguments given(argc, argv);
  const int pid = static_cast<int>(given.count("--pid", 0));
  const auto port = static_cast<std::uint16_t>(given.count("--port", 0));
  const double seconds = given.number("--seconds", 1);
  load::crowd crowd;
  std::vector<load::listener> clients(given.count("--clients", 50));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i].fd = load::open_socket(port, i, "/ws/bench", "");
    load::read_head(clients[i].fd);
    crowd.add(clients[i]);
  }
  if (given.has("--greeted")) crowd.wait(clients, 1);

  const std::string message = client_frame(given.text("--message", "{}"));
  const auto ask = [&](load::listener& client) {
    if (send(client.fd, message.data(), message.size(), 0) != static_cast<ssize_t>(message.size())) load::fail("ask");
  };
  constexpr std::size_t turns = 20;  // rounds of each client between two looks at the clock
  const auto run_for = [&](load::slice slice) {
    std::size_t rounds = 0;
    for (slice.begin = load::clock_type::now(); !slice.over(rounds * turns); ++rounds) {
      for (load::listener& client : clients) ask(client);
      crowd.wait(clients, turns, [&](load::listener& client, std::size_t) {
        if (client.got < turns) ask(client);
      });
    }
    return rounds * turns * clients.size();
  };
  run_for({seconds / 5});
  load::take_slices(given, [&](const load::slice& slice) {
    const double cpu_before = load::cpu_seconds(pid);
    const std::size_t bytes_before = crowd.bytes();
    const auto begin = load::clock_type::now();
    const auto answers = static_cast<double>(run_for(slice));
    const double wall = load::seconds_since(begin);
    std::printf("cpu_us_per_command %.4f commands_per_s %.0f bytes_per_answer %.0f units %.0f\n",
                (load::cpu_seconds(pid) - cpu_before) * 1e6 / answers, answers / wall,
                static_cast<double>(crowd.bytes() - bytes_before) / answers, answers);
  });
}
