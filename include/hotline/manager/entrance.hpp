#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, at the upgrade: who may come in, and what is said to who may not.

#include <hotline/command/command_desk.hpp>
#include <hotline/command/inquiry.hpp>
#include <hotline/command/subscriptions.hpp>
#include <hotline/concepts.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/manager/census.hpp>
#include <hotline/manager/client_book.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/resumption.hpp>
#include <hotline/manager/route.hpp>
#include <hotline/manager/served_hosts.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/room/past.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// A manager's way from a socket to a session. All of it runs in a turn of the loop.
template <class Delivery>
class entrance {
 public:
  using client_type = typename Delivery::client_type;
  using room_type = typename Delivery::room_type;

  entrance(Delivery& outbound, std::shared_ptr<memory_event_log> log, hooks& calls, command_desk& desk,
           resumption<Delivery>& sessions, census& crowd, std::shared_ptr<command_sink> loop)
      : outbound_(outbound),
        log_(std::move(log)),
        calls_(calls),
        desk_(desk),
        sessions_(sessions),
        loop_(std::move(loop)),
        crowd_(crowd) {}

  /// Nobody comes in any more.
  void close() noexcept { closed_ = true; }

  /// A socket is there.
  void arrive(client_type& c) {
    const census::surplus too_many = crowd_.arrive(c.number(), counted_address(c.remote_address));
    c.counted_as = census::place::handshake;
    if (too_many.told) cut_off(*outbound_.clients.find_connected(*too_many.told));
    if (too_many.goes) make_room(*outbound_.clients.find_connected(*too_many.goes), c);
  }

  /// The socket has ended, or does.
  void leave(client_type& c) noexcept {
    switch (std::exchange(c.counted_as, census::place::nowhere)) {
      case census::place::nowhere: break;
      case census::place::handshake: crowd_.leave_handshake(c.number()); break;
      case census::place::connection: crowd_.leave_connection(c.address); break;
    }
  }

  /// The answer to its request, and the end. `over`: the limit that it is refused for.
  void respond(client_type& c, const reception& answer, std::optional<limit> over = {}, std::string_view rule = {}) {
    outbound_.counted().http_answers[http_status(answer.status)].add();
    c.respond(answer.response, outbound_.now());
    if (c.counted_as == census::place::handshake) crowd_.await(c.number());
    outbound_.turns.touch(c);
    if (answer.status >= 400) log_refusal(c, answer.status, over, answer.rule.empty() ? rule : answer.rule);
  }
  void respond(client_type& c, int status, std::optional<limit> over = {}, std::string_view rule = {}) {
    respond(c, as_reception(plain_response(status, outbound_.options().retry_after)), over, rule);
  }

  /// The same, for it is over `what`.
  void refuse(client_type& c, int status, limit what) {
    if (what != limit::handshakes) outbound_.counted().limits[what].add();
    respond(c, status, what);
  }

  /// Its request is there. Either it is answered now, or it waits for the host.
  void ask(client_type& c) {
    http_request request = c.take_request();
    crowd_.hear(c.number());
    if (closed_) return respond(c, 503);
    request.remote_address = c.remote_address;
    request.scheme = outbound_.scheme();
    if (std::optional<std::string> rule = misdirected(request, outbound_.options().hosts, is_local(c)))
      return respond(c, misdirected_answer(request, *std::move(rule)));
    if (calls_.client_scheme)
      calls_.guard("client_scheme", [&] {
        if (std::string named = calls_.client_scheme(request); !named.empty()) request.scheme = std::move(named);
      });
    if (calls_.client_address)
      calls_.guard("client_address", [&] {
        if (std::string named = calls_.client_address(request); !named.empty()) c.remote_address = std::move(named);
      });
    if (c.remote_address != request.remote_address) crowd_.move(c.number(), counted_address(c.remote_address));
    const manager_options& options = outbound_.options();
    reception answer = as_reception(plain_response(500));
    calls_.guard("a rule of the options",
                 [&] { answer = receive_request(request, options, calls_, outbound_.compression() != nullptr); });
    if (!answer.upgraded()) return respond(c, answer);
    c.asks = std::make_unique<reception>(std::move(answer));
    if (!calls_.authenticate) return admit(c, admission());
    // Before the host looks anybody up; once more when it has, for then there may be others.
    const auto& resume = c.asks->entry.resume;
    if (const auto over = full(c, c.asks->project, resume ? sessions_.holder(*resume) : nullptr))
      return turn_away(c, *over);
    // What answers later runs while the manager is there, or never.
    inquiry asked(loop_,
                  [this, number = c.number()](std::optional<admission> told) { admit(number, std::move(told)); });
    std::optional<admission> told;
    calls_.guard("authenticate", [&] { told = calls_.authenticate(request, c.asks->project, asked); });
    if (told || !asked.made()) return admit(c, std::move(told));
    c.wait();
    crowd_.keep_waiting(c.number());
  }

 private:
  void cut_off(client_type& c) {
    leave(c);
    outbound_.abort(c);
  }

  // For one that came, which may be itself. One that owes us its head is not told why.
  void make_room(client_type& goes, const client_type& came) {
    const bool is_told = &goes == &came || goes.at() == session::phase::waiting;
    if (is_told) {
      crowd_.tell(goes.number());
      // Without memory to say so it is cut off, and not the one that came.
      if (!calls_.guard("connection", [&] { turn_away(goes, limit::handshakes); })) outbound_.give_up(goes);
      return;
    }
    cut_off(goes);
    log_refusal(goes, 0, limit::handshakes);
  }

  // Whether it can only have come from this machine, and the host has said nothing that lets others in.
  [[nodiscard]] bool is_local(const client_type& c) const {
    if constexpr (requires { c.connection->through_loopback(); })
      return !calls_.authenticate && !calls_.client_address && c.connection->through_loopback();
    return false;
  }

  // It may be gone by now, or have been turned away.
  void admit(std::uint64_t number, std::optional<admission> told) {
    client_type* const c = outbound_.clients.find_connected(number);
    if (c == nullptr || c->at() != session::phase::waiting) return;
    if (!calls_.guard("connection", [&] { admit(*c, std::move(told)); })) outbound_.give_up(*c);
    outbound_.turns.touch(*c);
  }

  // Nothing: the host has failed to say.
  void admit(client_type& c, std::optional<admission> told) {
    const std::unique_ptr<reception> asks = std::move(c.asks);
    int refusal = told ? told->refusal : 500;
    if (refusal == 0 && has_expired(*told, outbound_.wall())) refusal = 401;
    if (closed_) refusal = 503;
    if (refusal != 0) return respond(c, refusal, {}, refusal == 403 ? "authenticate" : "");
    auto over = full(c, asks->project);
    // Who takes over its own connection is not one more, where that one counted.
    const auto& resume = asks->entry.resume;
    client_type* const replaced =
        over && resume ? sessions_.connected(*resume, asks->project, told->principal) : nullptr;
    if (replaced != nullptr) over = full(c, asks->project, replaced);
    if (over) return turn_away(c, *over);
    // Held: the session that is taken over may be the last in its room.
    const auto stream = log_->open(asks->project);
    if (!stream) return turn_away(c, limit::projects);
    welcome(c, *asks, *told, stream);
    if (replaced == nullptr) return;
    // At once, for there could be ever more that take their time to answer the close.
    leave(*replaced);
    outbound_.abort(*replaced);
  }

  void turn_away(client_type& c, limit over) {
    refuse(c, over == limit::address_connections ? 429 : 503, over);
    c.asks.reset();
  }

  [[nodiscard]] std::optional<limit> full(const client_type& c, const std::string& project,
                                          const client_type* goes = nullptr) const {
    const room_type* const room = outbound_.rooms.find(project);
    std::size_t in_project = room == nullptr ? 0 : room->listeners.size();
    census::leaver leaver{};
    if (goes != nullptr) {
      if (room != nullptr && goes->room == room) --in_project;
      leaver = {goes->counted_as == census::place::connection, goes->address};
    }
    return crowd_.full(in_project, counted_address(c.remote_address), leaver);
  }

  // Never the request's target, in which there may be a token. The last that is done with it: the host may do anything now.
  void log_refusal(const client_type& c, int status, std::optional<limit> over, std::string_view rule = {}) {
    if (!calls_.on_log) return;
    calls_.guard("on_log", [&] {
      std::string line = c.remote_address;
      line.append(status == 0 ? " was cut off" : " was answered " + std::to_string(status));
      if (over) line.append(": over ").append(metric_name(*over));
      if (!rule.empty()) line.append(": ").append(rule);
      calls_.log(over || !rule.empty() ? log_level::info : log_level::debug, line);
    });
  }

  void welcome(client_type& c, const reception& let_in, const admission& who,
               const std::shared_ptr<memory_stream>& stream) {
    c.address = crowd_.let_in(c.number(), counted_address(c.remote_address));
    c.counted_as = census::place::connection;
    const entry_request& entry = let_in.entry;
    takeover session;
    if (entry.resume) session = sessions_.take_over(c, *stream, let_in.project, who.principal, *entry.resume);
    const bool resumed = entry.resume && session.what == resume_outcome::resumed;
    if (entry.resume) outbound_.counted().resumes[session.what].add();
    if (!resumed) outbound_.counted().new_sessions.add();
    outbound_.clients.change([&] {
      c.introduce(client_book<client_type>::id_of(c.number()), let_in.project, who.principal);
      if (!resumed) c.wanted = outbound_.options().hears_all ? filter::everything() : filter();
    });
    c.renew(who.expires_at);
    if (desk_.filters.authorize) restrict(c);
    c.upgrade(let_in.response, outbound_.now());
    c.takes_deflate = let_in.deflate;
    room_type& room = outbound_.rooms.open(let_in.project, stream);
    outbound_.clients.change([&] { c.welcome(room, stream, outbound_.wall()); });
    if (resumed) {
      const sequence after =
          goes_on_after(room.listeners.stream(), entry.resume->after, c.first, outbound_.options().session.last_bytes);
      if (after != entry.resume->after) outbound_.counted().limits[limit::last_bytes].add();
      c.agreed_to_gap = after + 1 < room.listeners.stream().bounds().oldest;
      room.listeners.rejoin(c, c.wanted, after);
    } else {
      const past given = past_within(room.listeners.stream(), entry.last, outbound_.options().session.last_bytes);
      if (given.is_cut) outbound_.counted().limits[limit::last_bytes].add();
      room.listeners.join(c, c.wanted, given.events);
      c.first = c.cursor;
    }
    const connection_info arrived = c.info();  // before the greeting: behind that nothing takes memory
    c.greet(resumed, session.what, desk_.filters.authorize ? std::string(subscriptions::names_of(c.wanted).text()) : "",
            outbound_.env());
    if (const auto& old = session.replaced) {
      c.announced = false;  // with what it inherited, the host knows of no connection of this session any more
      sessions_.tell_replaced(*old);
    }
    c.announced = c.known = true;
    calls_.tell(resumed ? "on_resumed" : "on_connect", resumed ? calls_.on_resumed : calls_.on_connect, arrived);
  }

  // Before it is open: what the host does from in there is not done to it.
  void restrict(client_type& c) {
    filter allowed;
    try {
      allowed = desk_.filters.allowed(c.info(), c.wanted);
    } catch (const std::bad_alloc&) {
      throw;  // a session that goes on would miss events and not know it: its client comes back once more
    } catch (...) {
      calls_.report("authorize_subscriptions", std::current_exception());
    }
    outbound_.clients.change([&] { c.wanted = std::move(allowed); });
  }

  Delivery& outbound_;
  const std::shared_ptr<memory_event_log> log_;
  hooks& calls_;
  command_desk& desk_;
  resumption<Delivery>& sessions_;
  const std::shared_ptr<command_sink> loop_;
  census& crowd_;
  bool closed_ = false;
};

}  // namespace hotline::detail
#endif
