// How long an event takes from the host's loop to a client. The client asks with the command `tick`; the host emits an event
// whose `t_ns` is the steady clock's time of the emit. Between two events the loop may fall asleep.
//
//   loop_load --port P [--pid PID] [--turns N] [--greeted] [--on-request]

#include "load_client.hpp"

#include <thread>

namespace {

// The event that answers a `tick`; answers to commands are passed over.
std::string read_tick(int fd) {
  for (;;) {
    std::string text = load::read_message(fd);
    if (load::member(text, "type") == "tick" || !load::member(text, "t_ns").empty()) return text;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const load::arguments given(argc, argv);
  const int fd = load::open_socket(static_cast<std::uint16_t>(given.count("--port", 0)), 0, "/ws/bench", "");
  const timeval patience{3, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  load::read_head(fd);
  if (given.has("--greeted")) (void)load::read_message(fd);
  const std::string wish = client_frame(R"({"command":"tick"})");

  std::uint32_t chance = 1;
  load::take_slices(given, [&](const load::slice& slice) {
    std::vector<double> times, round_trips;
    for (std::size_t turn = 0; !slice.over(turn); ++turn) {
      // Not in step with any timer of the host.
      chance = chance * 1664525 + 1013904223;
      std::this_thread::sleep_for(std::chrono::microseconds(1000 + chance % 2000));
      const auto sent = load::clock_type::now();
      if (send(fd, wish.data(), wish.size(), 0) != static_cast<ssize_t>(wish.size())) load::fail("tick");
      const std::string stamp = load::member(read_tick(fd), "t_ns");
      const auto now = load::clock_type::now();
      if (stamp.empty()) {
        std::fprintf(stderr, "an event `tick` has no t_ns\n");
        std::exit(1);
      }
      const auto emitted = std::chrono::nanoseconds(std::strtoll(stamp.c_str(), nullptr, 10));
      times.push_back(std::chrono::duration<double, std::micro>(now.time_since_epoch() - emitted).count());
      round_trips.push_back(std::chrono::duration<double, std::micro>(now - sent).count());
    }
    std::sort(times.begin(), times.end());
    std::sort(round_trips.begin(), round_trips.end());
    std::printf("p50_us %.1f p99_us %.1f round_trip_p50_us %.1f turns %zu\n", times[times.size() / 2],
                times[times.size() * 99 / 100], round_trips[round_trips.size() / 2], times.size());
  });
}
