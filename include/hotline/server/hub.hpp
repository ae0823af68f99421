#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Joins transport, sessions, commands and rooms. Decisions are theirs; the order of things is kept here.

#include <hotline/command/dispatcher.hpp>
#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/log_level.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/server/carrier.hpp>
#include <hotline/server/connection_limiter.hpp>
#include <hotline/server/connections.hpp>
#include <hotline/server/delivery.hpp>
#include <hotline/server/handshakes.hpp>
#include <hotline/server/hooks.hpp>
#include <hotline/server/log_metrics.hpp>
#include <hotline/server/mailbox.hpp>
#include <hotline/server/session_keeper.hpp>
#include <hotline/session/address_table.hpp>
#include <hotline/session/session_table.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/decoder_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The part of a manager that knows no transport's type. Its owner ends it with `end`, never with `delete`. For one
/// loop, but for the members that say "any thread".
///
///     hub* const h = new hub(std::move(carrier), log, options, any_heartbeat(interval_heartbeat()));
///     if (h->start()) return hub::end(h);
///     h->commands().handlers().set("echo", registry::wrap([](const request& q) { return q.payload(); }));
///     h->stop([h] { hub::end(h); });
class hub final : public carrier_receiver, public mail_reader, public reader {
 public:
  hub(std::unique_ptr<carrier> transport, std::shared_ptr<memory_event_log> log, manager_options options,
      any_heartbeat heartbeat)
      : carrier_(std::move(transport)),
        log_(std::move(log)),
        options_(std::move(options)),
        heartbeat_(std::move(heartbeat)),
        key_(hash_key::draw(carrier_->env())),
        mailbox_(std::make_shared<mailbox>(*carrier_, *this)),
        calls_(counted_),
        addresses_(key_),
        sessions_(options_.resume, addresses_),
        outbound_(*carrier_, log_, options_, heartbeat_, mailbox_, counted_, calls_, connections_, sessions_, gaps_,
                  key_, *this),
        dispatcher_(options_, mailbox_, counted_, outbound_),
        decoders_(options_.session),
        limiter_(options_.connections, counted_, addresses_),
        keeper_(sessions_, outbound_, calls_, counted_),
        handshakes_(*carrier_, options_, heartbeat_, outbound_, log_, calls_, dispatcher_, keeper_, sessions_, limiter_,
                    mailbox_, counted_) {}

  hub(const hub&) = delete;
  hub& operator=(const hub&) = delete;

  [[nodiscard]] carrier& out() noexcept { return *carrier_; }
  [[nodiscard]] hooks& calls() noexcept { return calls_; }
  [[nodiscard]] dispatcher& commands() noexcept { return dispatcher_; }
  [[nodiscard]] delivery& outbound() noexcept { return outbound_; }
  [[nodiscard]] session_table& sessions() noexcept { return sessions_; }
  [[nodiscard]] memory_event_log& log() noexcept { return *log_; }
  [[nodiscard]] bool is_running() const noexcept { return state_ == state::running; }

  /// Starts the transport. Returns its error, `already_running` or `wrong_thread`.
  [[nodiscard]] std::error_code start();

  /// Any thread: runs `task` on the loop, or drops it when the hub stops first.
  void post(std::function<void()> task) { mailbox_->post(std::move(task)); }

  /// Any thread: returns whether another one runs the loop, so that this one may call only what is for any thread.
  [[nodiscard]] bool runs_elsewhere() noexcept { return carrier_->runs_elsewhere(); }

  /// The same, for a member that has no error to return: `on_error` receives its name, on the loop.
  [[nodiscard]] bool refuses_here(const char* member) noexcept;

  /// Sends each client `disconnected` after what was accepted for it, and ends, at the latest after the drain timeout.
  /// Then calls `done`.
  void stop(std::function<void()> done);

  /// Ends the hub, for the manager's destructor. No handler or hook is called any more. In the middle of a call from
  /// here, the hub is destroyed when that call has returned.
  static void end(hub* ended);

  /// Any thread.
  [[nodiscard]] manager_metrics metrics();

 private:
  enum class state : std::uint8_t { idle, running, stopping, stopped };

  ~hub() {
    mailbox_->close();
    carrier_->stop();
    keeper_.part_all();
  }

  // Counts who is inside. When the host has destroyed the manager, the hub goes with the outermost.
  class presence {
   public:
    explicit presence(hub& of) noexcept : of_(of) { ++of_.visits_; }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() {
      if (--of_.visits_ == 0 && of_.orphaned_) delete &of_;
    }

   private:
    hub& of_;
  };

  // A turn in which the host may be called.
  class visit {
   public:
    explicit visit(hub& of) noexcept : presence_(of), turn_(of.outbound_.turns()) {}

   private:
    presence presence_;  // ends after the turn
    turn_list::turn turn_;
  };

  [[nodiscard]] steady_time now() { return carrier_->env().now(); }
  [[nodiscard]] wall_time wall() { return carrier_->env().wall_now(); }

  // ------------------------------------------------------------------------------------------- carrier_receiver

  // Without memory a connection may end, but nothing else: what a receiver throws would end the host's loop.

  HOTLINE_DETAIL_INLINE void on_open(opaque_socket& socket, void*& context) override;

  void take_up(opaque_socket& socket, void*& context);

  // A failure in `f` ends the connection, and nothing else.
  template <class F>
  void protect(connection& c, F f) noexcept {
    if (!calls_.guard("connection", f)) outbound_.give_up(c);
  }

  void on_data(connection& c, std::span<char> bytes) override {
    const visit scope(*this);
    counted_.received_bytes.add(bytes.size());
    if (c.of() != nullptr) c.of()->confirm_token();
    protect(c, [&] { take_in(c, bytes); });
  }

  void on_writable(connection& c) override {
    const turn_list::turn scope(outbound_.turns());
    c.blocked = false;
    outbound_.turns().touch(c);
  }

  HOTLINE_DETAIL_INLINE void on_closed(connection& c, std::error_code reason) override;

  HOTLINE_DETAIL_INLINE void on_tick() override;

  HOTLINE_DETAIL_INLINE void on_refused(std::string_view address, std::error_code why) override;

  // Whether a tick is more to a connection than a heartbeat that has nothing to do. Most are not.
  [[nodiscard]] bool has_more_to_do(const connection& c, steady_time at) const noexcept {
    const session* const s = c.of();
    return c.position_may_be_due(at) || (s != nullptr && s->may_be_due(at));
  }
  void grow_older(connection& c, connection::due found, steady_time at);

  // Checks a verdict that ends something once more. Waiting bytes prove nothing for a client that the hub does not
  // read.
  [[nodiscard]] connection::due confirm(connection& c, connection::due found, steady_time at);

  // Whether a time that ends at `until` is over, the pauses since it began left out.
  [[nodiscard]] bool is_over(steady_time until, std::chrono::milliseconds time, steady_time at) const noexcept {
    return at >= until && at >= until + gaps_.since(until - std::max(time, time.zero()));
  }

  // ------------------------------------------------------------------------------------------------- what comes in

  void read_on(connection& c) noexcept override {
    protect(c, [&] {
      std::string bytes = c.take_unread();
      take_in(c, bytes);
    });
  }

  void take_in(connection& c, std::span<char> bytes);

  static void end_by_peer(session& s, const connection::received& got) {
    s.end_connection(got.code, may_reconnect(got.code));
    s.explain_end(std::string(got.reason));
  }

  HOTLINE_DETAIL_INLINE void on_mail() override;

  // Has clients sent away, and the sessions ended, when what is in the mailbox has been handled.
  void drain_after_mail();

  // Not from inside the transport's last `on_closed`, which has more to do with the connection.
  void finish_stop_later() {
    calls_.guard("stop", [&] { carrier_->post([this] { finish_stop(); }); });  // else at the next tick
  }

  void finish_stop();

  const std::unique_ptr<carrier> carrier_;
  const std::shared_ptr<memory_event_log> log_;
  const manager_options options_;
  const any_heartbeat heartbeat_;
  const hash_key key_;  // for the tables that strangers fill
  const std::shared_ptr<mailbox> mailbox_;
  live_metrics counted_;
  pauses gaps_{*carrier_};
  hooks calls_;
  address_table addresses_;
  session_table sessions_;
  connections connections_;
  delivery outbound_;
  dispatcher dispatcher_;
  decoder_pool decoders_;
  connection_limiter limiter_;
  session_keeper keeper_;
  handshakes handshakes_;
  std::vector<std::function<void()>> when_stopped_;
  steady_time drain_until_{};
  std::atomic<state> state_ = state::idle;  // written on the loop; others may ask
  int visits_ = 0;                          // how many calls from here the host may be in
  bool orphaned_ = false;                   // its manager is gone
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/server/hub.ipp>
#endif
#endif
