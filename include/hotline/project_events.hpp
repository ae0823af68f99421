#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/event_emitter.hpp>
#include <hotline/protocol/fields.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The events of a system that runs tasks, as types. Declaring one of your own takes the same few lines: its members,
/// its `event_type`, and the fields by which it is written and read.

namespace hotline {

struct task_started {
  static constexpr std::string_view event_type = "task_started";
  std::string task_id;
  std::string task;
  std::vector<std::string> argv;
  static constexpr auto fields = hotline::fields(
      field{"task_id", &task_started::task_id}, field{"task", &task_started::task}, field{"argv", &task_started::argv});
};

struct task_completed {
  static constexpr std::string_view event_type = "task_completed";
  std::string task_id;
  std::int64_t exit_code = 0;
  static constexpr auto fields =
      hotline::fields(field{"task_id", &task_completed::task_id}, field{"exit_code", &task_completed::exit_code});
};

struct task_failed {
  static constexpr std::string_view event_type = "task_failed";
  std::string task_id;
  std::optional<std::int64_t> exit_code;  ///< none when it did not even start, or died of a signal
  std::string reason;
  static constexpr auto fields =
      hotline::fields(field{"task_id", &task_failed::task_id}, field{"exit_code", &task_failed::exit_code},
                      field{"reason", &task_failed::reason});
};

struct task_cancelled {
  static constexpr std::string_view event_type = "task_cancelled";
  std::string task_id;
  static constexpr auto fields = hotline::fields(field{"task_id", &task_cancelled::task_id});
};

/// One line of what a task says.
struct agent_output {
  static constexpr std::string_view event_type = "agent_output";
  std::string task_id;
  std::string line;
  std::string stream = "stdout";
  static constexpr auto fields =
      hotline::fields(field{"task_id", &agent_output::task_id}, field{"line", &agent_output::line},
                      field{"stream", &agent_output::stream});
};

/// A check that a task has to pass is under way.
struct gate_running {
  static constexpr std::string_view event_type = "gate_running";
  std::string task_id;
  std::string gate;
  static constexpr auto fields =
      hotline::fields(field{"task_id", &gate_running::task_id}, field{"gate", &gate_running::gate});
};

struct gate_passed {
  static constexpr std::string_view event_type = "gate_passed";
  std::string task_id;
  std::string gate;
  static constexpr auto fields =
      hotline::fields(field{"task_id", &gate_passed::task_id}, field{"gate", &gate_passed::gate});
};

struct gate_failed {
  static constexpr std::string_view event_type = "gate_failed";
  std::string task_id;
  std::string gate;
  std::string reason;
  static constexpr auto fields =
      hotline::fields(field{"task_id", &gate_failed::task_id}, field{"gate", &gate_failed::gate},
                      field{"reason", &gate_failed::reason});
};

/// Something that somebody watches for has been seen.
struct signal_detected {
  static constexpr std::string_view event_type = "signal_detected";
  std::string task_id;
  std::string signal;
  static constexpr auto fields =
      hotline::fields(field{"task_id", &signal_detected::task_id}, field{"signal", &signal_detected::signal});
};

struct branch_created {
  static constexpr std::string_view event_type = "branch_created";
  std::string name;
  std::string commit;
  static constexpr auto fields =
      hotline::fields(field{"name", &branch_created::name}, field{"commit", &branch_created::commit});
};

}  // namespace hotline
#endif
