#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// One socket's life. Decides; time is an argument; no I/O here.

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/carried.hpp>
#include <hotline/connection/newcomer.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/connection/rates.hpp>
#include <hotline/connection/subscriber.hpp>
#include <hotline/intrusive_list.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/close.hpp>
#include <hotline/wire/decoder.hpp>
#include <hotline/wire/decoder_pool.hpp>
#include <hotline/wire/head_reader.hpp>
#include <hotline/wire/http.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

class session;
struct address_record;

/// Why a connection ends when the turn does.
enum class doom : std::uint8_t {
  none,
  left_behind,  ///< the log's old end has overtaken it, and it is to be closed for that
  given_up,     ///< there was no memory for it
};

/// The limit on connections for which a connection counts.
enum class counted_as : std::uint8_t { nothing, handshake, connection };

/// The links and notes of those who keep connections. The hub, its turns and its connection limiter write them.
struct connection_notes {
  list_link<connection> everybody;    ///< from its first byte to its last
  list_link<connection> turn;         ///< while it has something to send when the turn ends
  address_record* address = nullptr;  ///< its address's, once it is upgraded
  counted_as counts = counted_as::nothing;
  doom fate = doom::none;
  bool agreed_to_gap = false;  ///< it came back for the rest of what it missed
};

/// One socket, from its first byte to its last.
///
///     head --request--> asked --> [waiting] --(upgrade)--> open --close()/peer's close--> closing --> finished
///       \----------------\-----------\--refused, or answered as plain HTTP--> responding -------------> finished
///
/// A connection decides what bytes, messages and the passing of time mean, and its owner acts on that. The client's
/// state that survives the socket is its `session`, which it has from the upgrade on, unless a newer connection takes
/// the session over. `connections` owns it until its socket has ended. For one loop.
///
///     connection c(options, socket, number, "203.0.113.7:50123", now);
///     const connection::received got = c.receive(bytes, now, decoders);
///     if (got.what == connection::inbound::request) answer(c.take_request());
class connection final : public subscriber, public connection_notes {
 public:
  enum class phase : std::uint8_t { head, asked, waiting, responding, open, closing, finished };

  /// The result of received bytes.
  enum class inbound : std::uint8_t {
    need_more,    ///< all bytes are used up
    request,      ///< a whole HTTP head: `take_request()`, then `upgrade` or `respond`, at once or after `wait`
    refused,      ///< the head broke a rule: `respond` with `status`
    message,      ///< `text` is one message; gone at the next call
    peer_closed,  ///< the peer ended the conversation (its close frame is answered): flush, then end the socket
    failed,       ///< the peer broke a rule: `close` with `code`
  };

  struct received {
    inbound what = inbound::need_more;
    std::string_view text{};
    int status = 0;
    close_code code = close_code::normal;
    std::string_view reason{};
    /// Which limit the peer went over: a failure's, or that of a message that is not to be run for it.
    std::optional<limit> over{};
  };

  /// The result of the passing of time.
  enum class due : std::uint8_t {
    nothing,
    ping_queued,
    head_timeout,
    admission_timeout,
    heartbeat_lost,
    close_timeout,
    linger_over
  };

  /// `options` must outlive it. `number` is random: that of its session, if it becomes a new one. `remote`: the address of the
  /// peer's, for people and limits.
  connection(const manager_options& options, opaque_socket& carried_by, std::uint64_t number, std::string remote,
             steady_time now, bool came_from_here = false)
      : options_(options),
        newcomer_(std::make_unique<newcomer>(*this, number, std::move(remote), came_from_here, options.handshake)),
        timed_from_(now) {
    socket = &carried_by;
  }

  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Returns what it has until it is upgraded; null afterwards.
  [[nodiscard]] newcomer* arriving() const noexcept { return newcomer_.get(); }

  /// Returns its session; null before the upgrade, and after a newer connection has taken the session over.
  /// Defined in session.hpp.
  [[nodiscard]] session* of() const noexcept;
  /// It carries `s`, which is a `session`, and uses up its rates. For `session_table`.
  void carry(carried& s) noexcept { carried_ = &s; }
  /// It carries no session any more. For `session_table`.
  void put_down() noexcept { carried_ = nullptr; }

  [[nodiscard]] phase at() const noexcept { return phase_; }
  [[nodiscard]] bool is_open() const noexcept { return phase_ == phase::open; }
  /// Returns when it came. Only until it is upgraded or answered: then its session knows.
  [[nodiscard]] steady_time came_at() const noexcept { return timed_from_; }

  /// Takes bytes from the front of `bytes` up to the first result. Call again until `need_more`. `compression` is used
  /// where permessage-deflate was agreed on. `gaps`: when the loop did not run.
  [[nodiscard]] received receive(std::span<char>& bytes, steady_time now, decoder_pool& decoders,
                                 message_compression* compression = nullptr, pauses* gaps = nullptr) {
    if (carried_ != nullptr && !bytes.empty()) carried_->hear(now);
    if (phase_ == phase::head) return receive_head(bytes);
    if (phase_ == phase::open || phase_ == phase::closing)
      return receive_frames(bytes, now, decoders, takes_deflate ? compression : nullptr, gaps);
    bytes = {};
    return {};
  }

  /// Its answer is being made from here on.
  [[nodiscard]] http_request take_request() {
    phase_ = phase::asked;
    return newcomer_->reader->take_request();
  }

  /// The host takes its time to say whether the client may come in. Until then nothing is read.
  void wait() noexcept {
    newcomer_->reader.reset();
    phase_ = phase::waiting;
  }

  /// The host has said whether the client may come in: its answer is being made.
  void stop_waiting() noexcept { phase_ = phase::asked; }

  /// The client speaks WebSocket from here on; `response_head` goes out first.
  void upgrade(std::string_view response_head, steady_time now);

  /// One HTTP answer, and the end.
  void respond(std::string_view response, steady_time now);

  /// Queues one text message. Returns false when there is no room for it. An outbox that is not full takes one of any
  /// size: what waits before an answer does not make the answer too large.
  [[nodiscard]] bool queue(std::string_view text) {
    return out.append(opcode::text, text, outbox_is_full() ? options_.session.control_lane_bytes : no_limit);
  }

  /// Returns whether the outbox has over half of what it may have: then nothing more is read from the client.
  [[nodiscard]] bool outbox_is_full() const noexcept { return out.queued() > options_.session.control_lane_bytes / 2; }

  /// Whether it is time to look where the client stands: at most once in `position_interval`.
  [[nodiscard]] bool position_is_due(steady_time now) noexcept {
    if (phase_ != phase::open || !position_may_be_due(now)) return false;
    timed_from_ = now;
    return options_.position_interval.count() > 0;
  }

  /// Returns false only where `position_is_due` would. Before and after the open phase it means nothing.
  [[nodiscard]] bool position_may_be_due(steady_time now) const noexcept {
    return have_passed(options_.position_interval, timed_from_, now);
  }

  /// Starts the close handshake: `farewell` (a `disconnected` message, may be empty) and the close frame.
  /// When `code` says that the peer's bytes can't be trusted any more, its answer is not waited for. A peer that is in
  /// the middle of a message that is too big may send the rest, for `lingering_ticks` at most, before our direction
  /// ends: a proxy between us that is still passing it on would break the line, and the peer would not read why it was
  /// closed.
  void close(close_code code, std::string_view reason, std::string_view farewell, steady_time now);

  /// Whether, once the lane is empty, there is nothing left to wait for but the socket's own end.
  [[nodiscard]] bool may_end() const noexcept {
    return phase_ == phase::responding || (phase_ == phase::closing && !answer_expected_ && lingering_ == 0);
  }

  /// The peer took some of what it is owed: while it does, an HTTP answer may take its time.
  void was_read(steady_time now) noexcept {
    if (phase_ == phase::responding) timed_from_ = now;
  }

  /// The socket ends: bytes of it are dropped from here on.
  void finish() noexcept { phase_ = phase::finished; }

  /// Keeps bytes that were read and are not to be looked at yet.
  void set_aside(std::string_view bytes) {
    if (bytes.empty())
      unread_.reset();
    else
      unread_ = std::make_unique<std::string>(bytes);
  }
  [[nodiscard]] bool has_unread() const noexcept { return unread_ != nullptr; }
  /// Returns what was set aside, and forgets it.
  [[nodiscard]] std::string take_unread() noexcept {
    const std::unique_ptr<std::string> bytes = std::move(unread_);
    return bytes ? std::move(*bytes) : std::string();
  }

  /// Whether its socket is not read from: until its outbox is shorter, or it is let in.
  [[nodiscard]] bool is_paused() const noexcept { return paused_; }
  /// Notes whether its socket is read from. The caller pauses the socket.
  void pause(bool paused) noexcept { paused_ = paused; }

  /// Returns what the passing of time came to, at a tick.
  [[nodiscard]] due tick(steady_time now, const any_heartbeat& policy) {
    if (phase_ != phase::open) return tick_while_not_open(now);
    switch (policy(heartbeat_query{now, carried_->last_heard(), carried_->last_ping, carried_->number()})) {
      case heartbeat_action::nothing: return due::nothing;
      case heartbeat_action::drop: return due::heartbeat_lost;
      case heartbeat_action::ping: break;
    }
    return ping(now);
  }

  /// Checks what `tick` has found once more where it ends something. The time in which the loop did not run (`gaps`,
  /// which know of this tick) does not count as silence. `input_waits()` returns whether the peer has sent bytes that
  /// are still to be read: they prove that the peer lives. They give a late head or a late close one more tick, and no
  /// second one, or a peer that sends a byte now and then would stay for ever.
  template <class Waits>
  [[nodiscard]] due confirm(due found, steady_time now, const any_heartbeat& policy, const pauses& gaps,
                            const Waits& input_waits) {
    const auto run_for = [&](std::chrono::milliseconds time, steady_time from) {
      return have_passed(time, from + gaps.since(from), now);
    };
    const auto reprieve = [&] { return !reprieved_ && (reprieved_ = input_waits()); };
    switch (found) {
      case due::heartbeat_lost: {
        const steady_time heard = carried_->last_heard() + gaps.since(carried_->last_heard());
        const steady_time pinged = carried_->last_ping + gaps.since(carried_->last_ping);
        const heartbeat_action action = policy(heartbeat_query{now, heard, pinged, carried_->number()});
        if (action == heartbeat_action::ping) return ping(now);
        return action == heartbeat_action::drop && !input_waits() ? found : due::nothing;
      }
      case due::head_timeout:
        return run_for(options_.handshake.timeout, came_at()) && !reprieve() ? found : due::nothing;
      case due::admission_timeout: return run_for(options_.handshake.timeout, came_at()) ? found : due::nothing;
      case due::close_timeout:
        return run_for(options_.close_timeout, timed_from_) && !reprieve() ? found : due::nothing;
      case due::linger_over:
        if (!gaps.is_late()) return found;
        lingering_ = 1;  // one tick more: this one was late
        return due::nothing;
      case due::nothing:
      case due::ping_queued: break;
    }
    return found;
  }

 private:
  static constexpr std::size_t no_limit = static_cast<std::size_t>(-1);
  static constexpr std::uint8_t lingering_ticks = 4;  // two seconds at most

  [[nodiscard]] due ping(steady_time now) {
    carried_->last_ping = now;
    // A client with a full outbox does not read. Its pong would not differ from those before it.
    return out.append(opcode::ping, {}, options_.session.control_lane_bytes) ? due::ping_queued : due::nothing;
  }

  // Apart, so that the tick of an open session stays short.
  due tick_while_not_open(steady_time now) noexcept;

  [[nodiscard]] received receive_head(std::span<char>& bytes);

  [[nodiscard]] received receive_frames(std::span<char>& bytes, steady_time now, decoder_pool& decoders,
                                        message_compression* compression, pauses* gaps) {
    for (;;) {
      if (bytes.empty() || !answer_expected_) {
        if (lingering_ > 0) skip(bytes);
        bytes = {};
        // At a message's end a decoder knows nothing that the next one would need: it goes to whom it is needed by.
        if (decoder_ && lingering_ == 0 && (!answer_expected_ || decoder_->idle()))
          decoders.give_back(std::move(decoder_));
        return {};
      }
      if (!decoder_) decoder_ = decoders.lend(compression);
      const bool listening = phase_ == phase::open;
      // A message that will not be looked at is not inflated.
      const bool inflates = compression != nullptr && listening &&
                            !carried_->used.has_sent_too_much(options_.session, now, gaps, carried_->connected_at);
      const decode_result step = decoder_->consume(bytes, inflates);
      bytes = bytes.subspan(step.consumed);
      switch (step.event) {
        case decode_event::need_more: break;
        case decode_event::pong:
        case decode_event::ping:
          if (!listening) break;
          if (!carried_->used.take_control_frame(options_.session, now, gaps, carried_->connected_at))
            return {.what = inbound::failed,
                    .code = close_code::too_many_messages,
                    .reason = "too many pings or pongs",
                    .over = limit::control_rate};
          if (step.event == decode_event::ping &&
              !out.append(opcode::pong, step.payload, options_.session.control_lane_bytes))
            return {.what = inbound::failed,
                    .code = close_code::too_slow,
                    .reason = "answers are not read",
                    .over = limit::control_lane_bytes};
          break;
        case decode_event::text:
          if (!listening) break;
          if (!carried_->used.take_message(options_.session, step.size, now) || step.passed_over)
            return receive_too_much(step, now, gaps);
          return {.what = inbound::message, .text = step.payload};
        case decode_event::binary:
          if (listening)
            return {.what = inbound::failed, .code = close_code::unsupported_data, .reason = "text messages only"};
          break;
        case decode_event::failed: return fail(step.why, listening, step.over);
        case decode_event::close: return receive_close(step.payload, listening);
      }
    }
  }

  /// The rest of a message that is too big.
  void skip(std::span<char> bytes);

  [[nodiscard]] received receive_too_much(const decode_result& message, steady_time now, pauses* gaps);

  [[nodiscard]] received fail(close_code why, bool listening, std::optional<limit> over = {});

  [[nodiscard]] received receive_close(std::string_view payload, bool listening);

  // These stand first, in the tail padding of `connection_notes`: elsewhere they would cost eight bytes.
  phase phase_ = phase::head;
  bool answer_expected_ = true;  // false: what the peer still sends says nothing to us
  std::uint8_t lingering_ = 0;   // ticks for which the rest of a message that was too big may come still; 0: none may
  bool reprieved_ = false;       // has had one tick more, for its bytes were not read yet
  bool paused_ = false;
  const manager_options& options_;
  carried* carried_ = nullptr;          // its session; null before the upgrade
  std::unique_ptr<newcomer> newcomer_;  // until the upgrade
  std::unique_ptr<decoder> decoder_;    // only in the middle of a message
  std::unique_ptr<std::string> unread_;
  steady_time timed_from_;  // at first: it came; open: its position was looked at; later: the close or the answer began
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/connection/connection.ipp>
#endif
#endif
