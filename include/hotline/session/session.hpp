#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 3/6: one client's life. Decides; time is an argument; no I/O here.

#include <hotline/concepts.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/session/control_lane.hpp>
#include <hotline/session/pauses.hpp>
#include <hotline/session/rates.hpp>
#include <hotline/session/room_place.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/close.hpp>
#include <hotline/wire/decoder.hpp>
#include <hotline/wire/decoder_pool.hpp>
#include <hotline/wire/head_reader.hpp>
#include <hotline/wire/http.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace hotline::detail {

/// One client, from its first byte to its last.
///
///     head --request--> asked --> [waiting] --(upgrade)--> open --close()/peer's close--> closing --> finished
///       \----------------\-----------\--refused, or answered as plain HTTP--> responding -------------> finished
///                                                     finished, and the session waits for its client --> detached
class session {
 public:
  enum class phase : std::uint8_t { head, asked, waiting, responding, open, closing, finished, detached };

  /// What the bytes came to.
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

  /// What the passing of time came to.
  enum class due : std::uint8_t {
    nothing,
    ping_queued,
    head_timeout,
    admission_timeout,
    heartbeat_lost,
    close_timeout,
    linger_over
  };

  session(const manager_options& options, steady_time now, std::uint64_t salt)
      : options_(options),
        head_(std::make_unique<head_reader>(options.handshake)),
        connected_at_(now),
        last_heard_(now),
        last_ping_(now),
        last_position_(now),
        salt_(salt) {}

  session(const session&) = delete;
  session& operator=(const session&) = delete;

  [[nodiscard]] phase at() const noexcept { return phase_; }
  [[nodiscard]] bool is_open() const noexcept { return phase_ == phase::open; }
  [[nodiscard]] steady_time connected_at() const noexcept { return connected_at_; }
  /// Any thread.
  [[nodiscard]] steady_time last_heard() const noexcept { return last_heard_.load(std::memory_order_relaxed); }

  /// Takes bytes from the front of `bytes` until something is to be told. Call again until `need_more`. `compression` is
  /// for those with whom it was agreed on. `gaps`: when the loop did not run.
  [[nodiscard]] received receive(std::span<char>& bytes, steady_time now, decoder_pool& decoders,
                                 message_compression* compression = nullptr, pauses* gaps = nullptr) {
    if (!bytes.empty()) last_heard_.store(now, std::memory_order_relaxed);
    if (phase_ == phase::head) return receive_head(bytes);
    if (phase_ == phase::open || phase_ == phase::closing)
      return receive_frames(bytes, now, decoders, takes_deflate ? compression : nullptr, gaps);
    bytes = {};
    return {};
  }

  /// Its answer is being made from here on.
  [[nodiscard]] http_request take_request() {
    phase_ = phase::asked;
    return head_->take_request();
  }

  /// The host takes its time to say whether the client may come in. Until then nothing is read.
  void wait() noexcept {
    head_.reset();
    phase_ = phase::waiting;
  }

  /// The client speaks WebSocket from here on; `response_head` goes out first.
  void upgrade(std::string_view response_head, steady_time now) {
    head_.reset();
    lane.start_with(response_head);
    phase_ = phase::open;
    // Its silence begins here: while it waited to be let in there was nothing that it could have said.
    last_heard_.store(now, std::memory_order_relaxed);
    last_ping_ = now;
  }

  /// One HTTP answer, and the end.
  void respond(std::string_view response, steady_time now) {
    head_.reset();
    lane.start_with(response);
    phase_ = phase::responding;
    close_started_ = now;
    reprieved_ = false;
  }

  /// Queues one text message; false when there is no room for it. A lane that is not full takes one of any size: what
  /// the host answers is not too large for a client because of what waits before it.
  [[nodiscard]] bool queue(std::string_view text) {
    return lane.append(opcode::text, text, lane_is_full() ? options_.session.control_lane_bytes : no_limit);
  }

  /// Over half of what it may hold: then nothing more is asked of the client.
  [[nodiscard]] bool lane_is_full() const noexcept { return lane.queued() > options_.session.control_lane_bytes / 2; }

  /// For what must be told even so: a gap, of which there is one at a time, with an empty lane.
  void queue_unbounded(std::string_view text) { (void)lane.append(opcode::text, text, no_limit); }

  /// Whether it is time to look where the client stands: at most once in `position_interval`.
  [[nodiscard]] bool position_is_due(steady_time now) noexcept {
    if (phase_ != phase::open || !have_passed(options_.position_interval, last_position_, now)) return false;
    last_position_ = now;
    return options_.position_interval.count() > 0;
  }

  /// Starts the close handshake: `farewell` (a `disconnected` message, may be empty) and the close frame.
  /// When `code` says that the peer's bytes can't be trusted any more, its answer is not waited for. A peer that is in the
  /// middle of a message that is too big may send the rest, for `lingering_ticks` at most, before our direction ends: a
  /// proxy between us that is still passing it on would break the line, and the peer would not read why it was closed.
  void close(close_code code, std::string_view reason, std::string_view farewell, steady_time now) {
    if (phase_ != phase::open) return;
    // The lane may be full: that is why a session may be closed. These two are small, and the last.
    if (!farewell.empty()) queue_unbounded(farewell);
    (void)lane.append(opcode::close, close_payload(code, reason), no_limit);
    phase_ = phase::closing;
    close_started_ = now;
    reprieved_ = false;
    answer_expected_ = code != close_code::protocol_error && code != close_code::invalid_payload &&
                       code != close_code::message_too_big && code != close_code::unsupported_data;
  }

  /// Whether, once the lane is empty, there is nothing left to wait for but the socket's own end.
  [[nodiscard]] bool may_end() const noexcept {
    return phase_ == phase::responding || (phase_ == phase::closing && !answer_expected_ && !lingers_);
  }

  /// The peer took some of what it is owed: while it does, an HTTP answer may take its time.
  void was_read(steady_time now) noexcept {
    if (phase_ == phase::responding) close_started_ = now;
  }

  void finish() noexcept { phase_ = phase::finished; }

  /// Its socket has ended, and no time is judged any more.
  void detach(steady_time now) noexcept {
    phase_ = phase::detached;
    close_started_ = now;
  }
  [[nodiscard]] steady_time detached_at() const noexcept { return close_started_; }

  /// This connection goes on as the client of `old`: what that has used up of its rates, it has.
  void inherit_rates(const session& old) noexcept { rates_ = old.rates_; }

  /// Nothing will come in any more: a message that came in part is forgotten.
  void drop_input() noexcept {
    decoder_.reset();
    lingers_ = false;
  }

  template <heartbeat_policy Policy>
  [[nodiscard]] due tick(steady_time now, const Policy& policy) {
    if (phase_ != phase::open) return tick_while_not_open(now);
    switch (policy(heartbeat_query{now, last_heard(), last_ping_, salt_})) {
      case heartbeat_action::nothing: return due::nothing;
      case heartbeat_action::drop: return due::heartbeat_lost;
      case heartbeat_action::ping: break;
    }
    return ping(now);
  }

  /// What `tick` has found, looked at once more where it ends something. The time in which the loop did not run (`gaps`, which
  /// know of this tick) was nobody's silence. `input_waits()`: whether the peer has sent what is still to be read. That proves
  /// that a peer lives, and is worth one more tick to a head or a close that is late; not two, or a peer that sends a byte now
  /// and then would stay for ever.
  template <heartbeat_policy Policy, class Waits>
  [[nodiscard]] due confirm(due found, steady_time now, const Policy& policy, const pauses& gaps,
                            const Waits& input_waits) {
    const auto run_for = [&](std::chrono::milliseconds time, steady_time from) {
      return have_passed(time, from + gaps.since(from), now);
    };
    const auto reprieve = [&] { return !reprieved_ && (reprieved_ = input_waits()); };
    switch (found) {
      case due::heartbeat_lost: {
        const steady_time heard = last_heard() + gaps.since(last_heard());
        const steady_time pinged = last_ping_ + gaps.since(last_ping_);
        const heartbeat_action action = policy(heartbeat_query{now, heard, pinged, salt_});
        if (action == heartbeat_action::ping) return ping(now);
        return action == heartbeat_action::drop && !input_waits() ? found : due::nothing;
      }
      case due::head_timeout:
        return run_for(options_.handshake.timeout, connected_at_) && !reprieve() ? found : due::nothing;
      case due::admission_timeout: return run_for(options_.handshake.timeout, connected_at_) ? found : due::nothing;
      case due::close_timeout:
        return run_for(options_.close_timeout, close_started_) && !reprieve() ? found : due::nothing;
      case due::linger_over:
        if (!gaps.is_late()) return found;
        lingers_ = true;
        --lingered_;
        return due::nothing;
      case due::nothing:
      case due::ping_queued: break;
    }
    return found;
  }

  control_lane lane;
  sequence cursor = 0;          ///< the last event of the log that was sent, or passed over
  sequence first = 0;           ///< where the session began in the log
  sequence told_at = 0;         ///< of what passed it by, the last that it was told of: with `connected`, or a position
  bool blocked = false;         ///< the socket took less than it was given: wait until it is writable
  bool paused = false;          ///< not read from, until its lane is shorter, or it is let in
  bool takes_deflate = false;   ///< permessage-deflate was agreed on
  std::uint32_t late_from = 0;  ///< with `place.late_since`: the last digits of where it stood then, in base 2^32
  room_place place;

 private:
  static constexpr std::size_t no_limit = static_cast<std::size_t>(-1);
  static constexpr std::uint8_t lingering_ticks = 4;  // two seconds at most

  [[nodiscard]] due ping(steady_time now) {
    last_ping_ = now;
    // A full lane has a client that does not read; its pong could not be told from those before it.
    return lane.append(opcode::ping, {}, options_.session.control_lane_bytes) ? due::ping_queued : due::nothing;
  }

  // Apart, so that the tick of an open session stays short.
  [[gnu::noinline]] due tick_while_not_open(steady_time now) noexcept {
    switch (phase_) {
      case phase::head:
        return have_passed(options_.handshake.timeout, connected_at_, now) ? due::head_timeout : due::nothing;
      case phase::asked:
      case phase::waiting:
        return have_passed(options_.handshake.timeout, connected_at_, now) ? due::admission_timeout : due::nothing;
      case phase::responding:
      case phase::closing:
      case phase::finished:
        if (have_passed(options_.close_timeout, close_started_, now)) return due::close_timeout;
        if (!lingers_ || ++lingered_ < lingering_ticks) return due::nothing;
        lingers_ = false;
        return due::linger_over;
      case phase::detached:
      case phase::open: break;
    }
    return due::nothing;
  }

  [[nodiscard]] received receive_head(std::span<char>& bytes) {
    if (bytes.empty()) return {};
    const auto step = head_->consume({bytes.data(), bytes.size()});
    bytes = bytes.subspan(step.consumed);
    switch (step.state) {
      case head_reader::state::need_more: return {};
      case head_reader::state::ready: return {.what = inbound::request};
      case head_reader::state::refused: break;
    }
    return {.what = inbound::refused, .status = head_->status()};
  }

  [[nodiscard]] received receive_frames(std::span<char>& bytes, steady_time now, decoder_pool& decoders,
                                        message_compression* compression, pauses* gaps) {
    for (;;) {
      if (bytes.empty() || !answer_expected_) {
        if (lingers_) skip(bytes);
        bytes = {};
        // At a message's end a decoder knows nothing that the next one would need: it goes to whom it is needed by.
        if (decoder_ && !lingers_ && (!answer_expected_ || decoder_->idle())) decoders.give_back(std::move(decoder_));
        return {};
      }
      if (!decoder_) decoder_ = decoders.lend(compression);
      const bool listening = phase_ == phase::open;
      // A message that will not be looked at is not inflated.
      const bool inflates =
          compression != nullptr && listening && !rates_.has_sent_too_much(options_.session, now, gaps, connected_at_);
      const decode_result step = decoder_->consume(bytes, inflates);
      bytes = bytes.subspan(step.consumed);
      switch (step.event) {
        case decode_event::need_more: break;
        case decode_event::pong:
        case decode_event::ping:
          if (!listening) break;
          if (!rates_.take_control_frame(options_.session, now, gaps, connected_at_))
            return {.what = inbound::failed,
                    .code = close_code::too_many_messages,
                    .reason = "too many pings or pongs",
                    .over = limit::control_rate};
          if (step.event == decode_event::ping &&
              !lane.append(opcode::pong, step.payload, options_.session.control_lane_bytes))
            return {.what = inbound::failed,
                    .code = close_code::too_slow,
                    .reason = "answers are not read",
                    .over = limit::control_lane_bytes};
          break;
        case decode_event::text:
          if (!listening) break;
          if (!rates_.take_message(options_.session, step.size, now) || step.passed_over)
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
  void skip(std::span<char> bytes) {
    (void)decoder_->consume(bytes);
    lingers_ = decoder_->awaits_rest();
  }

  [[nodiscard, gnu::noinline]] received receive_too_much(const decode_result& message, steady_time now, pauses* gaps) {
    auto [what, over] = rates_.look_again(options_.session, now, gaps, connected_at_);
    if (message.passed_over) what = rates::verdict::far_over, over = limit::byte_rate;
    if (what != rates::verdict::far_over) return {.what = inbound::message, .text = message.payload, .over = over};
    const char* const why = over == limit::byte_rate ? "too many bytes" : "too many messages";
    return {.what = inbound::failed, .code = close_code::too_many_messages, .reason = why, .over = over};
  }

  [[nodiscard]] received fail(close_code why, bool listening, std::optional<limit> over = {}) {
    answer_expected_ = false;
    lingers_ = decoder_->awaits_rest();
    if (!lingers_) decoder_.reset();
    if (!listening) return {.what = inbound::peer_closed, .code = why};
    return {.what = inbound::failed, .code = why, .reason = to_string(why), .over = over};
  }

  [[nodiscard]] received receive_close(std::string_view payload, bool listening) {
    const auto parsed = parse_close(payload);
    if (const auto* const wrong = std::get_if<close_code>(&parsed)) return fail(*wrong, listening);
    const auto& frame = std::get<close_frame>(parsed);
    // RFC 6455 section 5.5.1: answer with the code that was sent, unless ours went first.
    if (listening) (void)lane.append(opcode::close, payload.substr(0, 2), no_limit);
    if (listening) close_started_ = last_heard();
    phase_ = phase::closing;
    answer_expected_ = false;
    return {.what = inbound::peer_closed, .code = frame.code, .reason = frame.reason};
  }

  const manager_options& options_;
  std::unique_ptr<head_reader> head_;  // until the head is complete
  std::unique_ptr<decoder> decoder_;   // only in the middle of a message
  steady_time connected_at_;
  std::atomic<steady_time> last_heard_;
  steady_time last_ping_;
  steady_time last_position_;
  steady_time close_started_{};  // when the close handshake or the answer began; detached: when its socket ended
  rates rates_;
  std::uint64_t salt_;
  phase phase_ = phase::head;
  bool answer_expected_ = true;  // false: what the peer still sends says nothing to us
  bool lingers_ = false;         // but the rest of what was too big is let come before our direction ends
  std::uint8_t lingered_ = 0;    // for so many ticks
  bool reprieved_ = false;       // has had one tick more, for its bytes were not read yet
};

}  // namespace hotline::detail
#endif
