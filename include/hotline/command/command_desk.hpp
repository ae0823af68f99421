#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 5/6: a message becomes a command, and the command is run. No I/O here, time is an argument.

#include <hotline/command/command_client.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/command/pending_command.hpp>
#include <hotline/command/registry.hpp>
#include <hotline/command/request.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/command/subscriptions.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/protocol/envelope.hpp>
#include <hotline/protocol/refused_message.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/hook.hpp>
#include <hotline/session/pauses.hpp>

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

  command_desk(const manager_options& options, std::shared_ptr<command_sink> sink, live_metrics& counted)
      : filters(options.session, counted), options_(options), sink_(std::move(sink)), counted_(counted) {}

  registry handlers;
  error_hook on_error;
  subscriptions filters;
  /// Asked by the built-in `refresh`; without it there is none.
  hook<std::optional<admission>(const connection_info&, std::string_view token, admission_source&)> reauthenticate;
  /// A session by its number; null when it is gone.
  std::function<command_client*(std::uint64_t)> find_client;

  /// Who is asked before each command that is not built in; null: nobody. It may be replaced while it runs.
  void authorize(authorizer f) { authorize_ = f ? std::make_shared<authorizer>(std::move(f)) : nullptr; }

  /// One message from a client. Everything it comes to is an answer of that client. `over`: it is not to be run, for the
  /// client sends too many.
  [[gnu::always_inline]] void receive(command_client& client, std::string_view text, steady_time now, wall_time wall,
                                      std::optional<limit> over = {}) {
    counted_.messages.add();
    if (over) return refuse_unread(client, text, *over, wall);
    auto read = read_envelope(text, options_.session);
    if (const auto* const failure = std::get_if<protocol_failure>(&read)) return refuse(client, *failure, wall);
    client_command& command = std::get<client_command>(read);
    const std::string_view name = command.command;  // whose comparisons look at the length first
    if (name == "ping") {
      client.answer(pong_text(command.id, client.log_end(), wall));
      return;
    }
    const command_table::verdict verdict = client.commands().admit(command.id);
    switch (verdict.what) {
      case command_table::admission::run: break;
      case command_table::admission::under_way: return;
      case command_table::admission::answered:
        if (!verdict.remembered.empty()) return client.answer(verdict.remembered);
        return fail(client, command,
                    {"answer_forgotten", "the command was answered, with more than is remembered", false}, wall);
      case command_table::admission::too_many:
        // Answered at once, so they add nothing; and `cancel` is what helps now.
        if (is_built_in(command.command)) break;
        counted_.limits[limit::commands_in_flight].add();
        return fail(client, command, {"too_many_commands", "too many commands are under way", true}, wall);
    }
    run(client, std::move(command), now, wall);
  }

  /// What a responder sent, now on the loop.
  void deliver(command_client& client, const command_message& message) {
    using kind = command_message::kind;
    const bool terminal = message.what != kind::progress;
    if (!(terminal ? complete(client, message.serial, message.text) : client.commands().is_under_way(message.serial)))
      return;
    if (terminal) count(message.what == kind::error);
    client.answer(message.text);
  }

  /// Commands whose deadline has passed get `timeout`; what they still answer is not heard. Time in which the loop did not run
  /// (`gaps`) is not theirs: their answers may have been there.
  void expire(command_client& client, steady_time now, wall_time wall, const pauses* gaps = nullptr) {
    for (const auto& late : client.commands().overdue(now)) {
      if (gaps != nullptr && late->deadline + gaps->since(late->deadline - options_.command_timeout) > now) continue;
      const std::string text =
          command_error_text(late->command, late->id, "timeout", "the command was not answered in time", true, wall);
      if (!late->claim()) continue;
      complete(client, late->serial, text);
      counted_.limits[limit::command_time].add();
      count(true);
      // What its stop callbacks answer comes behind this, and nobody hears it.
      late->stop.request_stop();
      client.answer(text);
    }
  }

  /// No handler and no hook is called any more; one that runs goes when it has returned.
  void forget_host() {
    handlers.clear();
    authorize(nullptr);
    filters.authorize = nullptr;
    reauthenticate = nullptr;
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

    [[nodiscard]] responder make() override { return responder(book()); }

    [[nodiscard]] std::shared_ptr<pending_command> book() {
      auto pending = std::make_shared<pending_command>();
      pending->sink = desk_.sink_;
      pending->session = client_.number();
      pending->serial = ++desk_.last_serial_;
      pending->command = request_.command();
      pending->id = request_.id();
      pending->deadline = deadline_;
      client_.commands().add(pending);
      made_ = true;
      return pending;
    }

    [[nodiscard]] bool made() const noexcept { return made_; }

   private:
    command_desk& desk_;
    command_client& client_;
    const request& request_;
    steady_time deadline_;
    bool made_ = false;
  };

  void run(command_client& client, client_command&& command, steady_time now, wall_time wall) {
    const request q(client.origin(), std::move(command.command), std::move(command.id), std::move(command.payload));
    source make(*this, client, q, deadline(now));
    // Before it runs: whatever becomes of its answer, it must not run again.
    run_mark ran(client.commands(), q.id());
    try {
      if (const auto answered = answer(client, q, make, wall)) finish(client, q, ran, *answered, wall);
      if (make.made()) ran.leave_open();
    } catch (...) {
      if (on_error) on_error(q.command(), std::current_exception());
      // With a responder, its destructor has answered, or whoever has it now will.
      if (make.made()) return ran.leave_open();
      if (ran.is_closed()) throw;  // it has its answer, which could not be sent
      finish(client, q, ran, command_error{"internal_error", "the command's handler failed", false}, wall);
    }
  }

  // Notes that an id has run, with its answer, or without when there was no memory for one.
  class run_mark {
   public:
    run_mark(command_table& table, const std::optional<command_id>& id) : table_(table) {
      if (id) kept_ = table.prepare(*id);
    }
    run_mark(const run_mark&) = delete;
    run_mark& operator=(const run_mark&) = delete;
    ~run_mark() { close({}); }

    void close(std::string_view text) noexcept {
      if (kept_) table_.remember(*std::move(kept_), text);
      kept_.reset();
      closed_ = true;
    }
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }
    /// It is answered later.
    void leave_open() noexcept { kept_.reset(); }

   private:
    command_table& table_;
    std::optional<command_table::answer> kept_;
    bool closed_ = false;
  };

  // Nothing when the answer comes later.
  [[nodiscard]] std::optional<command_result> answer(command_client& client, const request& q, source& make,
                                                     wall_time wall) {
    const std::string_view name = q.command();
    if (name == "subscribe") return filters.subscribe(client, q.payload());
    if (name == "unsubscribe") return filters.unsubscribe(client, q.payload());
    if (name == "cancel") return cancel(client, q.payload());
    if (name == "refresh" && reauthenticate) return refresh(client, q, make, wall);
    auto handler = handlers.find(name);
    if (const auto asked = handler ? authorize_ : nullptr) {
      if (auto refused = (*asked)(client.info(), q)) {
        if (refused->code.empty()) refused->code = "forbidden";
        return *std::move(refused);
      }
      handler = handlers.find(name);  // there may be another by now, or none
    }
    if (!handler) return command_error{"unknown_command", "no such command", false};
    return (*handler)(q, make);
  }

  // An admission that comes later is that of a command under way, with its deadline and its one answer.
  class later final : public admission_source {
   public:
    later(command_desk& desk, source& make) : desk_(desk), make_(make) {}

    [[nodiscard]] admission_responder make() override {
      // Runs while the desk is there, or never.
      return admission_responder([&desk = desk_, pending = make_.book()](std::optional<admission> told) {
        pending->sink->post([&desk, pending, told = std::move(told)] { desk.refreshed(*pending, told); });
      });
    }

   private:
    command_desk& desk_;
    source& make_;
  };

  [[nodiscard]] std::optional<command_result> refresh(command_client& client, const request& q, source& make,
                                                      wall_time wall) {
    const std::optional<std::string_view> token = q.payload()["token"].as_string();
    if (!token) return command_error{"invalid_payload", "token: expected string", false};
    later asked(*this, make);
    const std::optional<admission> told = reauthenticate(client.info(), *token, asked);
    if (!told) return std::nullopt;
    return renewed(client, *told, wall);
  }

  void refreshed(const pending_command& pending, const std::optional<admission>& told) {
    command_client* const client = find_client(pending.session);
    if (client == nullptr || !client->commands().is_under_way(pending.serial)) return;
    const wall_time wall = sink_->wall_now();
    command_result result = command_error{"internal_error", "the command's handler failed", false};
    try {
      if (told) result = renewed(*client, *told, wall);
    } catch (...) {
      if (on_error) on_error(pending.command, std::current_exception());
    }
    try {
      const std::string text = answer_text(pending.command, pending.id, result, wall);
      if (!complete(*client, pending.serial, text)) return;
      count(result.failed());
      client->answer(text);
    } catch (...) {
      client->give_up();
    }
  }

  [[nodiscard]] command_result renewed(command_client& client, const admission& told, wall_time wall) {
    if (told.refusal != 0 || has_expired(told, wall))
      return command_error{"unauthorized", "the token was refused", false};
    if (told.principal != client.origin()->principal)
      return command_error{"forbidden", "the token is another principal's", false};
    // Asked first: if that fails, nothing has changed.
    const filter allowed = filters.allowed(client.info(), client.hears());
    client.renew(told.expires_at);
    if (allowed != client.hears()) client.subscribe(allowed);
    json_object answer = subscriptions::told(client);
    if (told.expires_at) answer.append("expires_in", std::chrono::duration<double>(*told.expires_at - wall).count());
    return answer;
  }

  [[nodiscard]] steady_time deadline(steady_time now) const noexcept {
    const auto allowed = options_.command_timeout;
    return allowed > allowed.zero() ? detail::later(now, allowed) : steady_time::max();
  }

  // Those that come to `run`: `ping` never does.
  [[nodiscard]] static bool is_built_in(std::string_view command) noexcept {
    return command == "subscribe" || command == "unsubscribe" || command == "cancel";
  }

  [[nodiscard]] static command_result cancel(command_client& client, const json& payload) {
    const std::optional<command_id> id = command_id::from(payload["id"]);
    if (!id) return command_error{"invalid_payload", "id: expected string or integer", false};
    const auto pending = client.commands().find(*id);
    // What the handler's stop callbacks answer goes through the sink, so it comes behind this.
    if (pending) pending->stop.request_stop();
    return json_object{{"cancelled", pending != nullptr}};
  }

  static bool complete(command_client& client, std::uint64_t serial, std::string_view text) {
    try {
      return client.commands().complete(serial, text);
    } catch (...) {
      client.commands().reopen(serial);  // no memory for the answer: the deadline will give one
      throw;
    }
  }

  // It was never a command that could run, so its id is not used up. Whose answer is still to come gets no other: then
  // what is wrong is told without the id.
  void refuse(command_client& client, const protocol_failure& why, wall_time wall) {
    if (why.code == "too_deep") counted_.limits[limit::json_depth].add();
    if (why.code == "too_many_values") counted_.limits[limit::json_nodes].add();
    const bool is_known = why.id || !why.command.empty();
    if (is_known && !(why.id && client.commands().find(*why.id))) {
      count(true);
      return client.answer(command_error_text(why.command, why.id, why.code, why.message, false, wall));
    }
    counted_.bad_messages.add();
    client.answer(error_text(why.code, why.message, wall));
  }

  // The client sends too much, so no more is read than the id and the command's name.
  [[gnu::noinline]] void refuse_unread(command_client& client, std::string_view text, limit over, wall_time wall) {
    const std::string_view why = over == limit::byte_rate ? std::string_view("too many bytes in a short time")
                                                          : std::string_view("too many messages in a short time");
    refused_message known = refused_message_reader(text).read();
    // A command that is still under way gets its own answer and no other.
    if (known.id && client.commands().find(*known.id)) return;
    const std::string name = known.command && is_command_name(*known.command) ? *known.command : std::string();
    if (known.id || !name.empty()) {
      count(true);
      return client.answer(command_error_text(name, known.id, "rate_limited", why, true, wall));
    }
    // The text is no command. A client that does not send too many bytes is told what is wrong with it.
    if (over == limit::message_rate) {
      auto read = read_envelope(text, options_.session);
      if (const auto* const failure = std::get_if<protocol_failure>(&read)) return refuse(client, *failure, wall);
    }
    counted_.bad_messages.add();
    client.answer(error_text("rate_limited", why, wall));
  }

  // Answered, and not run: the same id may be tried again.
  void fail(command_client& client, const client_command& command, const command_error& why, wall_time wall) {
    count(true);
    client.answer(command_error_text(command.command, command.id, why.code, why.message, why.retryable, wall));
  }

  void count(bool failed) noexcept { (failed ? counted_.commands_failed : counted_.commands_answered).add(); }

  void finish(command_client& client, const request& q, run_mark& ran, const command_result& result, wall_time wall) {
    const std::string text = answer_text(q.command(), q.id(), result, wall);
    count(result.failed());
    ran.close(text);
    client.answer(text);
  }

  const manager_options& options_;
  const std::shared_ptr<command_sink> sink_;
  live_metrics& counted_;
  std::shared_ptr<authorizer> authorize_;
  std::uint64_t last_serial_ = 0;
};

}  // namespace hotline::detail
#endif
