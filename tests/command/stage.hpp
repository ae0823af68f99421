#pragma once

// A command desk without a manager: one client that notes what it is answered, and a loop that runs when told to.

#include <catch2_any.hpp>
#include <hotline/command/command_desk.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace command_tests {

using namespace hotline;
using namespace std::chrono_literals;

inline const wall_time wall = wall_time(1'700'000'000s);

/// Where responders send to.
class sink final : public detail::command_sink {
 public:
  void deliver(detail::command_message message) override {
    const std::lock_guard lock(mutex_);
    if (broken) throw std::bad_alloc();
    waiting_.push_back(std::move(message));
  }
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wall_time wall_now() const override { return wall; }

  [[nodiscard]] std::vector<std::function<void()>> take_tasks() {
    const std::lock_guard lock(mutex_);
    return std::exchange(tasks_, {});
  }
  [[nodiscard]] std::vector<detail::command_message> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

  bool broken = false;

 private:
  std::mutex mutex_;
  std::vector<detail::command_message> waiting_;
  std::vector<std::function<void()>> tasks_;
};

class client final : public detail::command_client {
 public:
  explicit client(const session_limits& limits) : commands_(limits) {}

  std::uint64_t number() const noexcept override { return 7; }
  const std::shared_ptr<const command_origin>& origin() const noexcept override { return origin_; }
  connection_info info() const override {
    connection_info told;
    told.id = origin_->connection_id;
    told.project = origin_->project;
    return told;
  }
  detail::command_table& commands() override { return commands_; }
  void answer(std::string_view text) override { answers.emplace_back(text); }
  void give_up() noexcept override { given_up = true; }
  bool given_up = false;
  void renew(std::optional<wall_time> until) override { expires_at = until; }
  const filter& hears() const noexcept override { return wanted; }
  bool has_subscribed() const noexcept override { return subscribed; }
  void subscribe(const filter& f) override {
    wanted = f;
    subscribed = true;
  }
  sequence position() const noexcept override { return 3; }
  sequence log_end() const override { return 5; }

  std::deque<std::string> answers;
  filter wanted = filter::everything();
  bool subscribed = false;
  std::optional<wall_time> expires_at;

 private:
  std::shared_ptr<const command_origin> origin_ = std::make_shared<const command_origin>(command_origin{"c1", "p"});
  detail::command_table commands_;
};

struct stage {
  explicit stage(manager_options o = {})
      : options(std::move(o)), mail(std::make_shared<sink>()), desk(options, mail, counted), c(options.session) {
    desk.find_client = [this](std::uint64_t number) { return number == c.number() ? &c : nullptr; };
    desk.on_error = [this](std::string_view where, std::exception_ptr thrown) {
      try {
        std::rethrow_exception(std::move(thrown));
      } catch (const std::exception& e) {
        errors.push_back(std::string(where) + ": " + e.what());
      } catch (...) {
        errors.push_back(std::string(where) + ": ?");
      }
    };
  }

  template <command_handler F>
  void on(std::string name, F f) {
    desk.handlers.set(std::move(name), detail::registry::wrap(std::move(f)));
  }
  template <class Payload, typed_command_handler<Payload> F>
  void on(std::string name, F f) {
    desk.handlers.set(std::move(name), detail::registry::wrap_typed<Payload>(std::move(f)));
  }

  void send(std::string_view text) { desk.receive(c, text, now, wall); }
  /// What responders sent reaches the client.
  void run() {
    for (const auto& message : mail->take()) desk.deliver(c, message);
    for (const auto& task : mail->take_tasks()) task();
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    desk.expire(c, now, wall);
  }

  /// The next answer as it was sent; empty when there is none.
  std::string text() {
    if (c.answers.empty()) return {};
    std::string first = std::move(c.answers.front());
    c.answers.pop_front();
    return first;
  }
  json next() {
    const std::string sent = text();
    INFO(sent);
    const auto parsed = parse_json(sent);
    REQUIRE(parsed);
    CHECK((*parsed)["timestamp"].is_number());
    return *parsed;
  }
  /// The code of the error that comes next; the type of what comes when it is no error.
  std::string next_code() {
    if (c.answers.empty()) return {};
    const json answer = next();
    return std::string(answer["error"]["code"].as_string().value_or(answer["type"].as_string().value_or("?")));
  }
  [[nodiscard]] bool silent() const { return c.answers.empty(); }

  manager_options options;
  detail::live_metrics counted;
  std::shared_ptr<sink> mail;
  detail::command_desk desk;
  client c;
  steady_time now{1h};
  std::vector<std::string> errors;
};

using list = std::vector<std::string>;

}  // namespace command_tests
