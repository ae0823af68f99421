#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, at the upgrade: where a client wants to go on, and whether it can. No I/O here.

#include <hotline/concepts.hpp>
#include <hotline/log/entry.hpp>
#include <hotline/metrics.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/digest.hpp>
#include <hotline/wire/http.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace hotline::detail {

/// Why a session is not resumed, as `connected.reason` says it; empty when it is.
[[nodiscard]] constexpr std::string_view reason_of(resume_outcome outcome) noexcept {
  return outcome == resume_outcome::resumed ? std::string_view() : metric_name(outcome);
}

/// `?resume=TOKEN&epoch=E&after=SEQ`, and `&on_gap=continue` from a client that would rather miss events than its
/// session.
struct resume_request {
  std::string token;
  std::string epoch;
  sequence after = 0;
  bool continue_on_gap = false;
};

/// A client's wishes when it connects.
struct entry_request {
  std::optional<resume_request> resume;
  sequence last = 0;  ///< `?last=N`: a new session starts so many events back
};

/// Returns the wishes in a request's query. Returns nothing for a malformed one: a number that is none, a resume
/// without its epoch or position.
[[nodiscard]] inline std::optional<entry_request> read_entry(const http_request& request) {
  const auto number = [&](std::string_view name, sequence& into) {
    const std::optional<std::string> text = request.query_value(name);
    if (!text) return false;
    const char* const last = text->data() + text->size();
    const auto [end, wrong] = std::from_chars(text->data(), last, into);
    return wrong == std::errc() && end == last && !text->empty();
  };
  entry_request entry;
  if (request.query_value("last") && !number("last", entry.last)) return std::nullopt;
  if (const auto token = request.query_value("resume")) {
    resume_request resume;
    resume.token = *token;
    const auto epoch = request.query_value("epoch");
    if (!epoch || !number("after", resume.after)) return std::nullopt;
    resume.epoch = *epoch;
    resume.continue_on_gap = request.query_value("on_gap") == "continue";
    entry.resume = std::move(resume);
  }
  return entry;
}

/// Checks whether all events after `after` are there. By numbers alone: a client that received nothing yet can go on as
/// well.
[[nodiscard]] inline resume_outcome check_position(const resume_request& asked, std::string_view epoch,
                                                   log_bounds log) {
  // A client that is ahead of the log knows another one.
  if (asked.epoch != epoch || asked.after > log.end) return resume_outcome::epoch_changed;
  if (asked.after + 1 < log.oldest && !asked.continue_on_gap) return resume_outcome::evicted;
  return resume_outcome::resumed;
}

/// The right to a session, good once: its number, and a secret of which the server keeps only the digest.
struct resume_token {
  static constexpr std::size_t number_digits = 16;
  static constexpr std::size_t secret_digits = 32;  // 128 bits

  std::uint64_t number = 0;
  digest secret{};

  /// Returns a token with a new secret for session `number`; `text` receives the client's form of it.
  [[nodiscard]] static resume_token make(std::uint64_t number, std::string_view id, environment& env,
                                         std::string& text) {
    const std::string secret = random_hex(env, 2);
    text.assign(id).append(secret);
    return {number, digest_of(secret)};
  }

  /// Returns nothing for a text that is no token.
  [[nodiscard]] static std::optional<resume_token> parse(std::string_view text) {
    if (text.size() != number_digits + secret_digits) return std::nullopt;
    resume_token token;
    const char* const last = text.data() + number_digits;
    const auto [end, wrong] = std::from_chars(text.data(), last, token.number, 16);
    if (wrong != std::errc() || end != last) return std::nullopt;
    token.secret = digest_of(text.substr(number_digits));
    return token;
  }
};

}  // namespace hotline::detail
#endif
