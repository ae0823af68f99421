// hotline's loop in a thread of its own: other threads emit events, and a worker thread answers commands.
// Try it: connect to /ws/lab and watch `measured`; send {"command":"count_primes","id":1,"payload":{"below":1000000}}.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

namespace {

struct count_primes {
  std::uint32_t below = 0;
  static constexpr auto fields = hotline::fields(hotline::field{"below", &count_primes::below});
};

struct job {
  count_primes what;
  hotline::responder answer;
};

// A queue that one thread works off.
class worker {
 public:
  void add(job j) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(j));
    wake_.notify_one();
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
      job next = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work(std::move(next), stop);
      lock.lock();
    }
  }

  // A responder may be used on any thread. Whoever forgets it answers `no_reply` by that.
  static void work(job j, const std::stop_token& program_ends) {
    const auto no_longer_wanted = j.answer.stop_token();  // cancelled, disconnected, or out of time
    std::int64_t primes = 0;
    for (std::uint32_t n = 2; n < j.what.below; ++n) {
      if (no_longer_wanted.stop_requested() || program_ends.stop_requested())
        return std::move(j.answer).fail({"cancelled", "counting was stopped"});
      bool prime = true;
      for (std::uint64_t d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
      primes += prime ? 1 : 0;
    }
    std::move(j.answer).answer(hotline::json_object{{"primes", primes}});
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<job> waiting_;
  std::jthread thread_{[this](const std::stop_token& stop) { run(stop); }};
};

// Stands for a device driver, a database's change feed, …: emits from a thread that hotline knows nothing of.
void measure(const std::stop_token& stop, hotline::event_emitter& events, std::string_view sensor) {
  std::mutex mutex;
  std::condition_variable_any alarm;
  std::unique_lock lock(mutex);
  for (int n = 1; !stop.stop_requested(); ++n) {
    if (!events.emit("lab", "measured", {{"sensor", sensor}, {"n", n}})) return;
    alarm.wait_for(lock, stop, std::chrono::milliseconds(250), [] { return false; });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int port = argc > 2 && std::string_view(argv[1]) == "--port" ? std::atoi(argv[2]) : 8080;

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = static_cast<std::uint16_t>(port)});
  worker calculator;
  manager.on_command<count_primes>("count_primes",
                                   [&](const hotline::request&, const count_primes& what, hotline::responder answer) {
                                     calculator.add({what, std::move(answer)});
                                   });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop(); });

  // Before the loop runs, any thread may set up and start; from then on the manager belongs to the loop's.
  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen: " << failed.message() << '\n';
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;

  std::jthread left([&](const std::stop_token& stop) { measure(stop, events, "left"); });
  std::jthread right([&](const std::stop_token& stop) { measure(stop, events, "right"); });
  std::jthread loop([&] { io.run(); });
  loop.join();
}
