#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A message becomes a command, and the command is run. No I/O here, time is an argument.

#include <hotline/command/command_output.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/command/registry.hpp>
#include <hotline/command/request.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/command/subscriptions.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/protocol/envelope.hpp>
#include <hotline/protocol/refused_message.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/command_table.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/deferred_admission.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/hook.hpp>
#include <hotline/session/pending_command.hpp>
#include <hotline/session/session.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Takes in a manager's commands, runs them and answers them. Its output goes through `command_output`. For one loop;
/// `options`, `counted` and `output` must outlive it, and no handler is called after `forget_host`.
///
///     dispatcher commands(options, loop, counted, output);
///     commands.handlers().set("echo", registry::wrap([](const request& q) { return q.payload(); }));
///     commands.receive(client, R"({"command":"echo","id":1,"payload":{}})", now, wall);
///     commands.expire(client, later, wall);   // at a tick: answers `timeout` for commands that are late
class dispatcher final : public answer_receiver {
 public:
  /// Refuses a command by returning an error.
  using authorizer = std::function<std::optional<command_error>(const connection_info&, const request&)>;
  /// Decides by a token whether a client is still who it was.
  using reauthenticator =
      std::function<std::optional<admission>(const connection_info&, std::string_view token, admission_source&)>;

  /// `loop` runs the tasks that bring deferred answers.
  dispatcher(const manager_options& options, std::shared_ptr<loop_poster> loop, live_metrics& counted,
             command_output& output)
      : filters_(options.session, counted, output),
        options_(options),
        loop_(std::move(loop)),
        counted_(counted),
        output_(output) {}

  /// Returns the handlers of the host's commands.
  [[nodiscard]] registry& handlers() noexcept { return handlers_; }
  /// Returns the built-in `subscribe` and `unsubscribe`.
  [[nodiscard]] subscriptions& filters() noexcept { return filters_; }
  /// Sets the function that is asked before each command of the host's; null: all run. It may be replaced while it runs.
  void authorize(authorizer f) { authorize_ = std::move(f); }
  /// Sets the function that the built-in `refresh` asks; null: there is no `refresh`.
  void reauthenticate(reauthenticator f) { reauthenticate_ = std::move(f); }

  /// Takes one message from a client, and answers that client alone. `over`: the message is not to be run, for the
  /// client sends too many.
  [[gnu::always_inline]] void receive(session& client, std::string_view text, steady_time now, wall_time wall,
                                      std::optional<limit> over = {}) {
    counted_.messages.add();
    if (over) return refuse_unread(client, text, *over, wall);
    auto read = read_envelope(text, options_.session);
    if (!read) return refuse(client, read.error(), wall);
    client_command& command = *read;
    const std::string_view name = command.command;  // a comparison looks at the length first
    if (name == "ping") {
      output_.answer(client, pong_text(command.id, output_.log_end(client), wall));
      return;
    }
    const command_table::verdict verdict = client.commands().admit(command.id, options_.session);
    switch (verdict.what) {
      case command_table::admission::run: break;
      case command_table::admission::under_way: return;
      case command_table::admission::answered:
        if (!verdict.remembered.empty()) return output_.answer(client, verdict.remembered);
        return fail(client, command,
                    {"answer_forgotten", "the command was answered, with more than is remembered", false}, wall);
      case command_table::admission::subscribed: return answer_again(client, "subscribe", command.id, wall);
      case command_table::admission::unsubscribed: return answer_again(client, "unsubscribe", command.id, wall);
      case command_table::admission::too_many:
        // Answered at once, so they add nothing; and `cancel` is what helps now.
        if (is_built_in(command.command)) break;
        counted_.limits[limit::commands_in_flight].add();
        return fail(client, command, {"too_many_commands", "too many commands are under way", true}, wall);
    }
    run(client, std::move(command), now, wall);
  }

  /// Sends a responder's message to its client. A message after the terminal answer is dropped.
  void take_answer(const pending_command& pending, answer_kind what, const std::string& text) noexcept override {
    session* const client = output_.find(pending.session);
    if (client == nullptr) return;
    try {
      const bool terminal = what != answer_kind::progress;
      if (!(terminal ? complete(*client, pending.serial, text) : client->commands().is_under_way(pending.serial)))
        return;
      if (terminal) count(what == answer_kind::error);
      output_.answer(*client, text);
    } catch (...) {
      output_.report("connection", std::current_exception());
      output_.give_up(*client);
    }
  }

  void take_exception(const pending_command& from, const std::exception_ptr& thrown) noexcept override {
    output_.report(from.command, thrown);
  }

  /// Answers commands whose deadline has passed with `timeout`. An answer that comes later is dropped. The time in
  /// which the loop did not run (`gaps`) does not count: an answer may have been there.
  void expire(session& client, steady_time now, wall_time wall, const pauses* gaps = nullptr) {
    for (const auto& late : client.commands().overdue(now)) {
      if (gaps != nullptr && late->deadline + gaps->since(late->deadline - options_.command_timeout) > now) continue;
      const std::string text =
          command_error_text(late->command, late->id, "timeout", "the command was not answered in time", true, wall);
      if (!late->claim()) continue;
      (void)complete(client, late->serial, text);
      counted_.limits[limit::command_time].add();
      count(true);
      // The deadline's answer counts. Stop callbacks may answer too, and that answer is dropped.
      late->stop.request_stop();
      output_.answer(client, text);
    }
  }

  /// Drops every handler and hook. One that is running is destroyed when it has returned.
  void forget_host() {
    handlers_.clear();
    authorize(nullptr);
    filters_.authorize(nullptr);
    reauthenticate_ = nullptr;
  }

  /// Stops the commands of a client that is gone for good. Their answers are dropped.
  static void abandon(session& client) {
    for (const auto& pending : std::vector(client.commands().all())) {  // stop callbacks may change the table
      (void)pending->claim();
      pending->stop.request_stop();
    }
  }

 private:
  // Books a deferred command when, and only when, its handler takes a responder.
  class source final : public responder_source {
   public:
    source(dispatcher& owner, session& client, const request& q, steady_time deadline)
        : owner_(owner), client_(client), request_(q), deadline_(deadline) {}

    [[nodiscard]] responder make() override { return responder(book()); }

    [[nodiscard]] std::shared_ptr<pending_command> book() {
      auto pending = std::make_shared<pending_command>();
      pending->loop = owner_.loop_;
      pending->receiver = &owner_;
      pending->session = client_.number();
      pending->serial = ++owner_.last_serial_;
      pending->command = request_.command();
      pending->id = request_.id();
      pending->deadline = deadline_;
      client_.commands().add(pending);
      made_ = true;
      return pending;
    }

    [[nodiscard]] bool made() const noexcept { return made_; }

   private:
    dispatcher& owner_;
    session& client_;
    const request& request_;
    steady_time deadline_;
    bool made_ = false;
  };

  void run(session& client, client_command&& command, steady_time now, wall_time wall) {
    // The host never sees a built-in command: its session need not keep an origin for it.
    auto origin = is_built_in(command.command) ? nullptr : client.origin();
    const request q(std::move(origin), std::move(command.command), std::move(command.id), std::move(command.payload));
    source make(*this, client, q, deadline(now));
    // Before it runs: whatever becomes of its answer, it must not run again.
    run_mark ran(client.commands(), q.id(), options_.session);
    try {
      if (const auto answered = answer(client, q, make, wall)) finish(client, q, ran, *answered, wall);
      if (make.made()) ran.leave_open();
    } catch (...) {
      output_.report(q.command(), std::current_exception());
      // With a responder, its destructor has answered, or its owner will.
      if (make.made()) return ran.leave_open();
      if (ran.is_closed()) throw;  // it has its answer, which could not be sent
      finish(client, q, ran, command_error{"internal_error", "the command's handler failed", false}, wall);
    }
  }

  // Notes that an id has run, with its answer, or without when there was no memory for one.
  class run_mark {
   public:
    run_mark(command_table& table, const std::optional<command_id>& id, const session_limits& limits)
        : table_(table), limits_(limits), kept_(id ? command_table::prepare(*id) : nullptr) {}
    run_mark(const run_mark&) = delete;
    run_mark& operator=(const run_mark&) = delete;
    ~run_mark() { close({}); }

    void make_again(repeated how) noexcept {
      if (kept_) kept_->make_again(how);
    }
    void close(std::string_view text) noexcept {
      if (kept_) table_.remember(std::move(kept_), text, limits_);
      closed_ = true;
    }
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }
    /// It is answered later.
    void leave_open() noexcept { kept_.reset(); }

   private:
    command_table& table_;
    const session_limits& limits_;
    command_table::answer kept_;
    bool closed_ = false;
  };

  // Nothing when the answer comes later.
  [[nodiscard]] std::optional<command_result> answer(session& client, const request& q, source& make, wall_time wall) {
    const std::string_view name = q.command();
    if (name == "subscribe") return filters_.subscribe(client, q.payload());
    if (name == "unsubscribe") return filters_.unsubscribe(client, q.payload());
    if (name == "cancel") return cancel(client, q.payload());
    if (name == "refresh" && reauthenticate_) return refresh(client, q, make, wall);
    auto handler = handlers_.find(name);
    if (handler && authorize_) {
      if (auto refused = authorize_(output_.info(client), q)) {
        if (refused->code.empty()) refused->code = "forbidden";
        return *std::move(refused);
      }
      handler = handlers_.find(name);  // there may be another by now, or none
    }
    if (!handler) return command_error{"unknown_command", "no such command", false};
    return handler(q, make);
  }

  [[nodiscard]] std::optional<command_result> refresh(session& client, const request& q, source& make, wall_time wall) {
    const std::optional<std::string_view> token = q.payload()["token"].as_string();
    if (!token) return command_error{"invalid_payload", "token: expected string", false};
    // An admission that comes later is that of a command under way, with its deadline and its one answer.
    deferred_admission asked(loop_, [&]() -> deferred_admission::receiver {
      return [this, pending = make.book()](std::optional<admission> told) { refreshed(*pending, told); };
    });
    const std::optional<admission> told = reauthenticate_(output_.info(client), *token, asked);
    if (!told) return std::nullopt;
    return renewed(client, *told, wall);
  }

  void refreshed(const pending_command& pending, const std::optional<admission>& told) {
    session* const client = output_.find(pending.session);
    if (client == nullptr || !client->commands().is_under_way(pending.serial)) return;
    const wall_time wall = loop_->wall_now();
    command_result result = command_error{"internal_error", "the command's handler failed", false};
    try {
      if (told) result = renewed(*client, *told, wall);
    } catch (...) {
      output_.report(pending.command, std::current_exception());
    }
    try {
      const std::string text = answer_text(pending.command, pending.id, result, wall);
      if (!complete(*client, pending.serial, text)) return;
      count(result.failed());
      output_.answer(*client, text);
    } catch (...) {
      output_.give_up(*client);
    }
  }

  [[nodiscard]] command_result renewed(session& client, const admission& told, wall_time wall) {
    if (told.refusal != 0 || has_expired(told, wall))
      return command_error{"unauthorized", "the token was refused", false};
    if (told.principal != client.principal())
      return command_error{"forbidden", "the token is another principal's", false};
    // Asked first: if that fails, nothing has changed.
    const filter allowed = filters_.allowed(output_.info(client), client.wanted());
    output_.renew(client, told.expires_at);
    if (allowed != client.wanted()) output_.subscribe(client, allowed);
    json_object answer = filters_.told(client);
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

  [[gnu::noinline]] void answer_again(session& client, std::string_view ran, const std::optional<command_id>& id,
                                      wall_time wall) {
    output_.answer(client, answer_text(ran, id, filters_.told(client), wall));
  }

  [[nodiscard]] static command_result cancel(session& client, const json& payload) {
    const std::optional<command_id> id = command_id::from(payload["id"]);
    if (!id) return command_error{"invalid_payload", "id: expected string or integer", false};
    const auto pending = client.commands().find(*id);
    // Answers of the handler's stop callbacks go through the loop, so they come after this one.
    if (pending) pending->stop.request_stop();
    return json_object{{"cancelled", pending != nullptr}};
  }

  [[nodiscard]] bool complete(session& client, std::uint64_t serial, std::string_view text) const {
    try {
      return client.commands().complete(serial, text, options_.session);
    } catch (...) {
      client.commands().reopen(serial);  // no memory for the answer: the deadline will give one
      throw;
    }
  }

  // The text was never a command, so its id is not used up. A command of that id that is under way gets no second answer.
  void refuse(session& client, const protocol_failure& why, wall_time wall) {
    if (why.code == "too_deep") counted_.limits[limit::json_depth].add();
    if (why.code == "too_many_values") counted_.limits[limit::json_nodes].add();
    const bool is_known = why.id || !why.command.empty();
    if (is_known && !(why.id && client.commands().find(*why.id))) {
      count(true);
      return output_.answer(client, command_error_text(why.command, why.id, why.code, why.message, false, wall));
    }
    counted_.bad_messages.add();
    output_.answer(client, error_text(why.code, why.message, wall));
  }

  // No more is read than the id and the command's name.
  [[gnu::noinline]] void refuse_unread(session& client, std::string_view text, limit over, wall_time wall) {
    const std::string_view why = over == limit::byte_rate ? std::string_view("too many bytes in a short time")
                                                          : std::string_view("too many messages in a short time");
    refused_message known = refused_message_reader(text).read();
    // A command that is still under way gets its own answer and no other.
    if (known.id && client.commands().find(*known.id)) return;
    const std::string name = known.command && is_command_name(*known.command) ? *known.command : std::string();
    if (known.id || !name.empty()) {
      count(true);
      return output_.answer(client, command_error_text(name, known.id, "rate_limited", why, true, wall));
    }
    // The text is no command. A client that does not send too many bytes receives what is wrong with it.
    if (over == limit::message_rate) {
      auto read = read_envelope(text, options_.session);
      if (!read) return refuse(client, read.error(), wall);
    }
    counted_.bad_messages.add();
    output_.answer(client, error_text("rate_limited", why, wall));
  }

  // Answered, and not run: the same id may be tried again.
  void fail(session& client, const client_command& command, const command_error& why, wall_time wall) {
    count(true);
    output_.answer(client, command_error_text(command.command, command.id, why.code, why.message, why.retryable, wall));
  }

  void count(bool failed) noexcept { (failed ? counted_.commands_failed : counted_.commands_answered).add(); }

  void finish(session& client, const request& q, run_mark& ran, const command_result& result, wall_time wall) {
    const std::string text = answer_text(q.command(), q.id(), result, wall);
    count(result.failed());
    // Most clients only subscribe: the text of that answer would be a good part of what an idle client costs.
    if (!result.failed() && q.command() == "subscribe") ran.make_again(repeated::subscribed);
    if (!result.failed() && q.command() == "unsubscribe") ran.make_again(repeated::unsubscribed);
    ran.close(text);
    output_.answer(client, text);
  }

  registry handlers_;
  subscriptions filters_;
  hook<std::optional<admission>(const connection_info&, std::string_view token, admission_source&)> reauthenticate_;
  const manager_options& options_;
  const std::shared_ptr<loop_poster> loop_;
  live_metrics& counted_;
  command_output& output_;
  hook<std::optional<command_error>(const connection_info&, const request&)> authorize_;
  std::uint64_t last_serial_ = 0;
};

}  // namespace hotline::detail
#endif
