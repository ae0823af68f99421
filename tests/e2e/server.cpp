// The server that the end-to-end tests talk to: the public face of hotline alone, on a port that the system chooses.
//
//   e2e_server [--ping-ms N] [--timeout-ms N] [--command-timeout-ms N] [--drain-ms N] [--handshake-ms N] [--close-ms N]
//              [--resume-window-ms N] [--user-timeout-ms N] [--send-buffer BYTES] [--log-bytes BYTES]
//              [--close-laggards 1] [--address ADDRESS] [--deflate AT_LEAST_BYTES] [--message-burst N] [--hold PROJECT]
//              [--host NAME] [--transport asio|epoll|asio_epoll]
//
// The transport is HOTLINE_E2E_TRANSPORT's where the test names none, asio's without that.
//
// Its clock stands still. A number on standard input moves it on (steered_clock.hpp), so each timeout passes when the test says
// so. Limits that the test does not name have no bound that it could reach.
//
// Prints `listening on http://ADDRESS:PORT` (127.0.0.1), later `opened ID PROJECT`, `resumed ID` and
// `closed ID CODE REASON` of its clients, `told to stop` of commands, and `threw WHERE WHAT`. The clients of the project that
// `--hold` names are held before their upgrade, which prints `held`; the command `admit` lets the first of them in. SIGTERM,
// SIGINT and the command `stop` end it in good order, with 0.

#include <hotline/deflate.hpp>
#include <hotline/hotline.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "print_line.hpp"
#include "server_loops.hpp"
#include "steered_clock.hpp"

namespace {

using hotline::command_error;
using hotline::command_result;
using hotline::field;
using hotline::fields;
using hotline::json_object;
using hotline::request;
using hotline::responder;

/// `count` events, each with its number among them, `n`, and `pad` bytes of padding.
struct emit_command {
  std::string type;
  hotline::json own_fields;
  std::optional<int> count;
  std::optional<std::size_t> pad;
  static constexpr auto fields =
      hotline::fields(field{"type", &emit_command::type}, field{"fields", &emit_command::own_fields},
                      field{"count", &emit_command::count}, field{"pad", &emit_command::pad});
};

/// `count` events from each of so many threads at once.
struct emit_from_threads_command {
  int threads = 0;
  int count = 0;
  static constexpr auto fields = hotline::fields(field{"threads", &emit_from_threads_command::threads},
                                                 field{"count", &emit_from_threads_command::count});
};

/// Answered by another thread, after `steps` reports; with `wait` not before it is stopped.
struct slow_command {
  int steps = 0;
  std::optional<bool> wait;
  static constexpr auto fields =
      hotline::fields(field{"steps", &slow_command::steps}, field{"wait", &slow_command::wait});
};

struct big_command {
  std::size_t bytes = 0;
  static constexpr auto fields = hotline::fields(field{"bytes", &big_command::bytes});
};

struct kick_command {
  std::string connection_id;
  std::uint16_t code = 0;
  std::string reason;
  static constexpr auto fields =
      hotline::fields(field{"connection_id", &kick_command::connection_id}, field{"code", &kick_command::code},
                      field{"reason", &kick_command::reason});
};

command_result failed(const hotline::failure& why) { return command_error{"refused", why.message, false}; }

command_result emit_events(hotline::event_emitter& events, const request& q, const emit_command& wanted) {
  hotline::sequence last = 0;
  for (int n = 0; n < wanted.count.value_or(1); ++n) {
    json_object own;
    if (!wanted.own_fields.is_missing()) {
      auto given = json_object::from(wanted.own_fields);
      if (!given) return failed(given.error());
      own = std::move(*given);
    }
    if (wanted.count) own.append("n", n);
    if (wanted.pad) own.append("pad", std::string(*wanted.pad, 'x'));
    const auto seq = events.emit(q.project(), wanted.type, own);
    if (!seq) return failed(seq.error());
    last = *seq;
  }
  return json_object{{"seq", last}};
}

void work(const slow_command& wanted, responder answer) {
  const std::stop_token told_to_stop = answer.stop_token();
  for (int step = 1; step <= wanted.steps && !told_to_stop.stop_requested(); ++step)
    answer.progress({{"step", step}, {"of", wanted.steps}});
  if (wanted.wait.value_or(false)) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait(lock, told_to_stop, [] { return false; });
  }
  if (told_to_stop.stop_requested()) {
    print_line("told to stop");
    return std::move(answer).fail({"cancelled", "told to stop", false});
  }
  std::move(answer).answer(json_object{{"steps", wanted.steps}});
}

struct settings {
  static constexpr std::chrono::hours never{24};  // no test moves the clock so far unless it says when something is due
  std::chrono::milliseconds ping = never / 2;
  std::chrono::milliseconds timeout = never;
  hotline::listen_options listen{};
  hotline::manager_options manager{};
  hotline::log_options log{};
  std::optional<hotline::deflate_options> deflate{};
  std::optional<std::string> hold{};
  std::string transport = "asio";
};

settings read_arguments(int argc, char** argv) {
  settings s;
  s.manager.connections.per_address = s.manager.connections.all;  // all that test it come from here
  s.manager.handshake.timeout = s.manager.resume.window = s.manager.command_timeout = settings::never;
  s.manager.close_timeout = s.manager.drain_timeout = s.manager.position_interval = settings::never;
  // Tokens come with the time, which stands still.
  s.manager.session.message_burst = s.manager.session.control_frame_burst = 1'000'000;
  s.manager.session.byte_burst = std::size_t{1} << 32;
  if (const char* const given = std::getenv("HOTLINE_E2E_TRANSPORT")) s.transport = given;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--address") {
      s.listen.address = argv[i + 1];
      continue;
    }
    if (name == "--host") {
      s.manager.hosts = {"127.0.0.1", argv[i + 1]};
      continue;
    }
    if (name == "--transport") {
      s.transport = argv[i + 1];
      continue;
    }
    if (name == "--hold") {
      s.hold = argv[i + 1];
      continue;
    }
    const int value = std::stoi(argv[i + 1]);
    const std::chrono::milliseconds time(value);
    if (name == "--ping-ms")
      s.ping = time;
    else if (name == "--timeout-ms")
      s.timeout = time;
    else if (name == "--command-timeout-ms")
      s.manager.command_timeout = time;
    else if (name == "--drain-ms")
      s.manager.drain_timeout = time;
    else if (name == "--handshake-ms")
      s.manager.handshake.timeout = time;
    else if (name == "--close-ms")
      s.manager.close_timeout = time;
    else if (name == "--close-laggards")
      s.manager.laggards = value != 0 ? hotline::laggard_policy::close : hotline::laggard_policy::gap;
    else if (name == "--user-timeout-ms")
      s.listen.user_timeout = time;
    else if (name == "--log-bytes")
      s.log = {.bytes = static_cast<std::size_t>(value), .event_bytes = static_cast<std::size_t>(value) / 2};
    else if (name == "--resume-window-ms")
      s.manager.resume.window = time;
    else if (name == "--message-burst")
      s.manager.session.message_burst = static_cast<std::size_t>(value);
    else if (name == "--send-buffer")
      s.listen.socket_send_buffer = value;
    else if (name == "--deflate")
      s.deflate = {.at_least = static_cast<std::size_t>(value)};
    else
      throw std::invalid_argument("e2e_server: no option " + std::string(name));
  }
  return s;
}

std::string what(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const settings s = read_arguments(argc, argv);
  const auto env = std::make_shared<steered_environment>();
  hotline::event_emitter events(s.log, env);
  const auto loop =
      make_server_loop(s.transport, env, events, s.listen, s.manager, hotline::interval_heartbeat(s.ping, s.timeout));
  hotline::manager& manager = loop->manager();
  if (s.deflate) manager.compress(std::make_unique<hotline::permessage_deflate>(*s.deflate));
  std::vector<std::jthread> workers;  // used on the loop alone; those left at its end have been stopped

  const auto stop = [&] {
    loop->ignore_signals();
    manager.stop([&] {
      loop->end();
      print_line("stopped");
    });
  };
  manager.on_connect([](const hotline::connection_info& c) { print_line("opened ", c.id, ' ', c.project); }).release();
  manager.on_resumed([](const hotline::connection_info& c) { print_line("resumed ", c.id); }).release();
  manager
      .on_disconnect([](const hotline::connection_info& c, const hotline::disconnection& how) {
        print_line("closed ", c.id, ' ', static_cast<int>(how.code), ' ', how.reason);
      })
      .release();
  manager
      .on_error([](std::string_view where, const std::exception_ptr& thrown) {
        print_line("threw ", where, ' ', what(thrown));
      })
      .release();
  manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path == "/health") return hotline::http_response{.body = "ok\n"};
    if (q.path == "/target") return hotline::http_response{.body = q.target + '\n'};
    return std::nullopt;
  });

  std::deque<hotline::admission_responder> held;
  if (s.hold) {
    manager.authenticate(
        [&](const hotline::http_request&, std::string_view project, hotline::admission_responder answer) {
          if (project != *s.hold) return std::move(answer).answer(hotline::admission{});
          held.push_back(std::move(answer));
          print_line("held");
        });
    manager.on_command("admit", [&](const request&) -> command_result {
      if (held.empty()) return command_error{"refused", "nobody is held", false};
      std::move(held.front()).answer(hotline::admission{});
      held.pop_front();
      return {};
    });
  }

  manager.on_command("echo", [](const request& q) { return q.payload(); });
  manager.on_command<emit_command>(
      "emit", [&](const request& q, const emit_command& wanted) { return emit_events(events, q, wanted); });
  manager.on_command<emit_from_threads_command>(
      "emit_from_threads", [&](const request& q, const emit_from_threads_command& wanted, responder answer) {
        workers.emplace_back([&events, q, wanted, answer = std::move(answer)]() mutable {
          {
            std::vector<std::jthread> emitting;
            for (int thread = 0; thread < wanted.threads; ++thread)
              emitting.emplace_back([&events, &q, &wanted, thread] {
                for (int n = 0; n < wanted.count; ++n)
                  if (!events.emit(q.project(), "threaded", {{"thread", thread}, {"n", n}}))
                    std::cerr << "not emitted\n";
              });
          }
          std::move(answer).answer(json_object{{"emitted", wanted.threads * wanted.count}});
        });
      });
  manager.on_command<slow_command>("slow", [&](const request&, const slow_command& wanted, responder answer) {
    workers.emplace_back([wanted, answer = std::move(answer)]() mutable { work(wanted, std::move(answer)); });
  });
  manager.on_command("silent", [](const request&, const responder&) {});
  manager.on_command("fail", [](const request&) { throw std::runtime_error("a secret of the server's"); });
  manager.on_command<big_command>("big", [](const request&, const big_command& wanted) {
    return json_object{{"text", std::string(wanted.bytes, 'x')}};
  });
  manager.on_command("broadcast", [&](const request& q) -> command_result {
    const auto message = json_object::from(q.payload());
    if (!message) return failed(message.error());
    const auto seq = manager.broadcast_to_project(q.project(), *message);
    if (!seq) return failed(seq.error());
    return json_object{{"seq", *seq}};
  });
  manager.on_command("tell_me", [&](const request& q) -> command_result {
    const auto message = json_object::from(q.payload());
    if (!message) return failed(message.error());
    if (const auto refused = manager.send_to(q.connection_id(), *message))
      return command_error{"refused", refused.message(), false};
    return {};
  });
  manager.on_command<kick_command>("kick", [&](const request&, const kick_command& whom) -> command_result {
    const auto code = static_cast<hotline::close_code>(whom.code);
    if (const auto refused = manager.disconnect(whom.connection_id, code, whom.reason))
      return command_error{"refused", refused.message(), false};
    return {};
  });
  manager.on_command("status", [&](const request&) {
    json_object told = to_json(manager.status());
    std::vector<json_object> connections;
    for (const auto& c : manager.connections()) connections.push_back(to_json(c, env->now()));
    told.append("list", connections);
    return told;
  });
  manager.on_command("stop", [&](const request&) { manager.post(stop); });

  if (const auto refused = manager.start()) {
    std::cerr << "e2e_server: " << refused.message() << '\n';
    return 1;
  }
  print_line("listening on http://", s.listen.address, ':', loop->port());
  loop->run(stop);
}
