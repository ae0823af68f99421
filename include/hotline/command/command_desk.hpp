#pragma once
// Inbound 5/6: a message becomes a command, and the command is run. No I/O here, time is an argument.

#include <hotline/command/command_client.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/command/pending_command.hpp>
#include <hotline/command/registry.hpp>
#include <hotline/command/request.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/command/subscriptions.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/protocol/envelope.hpp>
#include <hotline/session/connection_info.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace hotline::detail {

/// Where a manager's commands are taken in, run and answered. For one loop.
class command_desk {
 public:
  /// Refuses a command by returning an error.
  using authorizer = std::function<std::optional<command_error>(const connection_info&, const request&)>;
  /// Told of what handlers throw.
  using error_hook = std::function<void(std::string_view where, std::exception_ptr)>;

  command_desk(const manager_options& options, std::shared_ptr<command_sink> sink)
      : options_(options), sink_(std::move(sink)), subscriptions_(options.session) {}

  registry handlers;
  error_hook on_error;

  /// Who is asked before each command that is not built in; null: nobody. It may be replaced while it runs.
  void authorize(authorizer f) { authorize_ = f ? std::make_shared<authorizer>(std::move(f)) : nullptr; }

  /// One message from a client. Everything it comes to is an answer of that client.
  void receive(command_client& client, std::string_view text, steady_time now, wall_time wall) {
    auto read = read_envelope(text, options_.session);
    if (const auto* const failure = std::get_if<protocol_failure>(&read)) {
      client.answer(failure->command.empty() ? error_text(failure->code, failure->message, wall)
                                             : command_error_text(failure->command, failure->id, failure->code,
                                                                  failure->message, false, wall));
      return;
    }
    client_command& command = std::get<client_command>(read);
    if (command.command == "ping") {
      client.answer(pong_text(command.id, client.log_end(), wall));
      return;
    }
    const command_table::verdict verdict = client.commands().admit(command.id);
    switch (verdict.what) {
      case command_table::admission::run: break;
      case command_table::admission::under_way: return;
      case command_table::admission::answered:
        if (!verdict.remembered.empty()) return client.answer(verdict.remembered);
        return client.answer(command_error_text(command.command, command.id, "answer_forgotten",
                                                "the command was answered, with more than is remembered", false, wall));
      case command_table::admission::too_many:
        // Answered at once, so they add nothing; and `cancel` is what helps now.
        if (is_built_in(command.command)) break;
        return client.answer(command_error_text(command.command, command.id, "too_many_commands",
                                                "too many commands are under way", true, wall));
    }
    run(client, std::move(command), now, wall);
  }

  /// What a responder sent, now on the loop.
  static void deliver(command_client& client, const command_message& message) {
    const bool heard = message.terminal ? client.commands().complete(message.serial, message.text)
                                        : client.commands().is_under_way(message.serial);
    if (heard) client.answer(message.text);
  }

  /// Commands whose deadline has passed get `timeout`; what they still answer is not heard.
  static void expire(command_client& client, steady_time now, wall_time wall) {
    for (const auto& late : client.commands().overdue(now)) {
      if (!late->claim()) continue;
      const std::string text =
          command_error_text(late->command, late->id, "timeout", "the command was not answered in time", true, wall);
      client.commands().complete(late->serial, text);
      client.answer(text);
      late->stop.request_stop();
    }
  }

  /// The client is gone for good: nobody would hear the answers.
  static void abandon(command_client& client) {
    for (const auto& pending : client.commands().all()) {
      (void)pending->claim();
      pending->stop.request_stop();
    }
  }

 private:
  // Books a deferred command when, and only when, its handler takes a responder.
  class source final : public responder_source {
   public:
    source(command_desk& desk, command_client& client, const request& q, steady_time deadline)
        : desk_(desk), client_(client), request_(q), deadline_(deadline) {}

    [[nodiscard]] responder make() override {
      auto pending = std::make_shared<pending_command>();
      pending->sink = desk_.sink_;
      pending->session = client_.number();
      pending->serial = ++desk_.last_serial_;
      pending->command = request_.command();
      pending->id = request_.id();
      pending->deadline = deadline_;
      client_.commands().add(pending);
      made_ = true;
      return responder(std::move(pending));
    }

    [[nodiscard]] bool made() const noexcept { return made_; }

   private:
    command_desk& desk_;
    command_client& client_;
    const request& request_;
    steady_time deadline_;
    bool made_ = false;
  };

  void run(command_client& client, client_command command, steady_time now, wall_time wall) {
    const request q(client.origin(), std::move(command.command), std::move(command.id), std::move(command.payload));
    if (auto built_in = run_built_in(client, q)) return finish(client, q, *built_in, wall);
    const auto handler = handlers.find(q.command());
    if (!handler) return finish(client, q, command_error{"unknown_command", "no such command", false}, wall);
    source make(*this, client, q, deadline(now));
    try {
      if (const auto asked = authorize_) {
        if (auto refused = (*asked)(client.info(), q)) {
          if (refused->code.empty()) refused->code = "forbidden";
          return finish(client, q, std::move(*refused), wall);
        }
      }
      if (const auto answered = (*handler)(q, make)) finish(client, q, *answered, wall);
    } catch (...) {
      // With a responder, its destructor has answered, or whoever has it now will.
      if (!make.made()) finish(client, q, command_error{"internal_error", "the command's handler failed", false}, wall);
      if (on_error) on_error(q.command(), std::current_exception());
    }
  }

  [[nodiscard]] steady_time deadline(steady_time now) const noexcept {
    const auto allowed = options_.command_timeout;
    const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(steady_time::max() - now);
    const bool never = allowed <= allowed.zero() || allowed >= most;
    return never ? steady_time::max() : now + allowed;
  }

  // Those that come to `run`: `ping` never does.
  [[nodiscard]] static bool is_built_in(std::string_view command) noexcept {
    return command == "subscribe" || command == "unsubscribe" || command == "cancel";
  }

  [[nodiscard]] std::optional<command_result> run_built_in(command_client& client, const request& q) {
    if (q.command() == "subscribe") return subscriptions_.subscribe(client, q.payload());
    if (q.command() == "unsubscribe") return subscriptions_.unsubscribe(client, q.payload());
    if (q.command() == "cancel") return cancel(client, q.payload());
    return std::nullopt;
  }

  [[nodiscard]] static command_result cancel(command_client& client, const json& payload) {
    const std::optional<command_id> id = command_id::from(payload["id"]);
    if (!id) return command_error{"invalid_payload", "id: expected string or integer", false};
    const auto pending = client.commands().find(*id);
    // What the handler's stop callbacks answer goes through the sink, so it comes behind this.
    if (pending) pending->stop.request_stop();
    return json_object{{"cancelled", pending != nullptr}};
  }

  static void finish(command_client& client, const request& q, const command_result& result, wall_time wall) {
    const std::string text = answer_text(q.command(), q.id(), result, wall);
    if (q.id()) client.commands().remember(*q.id(), text);
    client.answer(text);
  }

  const manager_options& options_;
  const std::shared_ptr<command_sink> sink_;
  subscriptions subscriptions_;
  std::shared_ptr<authorizer> authorize_;
  std::uint64_t last_serial_ = 0;
};

}  // namespace hotline::detail
