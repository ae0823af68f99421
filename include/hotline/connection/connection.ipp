#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/connection.hpp>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE void connection::close(close_code code, std::string_view reason, std::string_view farewell,
                                             steady_time now) {
  if (phase_ != phase::open) return;
  // The outbox may be full: that is why a connection may be closed. These two are small, and the last.
  if (!farewell.empty()) out.append_unbounded(opcode::text, farewell);
  out.append_unbounded(opcode::close, close_payload(code, reason));
  phase_ = phase::closing;
  timed_from_ = now;
  reprieved_ = false;
  answer_expected_ = code != close_code::protocol_error && code != close_code::invalid_payload &&
                     code != close_code::message_too_big && code != close_code::unsupported_data;
}

[[gnu::noinline]] HOTLINE_DETAIL_INLINE connection::due connection::tick_while_not_open(steady_time now) noexcept {
  switch (phase_) {
    case phase::head: return have_passed(options_.handshake.timeout, came_at(), now) ? due::head_timeout : due::nothing;
    case phase::asked:
    case phase::waiting:
      return have_passed(options_.handshake.timeout, came_at(), now) ? due::admission_timeout : due::nothing;
    case phase::responding:
    case phase::closing:
    case phase::finished:
      if (have_passed(options_.close_timeout, timed_from_, now)) return due::close_timeout;
      if (lingering_ == 0 || --lingering_ > 0) return due::nothing;
      return due::linger_over;
    case phase::open: break;
  }
  return due::nothing;
}

HOTLINE_DETAIL_INLINE connection::received connection::receive_head(std::span<char>& bytes) {
  if (bytes.empty()) return {};
  const auto step = newcomer_->reader->consume({bytes.data(), bytes.size()});
  bytes = bytes.subspan(step.consumed);
  switch (step.state) {
    case head_reader::state::need_more: return {};
    case head_reader::state::ready: return {.what = inbound::request};
    case head_reader::state::refused: break;
  }
  return {.what = inbound::refused, .status = newcomer_->reader->status()};
}

HOTLINE_DETAIL_INLINE void connection::skip(std::span<char> bytes) {
  (void)decoder_->consume(bytes);
  if (!decoder_->awaits_rest()) lingering_ = 0;
}

[[gnu::noinline]] HOTLINE_DETAIL_INLINE connection::received connection::receive_too_much(const decode_result& message,
                                                                                          steady_time now,
                                                                                          pauses* gaps) {
  auto [what, over] = carried_->used.look_again(options_.session, now, gaps, carried_->connected_at);
  if (message.passed_over) what = rates::verdict::far_over, over = limit::byte_rate;
  if (what != rates::verdict::far_over) return {.what = inbound::message, .text = message.payload, .over = over};
  const char* const why = over == limit::byte_rate ? "too many bytes" : "too many messages";
  return {.what = inbound::failed, .code = close_code::too_many_messages, .reason = why, .over = over};
}

HOTLINE_DETAIL_INLINE connection::received connection::fail(close_code why, bool listening, std::optional<limit> over) {
  answer_expected_ = false;
  if (decoder_->awaits_rest())
    lingering_ = lingering_ticks;
  else
    decoder_.reset();
  if (!listening) return {.what = inbound::peer_closed, .code = why};
  return {.what = inbound::failed, .code = why, .reason = to_string(why), .over = over};
}

HOTLINE_DETAIL_INLINE connection::received connection::receive_close(std::string_view payload, bool listening) {
  const auto parsed = parse_close(payload);
  if (!parsed) return fail(parsed.error(), listening);
  // RFC 6455 section 5.5.1: answer with the code that was sent, unless ours went first.
  if (listening) out.append_unbounded(opcode::close, payload.substr(0, 2));
  if (listening) timed_from_ = carried_->last_heard();
  phase_ = phase::closing;
  answer_expected_ = false;
  return {.what = inbound::peer_closed, .code = parsed->code, .reason = parsed->reason};
}

HOTLINE_DETAIL_INLINE void connection::upgrade(std::string_view response_head, steady_time now) {
  out.start_with(response_head);
  newcomer_.reset();
  phase_ = phase::open;
  // Its silence begins here: while it waited to be let in there was nothing that it could have said.
  if (carried_ != nullptr) {
    carried_->hear(now);
    carried_->last_ping = now;
  }
}

HOTLINE_DETAIL_INLINE void connection::respond(std::string_view response, steady_time now) {
  newcomer_->reader.reset();
  out.start_with(response);
  phase_ = phase::responding;
  timed_from_ = now;
  reprieved_ = false;
}

}  // namespace hotline::detail
#endif
