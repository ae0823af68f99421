#include "board.hpp"

#include "dashboard_page.hpp"
#include "lines.hpp"

#include <hotline/prometheus.hpp>

#include <iostream>
#include <string>
#include <utility>

namespace dashboard {
namespace {

struct task_name {
  std::string task;
  static constexpr auto fields = hotline::fields(hotline::field{"task", &task_name::task});
};

struct run_id {
  std::string task_id;
  static constexpr auto fields = hotline::fields(hotline::field{"task_id", &run_id::task_id});
};

struct branch_name {
  std::string name;
  static constexpr auto fields = hotline::fields(hotline::field{"name", &branch_name::name});
};

double seconds(std::chrono::system_clock::time_point at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

// Failures that a page can do something about have a name of their own.
hotline::command_error told_to_client(const hotline::failure& why, std::string_view otherwise) {
  const std::string_view name = why.code == std::errc::invalid_argument            ? "invalid_name"
                                : why.code == std::errc::not_supported             ? "no_repository"
                                : why.code == std::errc::no_such_file_or_directory ? "no_git"
                                                                                   : otherwise;
  return {std::string(name), why.message};
}

// The page learns from the next event, or from its lists, where things stand; here somebody learns that one is missing.
void warn_if_refused(const hotline::result<hotline::sequence>& emitted) {
  if (!emitted) std::cerr << "an event was not sent: " << emitted.error().message << '\n';
}

std::string_view name_of(output_stream from) { return from == output_stream::err ? "stderr" : "stdout"; }

// A client that connects here can run programs. Only pages that we served may connect, and none that reached us by a foreign
// name that resolves to this machine.
bool is_own_page(std::string_view origin, std::string_view host) {
  const std::string_view name = host.substr(0, host.rfind(':'));
  return hotline::is_same_origin(origin, host) && (name == "127.0.0.1" || name == "localhost" || name == "[::1]");
}

}  // namespace

board::board(asio::io_context& io, board_options options)
    : io_(io),
      options_(std::move(options)),
      manager_(hotline::make_ws_manager(
          io, events_, {.port = options_.port},
          {.valid_project = [](std::string_view asked) { return asked == project; }, .allows_origin = is_own_page})),
      git_(io.get_executor(), options_.folder),
      // Pages outlive the server: an id of this run must not be one of the last.
      id_prefix_(std::to_string(events_.log()->env().random() % 1'000'000'000)) {
  serve_page();
  serve_tasks();
  serve_repository();
  manager_.on_pace(std::string(project), {}, [this](hotline::pace now) { keep_pace(now); });
}

void board::stop() {
  if (std::exchange(stopping_, true)) return;
  for (auto& [id, r] : runs_) r.running->cancel();
  // With tasks, the last one to end goes on from here.
  if (runs_.empty()) stop_serving();
}

void board::stop_serving() {
  git_.stop();
  manager_.stop();
}

void board::serve_page() {
  manager_.on_http([this](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path == "/") {
      return hotline::http_response{.content_type = "text/html; charset=utf-8",
                                    .body = std::string(dashboard_page),
                                    .headers = {{"Cache-Control", "no-cache"}, {"X-Content-Type-Options", "nosniff"}}};
    }
    if (q.path == "/health") return hotline::http_response{.body = "ok\n"};
    if (q.path == "/metrics")
      return hotline::http_response{.content_type = std::string(hotline::prometheus_content_type),
                                    .body = to_prometheus(manager_.metrics())};
    return std::nullopt;
  });
  const auto tell = [this](std::string_view type, const hotline::connection_info& c) {
    warn_if_refused(events_.emit(c.project, type, {{"connection_id", c.id}}));
  };
  manager_.on_connect([tell](const hotline::connection_info& c) { tell("connection_opened", c); }).release();
  manager_.on_resumed([tell](const hotline::connection_info& c) { tell("connection_opened", c); }).release();
  const auto tell_closed = [tell](const hotline::connection_info& c, const hotline::disconnection&) {
    tell("connection_closed", c);
  };
  manager_.on_disconnect(tell_closed).release();
  manager_.on_command("list_connections", [this](const hotline::request& q) {
    hotline::json_array connections;
    const auto now = events_.log()->env().now();
    for (const auto& c : manager_.connections(q.project())) connections.append(to_json(c, now));
    return hotline::json_object{{"connections", connections}};
  });
}

void board::serve_tasks() {
  manager_.on_command<task_name>("start_task",
                                 [this](const hotline::request&, const task_name& p) -> hotline::command_result {
                                   const task* const what = find_task(options_.tasks, p.task);
                                   if (what == nullptr) return hotline::command_error{"no_such_task", "no such task"};
                                   return start_task(*what);
                                 });
  manager_.on_command<run_id>("cancel_execution",
                              [this](const hotline::request&, const run_id& p) -> hotline::command_result {
                                const auto found = runs_.find(p.task_id);
                                if (found == runs_.end())
                                  return hotline::command_error{"not_running", "no such task is running"};
                                found->second.running->cancel();
                                return hotline::json_object{{"task_id", p.task_id}, {"cancelled", true}};
                              });
  manager_.on_command("list_tasks", [this](const hotline::request&) { return list_tasks(); });
}

void board::serve_repository() {
  manager_.on_command<branch_name>(
      "create_branch", [this](const hotline::request&, const branch_name& p, hotline::responder answer) {
        git_.create_branch(p.name, [this, shared = std::make_shared<hotline::responder>(std::move(answer))](
                                       const hotline::result<branch>& made) {
          if (!made) return std::move(*shared).fail(told_to_client(made.error(), "not_created"));
          warn_if_refused(events_.emit(project, hotline::branch_created{made->name, made->commit}));
          std::move(*shared).answer(hotline::json_object{{"name", made->name}, {"commit", made->commit}});
        });
      });
  manager_.on_command("list_branches", [this](const hotline::request&, hotline::responder answer) {
    git_.list_branches(
        [shared = std::make_shared<hotline::responder>(std::move(answer))](const hotline::result<branch_list>& list) {
          if (!list) return std::move(*shared).fail(told_to_client(list.error(), "git_failed"));
          hotline::json_array branches;
          for (const branch& b : list->branches)
            branches.append(hotline::json_object{{"name", b.name}, {"commit", b.commit}});
          std::move(*shared).answer(
              hotline::json_object{{"branches", branches}, {"current", list->current}, {"head", list->head}});
        });
  });
}

// The output of tasks waits in their pipes while a page that otherwise keeps up needs a moment to read.
void board::keep_pace(hotline::pace now) {
  pace_ = now;
  for (auto& [id, r] : runs_) now == hotline::pace::behind ? r.running->pause_reading() : r.running->resume_reading();
}

hotline::command_result board::start_task(const task& what) {
  if (stopping_) return hotline::command_error{"shutting_down", "the server is shutting down", true};
  if (runs_.size() >= options_.most_running)
    return hotline::command_error{"too_many_tasks", "too many tasks are running", true};
  const std::string id = id_prefix_ + "-" + std::to_string(++last_id_);
  run& r = runs_[id];
  r.what = &what;
  r.started_at = std::chrono::system_clock::now();
  warn_if_refused(events_.emit(project, hotline::task_started{id, what.name, what.argv}));
  if (const auto wrong = launch(id, r, what)) {
    warn_if_refused(events_.emit(project, hotline::task_failed{id, std::nullopt, wrong->message}));
    runs_.erase(id);
  }
  return hotline::json_object{{"task_id", id}};
}

std::optional<hotline::failure> board::launch(const std::string& id, run& r, const task& what) {
  process_listener listener;
  const task* const gate = r.gate.empty() ? nullptr : &what;
  listener.on_line = [this, id, gate, whole = r.what](std::string_view line, output_stream from) {
    if (gate == nullptr) {
      warn_if_refused(events_.emit(project, hotline::agent_output{id, std::string(line), std::string(name_of(from))}));
    } else {
      warn_if_refused(events_.emit(project, hotline::agent_output::event_type,
                                   {{"task_id", id}, {"line", line}, {"stream", name_of(from)}, {"gate", gate->name}}));
    }
    for (const std::string_view signal : signals_in(line, *whole, gate)) {
      hotline::json_object seen{{"task_id", id}, {"signal", signal}, {"line", line}};
      if (gate != nullptr) seen.append("gate", gate->name);
      warn_if_refused(events_.emit(project, hotline::signal_detected::event_type, seen));
    }
  };
  listener.on_exit = [this, id](exit_status status) { ended(id, status); };
  auto started = process::start(
      io_.get_executor(), {.argv = what.argv, .directory = what.directory, .environment = own_repository_environment()},
      std::move(listener));
  if (!started) return started.error();
  r.running.emplace(std::move(*started));
  if (pace_ == hotline::pace::behind) r.running->pause_reading();
  return std::nullopt;
}

void board::ended(const std::string& id, exit_status status) {
  run& r = runs_.at(id);
  const bool cancelled = r.running->cancelled();
  if (r.gate.empty())
    task_ended(id, r, status, cancelled);
  else
    gate_ended(id, r, status, cancelled);
}

void board::task_ended(const std::string& id, run& r, exit_status status, bool cancelled) {
  if (cancelled) {
    warn_if_refused(events_.emit(project, hotline::task_cancelled{id}));
    return forget(id);
  }
  if (!status.success()) {
    const auto code = status.signal == 0 ? std::optional<std::int64_t>(status.code) : std::nullopt;
    warn_if_refused(events_.emit(project, hotline::task_failed{id, code, to_string(status)}));
    return forget(id);
  }
  warn_if_refused(events_.emit(project, hotline::task_completed{id, 0}));
  const task* const gate = find_task(options_.tasks, r.what->gate);
  if (gate == nullptr || stopping_) return forget(id);
  r.gate = gate->name;
  warn_if_refused(events_.emit(project, hotline::gate_running{id, r.gate}));
  if (const auto wrong = launch(id, r, *gate)) {
    warn_if_refused(events_.emit(project, hotline::gate_failed{id, r.gate, wrong->message}));
    forget(id);
  }
}

void board::gate_ended(const std::string& id, const run& r, exit_status status, bool cancelled) {
  if (status.success() && !cancelled)
    warn_if_refused(events_.emit(project, hotline::gate_passed{id, r.gate}));
  else
    warn_if_refused(
        events_.emit(project, hotline::gate_failed{id, r.gate, cancelled ? "cancelled" : to_string(status)}));
  forget(id);
}

void board::forget(const std::string& id) {
  runs_.erase(id);
  if (stopping_ && runs_.empty()) stop_serving();
}

hotline::json_object board::list_tasks() const {
  hotline::json_array tasks, running;
  for (const task& t : options_.tasks) {
    hotline::json_object told{{"name", t.name}, {"argv", t.argv}};
    if (!t.gate.empty()) told.append("gate", t.gate);
    if (!t.signals.empty()) {
      hotline::json_object signals;
      for (const auto& [signal, text] : t.signals) signals.append(signal, text);
      told.append("signals", signals);
    }
    tasks.append(told);
  }
  for (const auto& [id, r] : runs_) {
    hotline::json_object told{
        {"task_id", id}, {"task", r.what->name}, {"argv", r.what->argv}, {"started_at", seconds(r.started_at)}};
    if (!r.gate.empty()) told.append("gate", r.gate);
    running.append(told);
  }
  return {{"tasks", tasks},
          {"running", running},
          {"folder", valid_utf8(options_.folder)},  // a path may be any bytes
          {"repository", options_.is_repository}};
}

}  // namespace dashboard
