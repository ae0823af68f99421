#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// From a socket to a session: which client may come in, and the answer to one that may not.

#include <hotline/command/dispatcher.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log_level.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/room/past.hpp>
#include <hotline/server/carrier.hpp>
#include <hotline/server/connection_limiter.hpp>
#include <hotline/server/delivery.hpp>
#include <hotline/server/hooks.hpp>
#include <hotline/server/route.hpp>
#include <hotline/server/served_hosts.hpp>
#include <hotline/server/session_keeper.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/deferred_admission.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hotline::detail {

/// A hub's handshakes: decides from each request which client may come in. All of it runs in a turn of the loop. The
/// arguments of the constructor must outlive it.
///
///     shakes.arrive(c);   // a socket is there
///     shakes.ask(c);      // its request is complete: `c` is upgraded, refused, or waits for the host
///     shakes.leave(c);    // its socket has ended
class handshakes {
 public:
  handshakes(carrier& out, const manager_options& options, const any_heartbeat& heartbeat, delivery& outbound,
             std::shared_ptr<memory_event_log> log, hooks& calls, dispatcher& commands, session_keeper& sessions,
             session_table& table, connection_limiter& limiter, std::shared_ptr<loop_poster> loop,
             live_metrics& counted)
      : carrier_(out),
        options_(options),
        heartbeat_(heartbeat),
        outbound_(outbound),
        log_(std::move(log)),
        calls_(calls),
        dispatcher_(commands),
        sessions_(sessions),
        table_(table),
        limiter_(limiter),
        loop_(std::move(loop)),
        counted_(counted) {}

  /// Refuses every client from here on.
  void close() noexcept { closed_ = true; }

  /// A socket is there.
  void arrive(connection& c) {
    const connection_limiter::surplus too_many = limiter_.arrive(c);
    if (too_many.told != nullptr) cut_off(*too_many.told);
    if (too_many.goes != nullptr) make_room(*too_many.goes, c);
  }

  /// The socket has ended, or does.
  void leave(connection& c) noexcept {
    limiter_.leave(c);
    waiting_.erase(&c);
  }

  /// Answers the request with plain HTTP, and ends. `over`: the limit that it is refused for. `rule`: the host's rule,
  /// for its log.
  void respond(connection& c, const reception& answer, std::optional<limit> over = {}, std::string_view rule = {}) {
    waiting_.erase(&c);
    counted_.http_answers[http_status(answer.status)].add();
    c.respond(answer.response, outbound_.now());
    limiter_.await(c);
    outbound_.turns().touch(c);
    if (answer.status >= 400) log_refusal(c, answer.status, over, answer.rule.empty() ? rule : answer.rule);
  }
  void respond(connection& c, int status, std::optional<limit> over = {}, std::string_view rule = {}) {
    respond(c, as_reception(plain_response(status, options_.retry_after)), over, rule);
  }

  /// The same, for the limit `what`, which is counted.
  void refuse(connection& c, int status, limit what) {
    if (what != limit::handshakes) counted_.limits[what].add();
    respond(c, status, what);
  }

  /// Takes its request. Either it is answered now, or it waits for the host.
  void ask(connection& c) {
    http_request request = c.take_request();
    limiter_.look_at(c);
    if (closed_) return respond(c, 503);
    newcomer& arriving = *c.arriving();
    request.remote_address = arriving.remote_address;
    request.scheme = carrier_.scheme();
    if (std::optional<std::string> rule = misdirected(request, options_.hosts, is_local(arriving)))
      return respond(c, misdirected_answer(request, *std::move(rule)));
    if (calls_.client_scheme)
      calls_.guard("client_scheme", [&] {
        if (std::string named = calls_.client_scheme(request); !named.empty()) request.scheme = std::move(named);
      });
    if (calls_.client_address)
      calls_.guard("client_address", [&] {
        if (std::string named = calls_.client_address(request); !named.empty())
          arriving.remote_address = std::move(named);
      });
    if (arriving.remote_address != request.remote_address) limiter_.move(c, counted_address(arriving.remote_address));
    reception answer;
    if (!calls_.guard("a rule of the options",
                      [&] { answer = receive_request(request, options_, calls_, outbound_.compression() != nullptr); }))
      return respond(c, 500);
    if (!answer.upgraded()) return respond(c, answer);
    if (!calls_.authenticate) return admit(c, answer, admission());
    // Before the host looks anybody up; once more when it has, for then there may be others.
    const auto& resume = answer.entry.resume;
    if (const auto over = full(c, answer.project, resume ? sessions_.connection_of(*resume) : nullptr))
      return turn_away(c, *over);
    const std::uint64_t turn = ++last_turn_;
    deferred_admission asked(loop_, [&]() -> deferred_admission::receiver {
      return [this, key = &c, turn](std::optional<admission> told) { admit(key, turn, std::move(told)); };
    });
    std::optional<admission> told;
    calls_.guard("authenticate", [&] { told = calls_.authenticate(request, answer.project, asked); });
    if (told || !asked.made()) return admit(c, answer, std::move(told));
    waiting_.insert_or_assign(&c, waiting_request{turn, std::move(answer)});
    c.wait();
    limiter_.keep_waiting(c);
  }

 private:
  struct waiting_request {
    std::uint64_t turn;  ///< tells it from an earlier connection at the same place in memory
    reception asks;
  };

  void cut_off(connection& c) {
    leave(c);
    outbound_.abort(c);
  }

  // Ends a handshake for one that came, which may be itself. One whose head is still missing gets no answer.
  void make_room(connection& goes, const connection& came) {
    const bool is_told = &goes == &came || goes.at() == connection::phase::waiting;
    if (is_told) {
      limiter_.tell(goes);
      // Without memory to say so it is cut off, and not the one that came.
      if (!calls_.guard("connection", [&] { turn_away(goes, limit::handshakes); })) outbound_.give_up(goes);
      return;
    }
    cut_off(goes);
    log_refusal(goes, 0, limit::handshakes);
  }

  // Whether it can only have come from this machine, and the host has said nothing that lets others in.
  [[nodiscard]] bool is_local(const newcomer& arriving) const {
    return !calls_.authenticate && !calls_.client_address && arriving.is_local;
  }

  // The connection may be gone by now, or have been turned away.
  void admit(connection* key, std::uint64_t turn, std::optional<admission> told) {
    const auto found = waiting_.find(key);
    if (found == waiting_.end() || found->second.turn != turn) return;
    connection& c = *key;
    const reception asks = std::move(found->second.asks);
    waiting_.erase(found);
    if (c.at() != connection::phase::waiting) return;  // given up, and its socket ends
    c.stop_waiting();                                  // from here on a `stop` of the hub leaves it alone
    if (!calls_.guard("connection", [&] { admit(c, asks, std::move(told)); })) outbound_.give_up(c);
    outbound_.turns().touch(c);
  }

  // Nothing told: the host has failed to say.
  void admit(connection& c, const reception& asks, std::optional<admission> told) {
    int refusal = told ? told->refusal : 500;
    if (refusal == 0 && has_expired(*told, outbound_.wall())) refusal = 401;
    if (closed_) refusal = 503;
    if (refusal != 0) return respond(c, refusal, {}, refusal == 403 ? "authenticate" : "");
    auto over = full(c, asks.project);
    // A client that takes over its own connection is not one more, where that connection counted.
    const auto& resume = asks.entry.resume;
    connection* const replaced =
        over && resume ? sessions_.connection_of(*resume, asks.project, told->principal) : nullptr;
    if (replaced != nullptr) over = full(c, asks.project, replaced);
    if (over) return turn_away(c, *over);
    // Kept here: the session that is taken over may be the last in its room.
    const auto stream = log_->open(asks.project);
    if (!stream) return turn_away(c, limit::projects);
    welcome(c, asks, *told, stream);
    if (replaced == nullptr) return;
    // At once, for there could be ever more that take their time to answer the close.
    leave(*replaced);
    outbound_.abort(*replaced);
  }

  void turn_away(connection& c, limit over) { refuse(c, over == limit::address_connections ? 429 : 503, over); }

  [[nodiscard]] std::optional<limit> full(const connection& c, const std::string& project,
                                          const connection* goes = nullptr) const {
    const project_room* const room = outbound_.rooms().find(project);
    std::size_t in_project = room == nullptr ? 0 : room->subscribers().size();
    if (goes != nullptr && room != nullptr && goes->room == room) --in_project;
    return limiter_.full(in_project, counted_address(c.arriving()->remote_address), goes);
  }

  // Never the request's target, in which there may be a token. The last that is done with it: the host may do anything
  // now.
  void log_refusal(const connection& c, int status, std::optional<limit> over, std::string_view rule = {}) {
    if (!calls_.on_log) return;
    calls_.guard("on_log", [&] {
      std::string line = c.arriving()->remote_address;
      line.append(status == 0 ? " was cut off" : " was answered " + std::to_string(status));
      if (over) line.append(": over ").append(metric_name(*over));
      if (!rule.empty()) line.append(": ").append(rule);
      calls_.log(over || !rule.empty() ? log_level::info : log_level::debug, line);
    });
  }

  void welcome(connection& c, const reception& let_in, const admission& who,
               const std::shared_ptr<memory_stream>& stream) {
    limiter_.let_in(c);
    const entry_request& entry = let_in.entry;
    takeover outcome;
    if (entry.resume) {
      outcome = sessions_.take_over(c, stream->epoch(), stream->bounds(), let_in.project, who.principal, *entry.resume);
      counted_.resumes[outcome.what].add();
    }
    const bool resumed = outcome.resumed != nullptr;
    session& s = resumed ? *outcome.resumed : sessions_.begin(c, stream, who.principal);
    if (!resumed) {
      counted_.new_sessions.add();
      table_.change([&] { s.want(options_.hears_all ? filter::everything() : filter()); });
    }
    outbound_.renew(s, who.expires_at);
    if (dispatcher_.filters().is_restricted()) restrict(s);
    c.upgrade(let_in.response, outbound_.now());
    c.takes_deflate = let_in.deflate;
    project_room& in = outbound_.rooms().open(let_in.project, stream);
    c.room = &in;
    join(c, s, in.subscribers(), entry, resumed);
    const observers<const connection_info&>& told = resumed ? calls_.on_resumed : calls_.on_connect;
    std::optional<connection_info> arrived;
    if (told) arrived = outbound_.info(s);  // before the greeting: after that nothing takes memory
    greet(c, s, outcome.what, resumed);
    if (const auto& old = outcome.replaced) {
      // With what the session had, the host knows of no connection of it any more.
      s.announce(announcement::disconnected);
      sessions_.tell_replaced(*old);
    }
    s.announce(announcement::connected);
    if (arrived) calls_.tell(resumed ? "on_resumed" : "on_connect", told, *arrived);
  }

  void join(connection& c, session& s, room& in, const entry_request& entry, bool resumed) {
    if (resumed) {
      const sequence asked = entry.resume->after;
      const sequence after = goes_on_after(in.stream(), asked, s.first(), options_.session.last_bytes);
      if (after != asked) counted_.limits[limit::last_bytes].add();
      c.agreed_to_gap = after + 1 < in.stream().bounds().oldest;
      return in.rejoin(c, s.wanted(), after);
    }
    const past given = past_within(in.stream(), entry.last, options_.session.last_bytes);
    if (given.is_cut) counted_.limits[limit::last_bytes].add();
    in.join(c, s.wanted(), given.events);
    s.begin_at(c.cursor);
  }

  // Queues `connected`, with a new token (the one before is good until the client has sent something), and after it the
  // answers that the session kept while it was detached. A failure leaves the former token, and those answers, for the
  // next time.
  void greet(connection& c, session& s, resume_outcome outcome, bool resumed) {
    environment& env = carrier_.env();
    room& in = c.room->subscribers();
    const bool restricted = dispatcher_.filters().is_restricted();
    connected_info hello{.connection_id = s.id(),
                         .project_id = s.project(),
                         .epoch = std::string(in.stream().epoch()),
                         .seq = in.flushed(),
                         .resumed = resumed,
                         .resume_reason = std::string(reason_of(outcome)),
                         .resume_token = {},
                         .resume_window = options_.resume.window,
                         .heartbeat_interval = heartbeat_.interval(),
                         .heartbeat_timeout = heartbeat_.timeout(),
                         .limits = &options_.session,
                         .events = restricted ? std::string(subscriptions::names_of(s.wanted()).text()) : ""};
    if (s.expires_at() != steady_time::max())
      hello.expires_in = std::chrono::duration_cast<std::chrono::milliseconds>(s.expires_at() - env.now());
    c.told_at = in.position(c);
    digest secret{};
    if (hello.resume_window > std::chrono::milliseconds::zero())
      secret = resume_token::make(s.number(), hello.connection_id, env, hello.resume_token).secret;
    c.out.append_unbounded(opcode::text, connected_text(hello, env.wall_now()));
    c.out.append_frames(s.kept_answers());
    s.finish_resume(secret);
  }

  // Before it is open: what the host does from in there is not done to it.
  void restrict(session& s) {
    filter allowed;
    try {
      allowed = dispatcher_.filters().allowed(outbound_.info(s), s.wanted());
    } catch (const std::bad_alloc&) {
      throw;  // a session that goes on would miss events and not know it: its client comes back once more
    } catch (...) {
      calls_.report("authorize_subscriptions", std::current_exception());
    }
    table_.change([&] { s.want(std::move(allowed)); });
  }

  carrier& carrier_;
  const manager_options& options_;
  const any_heartbeat& heartbeat_;
  delivery& outbound_;
  const std::shared_ptr<memory_event_log> log_;
  hooks& calls_;
  dispatcher& dispatcher_;
  session_keeper& sessions_;
  session_table& table_;
  connection_limiter& limiter_;
  const std::shared_ptr<loop_poster> loop_;
  live_metrics& counted_;
  std::unordered_map<const connection*, waiting_request> waiting_;  // for the host
  std::uint64_t last_turn_ = 0;
  bool closed_ = false;
};

}  // namespace hotline::detail
#endif
