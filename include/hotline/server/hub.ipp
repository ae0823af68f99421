#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/server/hub.hpp>
#include <hotline/server/log_metrics.hpp>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE std::error_code hub::start() {
  if (runs_elsewhere()) return errc::wrong_thread;
  if (state_ != state::idle) return errc::already_running;
  if (const std::error_code failed = carrier_->start(*this)) return failed;
  gaps_.begin(now());
  state_ = state::running;
  return {};
}

HOTLINE_DETAIL_INLINE bool hub::refuses_here(const char* member) noexcept {
  if (!runs_elsewhere()) return false;
  try {
    post([this, member] {
      calls_.report(member, std::make_exception_ptr(std::system_error(make_error_code(errc::wrong_thread), member)));
    });
  } catch (...) {
    // No memory to report it. Nothing was done either way.
  }
  return true;
}

HOTLINE_DETAIL_INLINE void hub::stop(std::function<void()> done) {
  if (done) when_stopped_.push_back(std::move(done));
  if (state_ == state::stopping) return;
  if (state_ != state::running) return finish_stop();
  const visit scope(*this);
  state_ = state::stopping;
  handshakes_.close();
  drain_until_ = later(now(), options_.drain_timeout);
  carrier_->stop_accepting();
  for (connection& c : connections_) {
    if (c.at() == connection::phase::head) outbound_.abort(c);
    if (c.at() == connection::phase::waiting) protect(c, [&] { handshakes_.respond(c, 503); });
  }
  drain_after_mail();
  if (connections_.empty()) finish_stop_later();
}

HOTLINE_DETAIL_INLINE void hub::drain_after_mail() {
  // No client can come back for its answers, so those that were given before the call or in it go out first: they are in the
  // mail by the time that the first task runs. The command of a session may have called `stop`, so sessions end later, too.
  const auto drain = [this] {
    outbound_.drain();
    keeper_.expire_all();
  };
  try {
    post([this, drain] {
      try {
        post(drain);
      } catch (...) {
        drain();  // without memory for a task, what is in the mail is lost
      }
    });
  } catch (...) {
    outbound_.drain();
    throw;
  }
}

HOTLINE_DETAIL_INLINE void hub::end(hub* ended) {
  // One that was stopped, and whose loop has not run since, still has to tell its clients.
  const bool owes_goodbye = ended->state_ == state::stopping && !ended->outbound_.is_draining();
  if (ended->visits_ == 0 && !owes_goodbye) return delete ended;
  const visit scope(*ended);  // the end of the last one deletes it
  ended->orphaned_ = true;
  ended->handshakes_.close();  // no client comes in without the hooks that decide it
  ended->mailbox_->close();
  ended->keeper_.part_all();
  ended->calls_.forget_host();
  ended->dispatcher_.forget_host();
  ended->outbound_.paces().clear();
  if (owes_goodbye) ended->calls_.guard("stop", [&] { ended->outbound_.drain(); });
}

HOTLINE_DETAIL_INLINE manager_metrics hub::metrics() {
  manager_metrics told = snapshot(counted_);
  put_in(told, log_->status());
  told.turned_away = carrier_->turned_away();
  return told;
}

HOTLINE_DETAIL_INLINE void hub::on_open(opaque_socket& socket, void*& context) {
  const visit scope(*this);
  if (!calls_.guard("on_open", [&] { take_up(socket, context); })) carrier_->abort(socket);
}

HOTLINE_DETAIL_INLINE void hub::take_up(opaque_socket& socket, void*& context) {
  connection& c = connections_.add(std::make_unique<connection>(options_, socket, carrier_->env().random(),
                                                                carrier_->remote_address(socket), now(),
                                                                carrier_->through_loopback(socket)));
  context = &c;
  protect(c, [&] { handshakes_.arrive(c); });
}

HOTLINE_DETAIL_INLINE void hub::on_closed(connection& c, std::error_code reason) {
  const visit scope(*this);
  session* const s = c.of();
  if (s != nullptr && c.is_open() && reason) calls_.guard("on_closed", [&] { s->explain_end(reason.message()); });
  handshakes_.leave(c);
  outbound_.leave(c);
  c.finish();
  if (s != nullptr) {
    const bool may_resume = s->announced() != announcement::nothing && state_ == state::running &&
                            options_.resume.window.count() > 0 && s->ended().may_resume;
    keeper_.leave(*s, may_resume, now());
  }
  outbound_.turns().forget(c);
  limiter_.let_go(c);
  connections_.remove(c);
  if (state_ == state::stopping && connections_.empty()) finish_stop_later();
}

HOTLINE_DETAIL_INLINE void hub::on_tick() {
  const visit scope(*this);
  const steady_time at = now();
  // First what waits: answers, and events that may be too old by now.
  if (gaps_.tick(at)) mailbox_->open_now();
  calls_.guard("log", [&] { log_->sweep(); });
  const bool stops = state_ == state::stopping;
  for (connection& c : connections_)
    protect(c, [&] {
      const connection::due found = c.tick(at, heartbeat_);
      if (found != connection::due::nothing || stops || has_more_to_do(c, at)) grow_older(c, found, at);
    });
  sessions_.for_each_waiting([&](session& s) {
    if (s.has_commands()) calls_.guard("connection", [&] { dispatcher_.expire(s, at, wall(), &gaps_); });
  });
  if (outbound_.closes_laggards())
    for (connection& c : connections_) protect(c, [&] { outbound_.notice_lag(c); });
  calls_.guard("on_pace", [&] { outbound_.measure_paces(); });
  keeper_.expire_late(at, gaps_);
  keeper_.tell_late();
  mailbox_->open_unannounced();
  if (state_ != state::stopping) return;
  outbound_.touch_all();
  if (connections_.empty()) finish_stop_later();
}

HOTLINE_DETAIL_INLINE void hub::on_refused(std::string_view address, std::error_code why) {
  counted_.refused_sockets.add();
  if (!calls_.on_log) return;
  const visit scope(*this);
  const bool over = why == std::errc::timed_out || why == std::errc::connection_refused;
  const log_level level = over ? log_level::info : log_level::debug;
  calls_.guard("on_log", [&] { calls_.log(level, std::string(address) + " was cut off: " + why.message()); });
}

HOTLINE_DETAIL_INLINE void hub::grow_older(connection& c, connection::due found, steady_time at) {
  using due = connection::due;
  switch (found <= due::ping_queued ? found : confirm(c, found, at)) {
    case due::nothing: break;
    case due::ping_queued: outbound_.turns().touch(c); break;
    case due::head_timeout: handshakes_.refuse(c, 408, limit::handshake_time); break;
    case due::admission_timeout: handshakes_.refuse(c, 503, limit::handshake_time); break;
    case due::heartbeat_lost: outbound_.close(c, close_code::heartbeat_timeout, "nothing was heard"); break;
    case due::linger_over: outbound_.turns().touch(c); break;
    case due::close_timeout: counted_.limits[limit::close_time].add(); return outbound_.abort(c);
  }
  if (c.position_is_due(at)) outbound_.tell_position(c);
  if (session* const s = c.of()) {
    if (s->has_commands()) dispatcher_.expire(*s, at, wall(), &gaps_);
    if (at >= s->expires_at()) outbound_.expire(c);
  }
  if (state_ != state::stopping || !is_over(drain_until_, options_.drain_timeout, at)) return;
  counted_.limits[limit::drain_time].add();
  outbound_.abort(c);
}

[[gnu::noinline]] HOTLINE_DETAIL_INLINE connection::due hub::confirm(connection& c, connection::due found,
                                                                     steady_time at) {
  return c.confirm(found, at, heartbeat_, gaps_, [&] { return !c.is_paused() && carrier_->has_input(*c.socket); });
}

HOTLINE_DETAIL_INLINE void hub::take_in(connection& c, std::span<char> bytes) {
  using inbound = connection::inbound;
  const steady_time at = now();
  while (!orphaned_) {
    const connection::received got = c.receive(bytes, at, decoders_, outbound_.compression(), &gaps_);
    if (got.over) counted_.limits[*got.over].add();
    switch (got.what) {
      case inbound::need_more: return outbound_.turns().touch(c);
      case inbound::request:
        handshakes_.ask(c);
        if (c.at() != connection::phase::waiting) break;
        c.pause(true);
        c.set_aside({bytes.data(), bytes.size()});
        return carrier_->pause_reading(*c.socket);
      case inbound::refused:
        if (got.status == 431)
          handshakes_.refuse(c, got.status, limit::head);
        else
          handshakes_.respond(c, got.status);
        break;
      case inbound::message:
        dispatcher_.receive(*c.of(), got.text, at, wall(), got.over);
        if (!c.outbox_is_full()) break;
        // A burst of commands must not fill the outbox of a client that reads.
        outbound_.settle(c);
        if (!c.is_paused()) break;
        c.set_aside({bytes.data(), bytes.size()});
        return outbound_.turns().touch(c);
      case inbound::failed: outbound_.close(c, got.code, got.reason); break;
      case inbound::peer_closed:
        if (c.room != nullptr && c.of() != nullptr) end_by_peer(*c.of(), got);
        outbound_.leave(c);
        break;
    }
  }
}

HOTLINE_DETAIL_INLINE void hub::on_mail() {
  const visit scope(*this);
  const std::vector<std::function<void()>> tasks = mailbox_->take();
  while (mailbox_room* const room = mailbox_->next_room())
    calls_.guard("log", [&] { outbound_.flush(static_cast<project_room&>(*room)); });
  for (const auto& task : tasks) {
    if (orphaned_) return;
    calls_.guard("post", task);
  }
  if (state_ == state::stopping) outbound_.touch_all();
}

HOTLINE_DETAIL_INLINE void hub::finish_stop() {
  const visit scope(*this);
  keeper_.tell_late();
  keeper_.expire_all();
  state_ = state::stopped;
  mailbox_->close();
  carrier_->stop();
  for (const auto& done : std::exchange(when_stopped_, {})) {
    if (orphaned_) return;
    calls_.guard("stop", done);
  }
}

}  // namespace hotline::detail
#endif
