#pragma once

// A dispatcher without a hub: one session that is sent nothing, whose answers are noted.

#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/command/command_output.hpp>
#include <hotline/command/dispatcher.hpp>
#include <hotline/command/registry.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <session/fake_loop.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline_test {

/// Notes what a dispatcher does. It knows one session.
class fake_output final : public hotline::detail::command_output {
 public:
  using session = hotline::detail::session;

  static constexpr hotline::sequence position_of_all = 3;
  static constexpr hotline::sequence end_of_all = 5;

  /// `known` must outlive it.
  explicit fake_output(session& known) : known_(known) {}

  session* find(std::uint64_t number) noexcept override {
    return number == known_.number() && !is_gone ? &known_ : nullptr;
  }
  hotline::connection_info info(const session& s) const override { return s.info({}); }
  void answer(session&, std::string_view text) override {
    if (std::exchange(fails_once, false)) throw std::bad_alloc();
    answers.emplace_back(text);
  }
  void give_up(session&) noexcept override { ++given_up; }
  void renew(session&, std::optional<hotline::wall_time> until) override { renewals.push_back(until); }
  void subscribe(session& s, const hotline::filter& wanted) override {
    s.want(wanted);
    s.note_subscribed();
  }
  hotline::sequence position(const session&) const noexcept override { return position_of_all; }
  hotline::sequence log_end(const session&) const noexcept override { return end_of_all; }
  void report(std::string_view where, const std::exception_ptr& thrown) noexcept override {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      errors.push_back(std::string(where) + ": " + e.what());
    } catch (...) {
      errors.push_back(std::string(where) + ": ?");
    }
  }

  std::deque<std::string> answers;  // that nobody has looked at yet
  std::vector<std::optional<hotline::wall_time>> renewals;
  std::vector<std::string> errors;
  int given_up = 0;
  bool is_gone = false;     // its session is
  bool fails_once = false;  // there is no memory for the next answer

 private:
  session& known_;
};

/// A dispatcher with one client, and a loop that runs when told to.
struct one_client {
  explicit one_client(hotline::manager_options o = {})
      : options(std::move(o)),
        client(7, hotline_test::project_name("p"), {}),
        output(client),
        loop(std::make_shared<fake_loop>()),
        commands(options, loop, counted, output) {
    client.want(hotline::filter::everything());
  }
  one_client(const one_client&) = delete;
  one_client& operator=(const one_client&) = delete;
  // A command that waits in the loop has the loop.
  ~one_client() { (void)loop->take(); }

  template <hotline::command_handler F>
  void on(std::string name, F f) {
    commands.handlers().set(std::move(name), hotline::detail::registry::wrap(std::move(f)));
  }
  template <class Payload, hotline::typed_command_handler<Payload> F>
  void on(std::string name, F f) {
    commands.handlers().set(std::move(name), hotline::detail::registry::wrap_typed<Payload>(std::move(f)));
  }

  void send(std::string_view text, std::optional<hotline::limit> over = {}) {
    commands.receive(client, text, now, fake_loop::wall, over);
  }
  /// The answers of responders reach the client.
  void run() { (void)loop->run(); }
  void pass(std::chrono::milliseconds time) {
    now += time;
    commands.expire(client, now, fake_loop::wall);
  }

  /// The next answer as it was sent; empty when there is none.
  std::string text() {
    if (output.answers.empty()) return {};
    std::string first = std::move(output.answers.front());
    output.answers.pop_front();
    return first;
  }
  hotline::json next() {
    const std::string sent = text();
    INFO(sent);
    const auto parsed = hotline::parse_json(sent);
    REQUIRE(parsed);
    CHECK((*parsed)["timestamp"].is_number());
    return *parsed;
  }
  /// The code of the error that comes next; the type of what comes when it is no error.
  std::string next_code() {
    if (output.answers.empty()) return {};
    const hotline::json answer = next();
    return std::string(answer["error"]["code"].as_string().value_or(answer["type"].as_string().value_or("?")));
  }
  [[nodiscard]] bool silent() const { return output.answers.empty(); }

  hotline::manager_options options;
  hotline::detail::live_metrics counted;
  hotline::detail::session client;
  fake_output output;
  std::shared_ptr<fake_loop> loop;
  hotline::detail::dispatcher commands;
  hotline::steady_time now{std::chrono::hours{1}};
};

}  // namespace hotline_test
