// An epoll loop of the host's own, in which hotline is one descriptor more.
// Try it: open its address, say something, and press Ctrl-C.
#include "service.hpp"

#include <hotline/epoll.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace {

// Before any thread is started, so that none of them takes the signals.
int descriptor_of_signals() {
  ::sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

void watch(int set, int descriptor) {
  ::epoll_event input{};
  input.events = EPOLLIN;
  input.data.fd = descriptor;
  ::epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &input);
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;
  const int signals = descriptor_of_signals();

  hotline::event_emitter events;
  auto manager = hotline::make_epoll_ws_manager(events, {.port = *port}, loops::limits());
  std::vector<loops::service::task> next_turn;
  const loops::service service(manager, events, [&](auto task) { next_turn.push_back(std::move(task)); });

  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  watch(set, signals);
  watch(set, manager.transport().fd());
  if (!loops::started(manager)) return 1;

  bool running = true;
  while (running) {
    std::array<::epoll_event, 8> ready;
    const int count = ::epoll_wait(set, ready.data(), int{ready.size()}, next_turn.empty() ? -1 : 0);
    if (count < 0 && errno != EINTR) return 1;  // EINTR is no failure: a SIGCONT is enough for it
    for (int n = 0; n < count; ++n) {
      if (ready[static_cast<std::size_t>(n)].data.fd == signals) {
        ::signalfd_siginfo which;
        (void)!::read(signals, &which, sizeof which);
        manager.stop([&] { running = false; });
      } else {
        manager.transport().run_ready();  // the rest of a large batch keeps the descriptor readable
      }
    }
    for (const auto& task : std::exchange(next_turn, {})) task();
  }
  ::close(set);
  ::close(signals);
}
