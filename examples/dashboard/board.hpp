#pragma once

#include "git.hpp"
#include "process.hpp"
#include "tasks.hpp"

#include <hotline/hotline.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The dashboard itself: what its clients' commands do, and which events tell everybody of it.

namespace dashboard {

struct board_options {
  std::string folder;         ///< the folder that it shows
  bool is_repository = true;  ///< whether git finds one there
  std::vector<task> tasks;
  std::uint16_t port = 8080;
  std::size_t most_running = 16;  ///< tasks at once; one more is refused with `too_many_tasks`
};

/// The project that all of it belongs to.
inline constexpr std::string_view project = "main";

/// Serves the page and runs what it asks for. All of it happens on the loop.
class board {
 public:
  board(asio::io_context& io, board_options options);
  board(const board&) = delete;
  board& operator=(const board&) = delete;

  [[nodiscard]] std::error_code start() { return manager_.start(); }
  [[nodiscard]] std::uint16_t port() { return manager_.transport().port(); }

  /// Ends the tasks and git, tells the clients, and lets the loop run out of work.
  void stop();

 private:
  using manager_type = hotline::ws_manager<hotline::asio_transport>;

  struct run {
    const task* what;
    std::optional<process> running;
    std::chrono::system_clock::time_point started_at;
    std::string gate{};  ///< the gate that runs now, once the task itself has succeeded
  };

  void serve_page();
  void serve_tasks();
  void serve_repository();
  void keep_pace(hotline::pace now);

  [[nodiscard]] hotline::command_result start_task(const task& what);
  [[nodiscard]] std::optional<hotline::failure> launch(const std::string& id, run& r, const task& what);
  void ended(const std::string& id, exit_status status);
  void task_ended(const std::string& id, run& r, exit_status status, bool cancelled);
  void gate_ended(const std::string& id, const run& r, exit_status status, bool cancelled);
  void forget(const std::string& id);
  void stop_serving();
  [[nodiscard]] hotline::json_object list_tasks() const;

  asio::io_context& io_;
  const board_options options_;
  hotline::event_emitter events_;
  manager_type manager_;
  git git_;
  std::map<std::string, run> runs_;
  std::string id_prefix_;
  unsigned last_id_ = 0;
  hotline::pace pace_ = hotline::pace::caught_up;
  bool stopping_ = false;
};

}  // namespace dashboard
