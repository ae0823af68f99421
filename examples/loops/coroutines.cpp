// Command handlers that are coroutines of Asio's: they wait for timers, sockets and databases in plain sequence.
// Try it: open its address, say something, and press Ctrl-C.
#include "service.hpp"

#include <hotline/coroutine.hpp>
#include <hotline/make_ws_manager.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <csignal>

namespace {

asio::awaitable<void> wait_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

// Stands for a database: an answer that takes a while.
asio::awaitable<std::string> stored(std::string text) {
  co_await wait_for(std::chrono::milliseconds(1));
  co_return text;
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = *port}, loops::limits());
  const loops::service service(manager, events, [&](auto task) { asio::post(io, std::move(task)); });

  manager.on_command("say", hotline::awaiting(io, [&](hotline::request q) -> asio::awaitable<hotline::command_result> {
                       const auto text = q.payload()["text"].as_string();
                       if (!text) co_return hotline::command_error{"no_text", "text: expected string"};
                       const std::string kept = co_await stored(std::string(*text));
                       const auto seq = events.emit(q.project(), "said", {{"text", kept}});
                       if (!seq) co_return hotline::command_error{"not_emitted", seq.error().message};
                       co_return hotline::json_object{{"seq", *seq}};
                     }));

  // It ends in its wait, with `asio::error::operation_aborted`, when the client cancels it or its session ends.
  manager.on_command(
      "countdown",
      hotline::awaiting(io, [](hotline::request, const hotline::responder& answer) -> asio::awaitable<void> {
        for (int left = 200; left > 0; --left) {
          answer.progress({{"left", left}});
          co_await wait_for(std::chrono::milliseconds(100));
        }
      }));

  asio::signal_set signals(io, SIGINT, SIGTERM);
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        co_await signals.async_wait(asio::use_awaitable);
        signals.clear();  // a second Ctrl-C is the system's again
        manager.stop();
      },
      asio::detached);
  if (!loops::started(manager)) return 1;
  io.run();
}
