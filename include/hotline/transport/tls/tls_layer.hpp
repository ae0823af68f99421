// The bytes of a socket are encrypted. Opt-in. No WebSocket here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/socket/native_types.hpp>
#include <hotline/transport/tls_context.hpp>
#include <hotline/transport/tls_error.hpp>
#include <hotline/transport/traffic/early_input.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

/// Limits for TLS handshakes.
struct tls_handshake_limits {
  std::chrono::milliseconds timeout{10'000};  ///< for a whole handshake, not per byte; over it: closed
  /// Handshakes under way; over it the address that has most of them gives way, with the one that has taken longest.
  std::size_t at_once = 1024;
};

/// The outcomes of handshakes, counted since the transport was made.
struct tls_handshake_counts {
  std::uint64_t begun = 0;
  std::uint64_t done = 0;       ///< became connections
  std::uint64_t failed = 0;     ///< no common version, not TLS at all, the client went away, …
  std::uint64_t timed_out = 0;  ///< `tls_handshake_limits::timeout`
  /// Under way when the transport stopped accepting, or stopped; of a dialer also when the dial was cancelled or its time over.
  std::uint64_t dropped = 0;
  std::uint64_t turned_away = 0;  ///< `tls_handshake_limits::at_once`

  [[nodiscard]] std::uint64_t under_way() const noexcept {
    return begun - done - failed - timed_out - dropped - turned_away;
  }
};

namespace detail {

/// One connection's TLS, over OpenSSL. It has no buffers of its own unless its peer reads too slowly: OpenSSL reads from
/// and writes to what the loop shares, which is empty again whenever one of these functions returns.
class tls_layer {
 public:
  static constexpr bool shakes_hands = true;
  static constexpr bool dials = false;

  class shared {
   public:
    shared() = default;
    shared(tls_context c, tls_handshake_limits l) : context(std::move(c)), limits(l) {}

    std::error_code prepare(std::size_t read_buffer_bytes) {
      if (!context.is_loaded())
        return {static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_NO_CERTIFICATE_SET)), tls_category()};
      raw.resize(read_buffer_bytes);
      clear.resize(read_buffer_bytes + record_bytes);  // the record that was read in part may become whole
      gathered.resize(record_bytes);
      return {};
    }

    [[nodiscard]] std::span<char> reading_room() noexcept { return raw; }

    void refused(std::error_code why) noexcept {
      if (why == std::errc::timed_out && why.category() == std::generic_category())
        ++counts.timed_out;
      else if (why == std::errc::connection_refused)
        ++counts.turned_away;
      else
        ++counts.failed;
    }

    tls_context context;
    tls_handshake_limits limits;
    tls_handshake_counts counts;
    std::vector<char> raw;       // bytes read from a socket
    std::vector<char> clear;     // the same, decrypted
    std::vector<char> gathered;  // bytes sent as one record
    std::string_view incoming;   // the part of `raw` that OpenSSL has not read
    std::string outgoing;        // bytes that OpenSSL has written
  };

  /// From here on it shakes hands.
  [[nodiscard]] std::error_code begin(shared& s) {
    if (const std::error_code failed = set_up(s)) return failed;
    ::SSL_set_accept_state(ssl_.get());
    return {};
  }

  [[nodiscard]] bool is_shaking_hands() const noexcept { return begun_ && !established_; }
  [[nodiscard]] bool is_established() const noexcept { return established_; }
  [[nodiscard]] bool has_input() const noexcept { return input_ended_; }

  /// Its connection ends before it is one, and no hook is called.
  void drop(shared& s) const noexcept {
    if (is_shaking_hands()) ++s.counts.dropped;
  }

  /// Neighbouring spans become one record, as far as they fit: a record has its price. A record that the socket did not
  /// take as a whole counts as taken, and waits here.
  layer_output send(shared& s, native_handle socket, std::span<const std::string_view> spans) {
    layer_output out;
    std::size_t offered = 0;
    for (const std::string_view bytes : spans) offered += bytes.size();
    std::string_view first;
    for (auto next = spans.begin(); out.taken < offered && !out.busy && !out.failed;) {
      while (first.empty()) first = *next++;
      std::string_view record = first.substr(0, record_bytes);
      first.remove_prefix(record.size());
      if (record.size() < record_bytes && out.taken + record.size() < offered) {
        std::size_t size = record.copy(s.gathered.data(), record.size());
        for (; size < record_bytes && (!first.empty() || next != spans.end());) {
          if (first.empty()) first = *next++;
          const std::size_t n = first.copy(s.gathered.data() + size, record_bytes - size);
          first.remove_prefix(n);
          size += n;
        }
        record = {s.gathered.data(), size};
      }
      ::ERR_clear_error();
      std::size_t written = 0;
      if (::SSL_write_ex(ssl_.get(), record.data(), record.size(), &written) != 1) {
        s.outgoing.clear();
        out.failed = take_tls_error();
        break;
      }
      const layer_output sent = transmit(s, socket);
      out.busy = sent.busy;
      out.failed = sent.failed;
      if (!out.failed) out.taken += record.size();
    }
    out.all = out.taken == offered;
    return out;
  }

  layer_output flush(shared&, native_handle socket) {
    const layer_output out = plain_layer::send_some(socket, unsent_);
    if (out.all)
      unsent_ = std::string();  // its memory too
    else
      unsent_.erase(0, out.taken);
    return out;
  }

  /// Sends the peer `close_notify`, and drops the TLS state: later input is discarded anyway.
  layer_output end(shared& s, native_handle socket) {
    say_goodbye();
    ssl_.reset();
    return transmit(s, socket);
  }

  /// All that was read is decrypted, so that none of it waits in OpenSSL, where the socket would not tell of it.
  layer_input receive(shared& s, native_handle socket, early_input& early) {
    layer_input in;
    if (input_ended_) return ended(s, socket);
    const received_bytes read = plain_layer::read_raw(socket, early, s.raw);
    in.failed = read.failed;
    in.ended = read.ended;
    in.drained = read.drained;
    if (read.ended && ssl_) in.failed = tls_truncated();
    if (in.failed || in.ended || !ssl_) return in;
    s.incoming = {s.raw.data(), read.count};
    ::ERR_clear_error();
    if (established_)
      in.bytes = decrypt(s);
    else
      shake_hands(s);
    in.rest = std::exchange(s.incoming, {});
    const layer_output answers = transmit(s, socket);
    in.busy = answers.busy;
    in.failed = answers.failed;
    if (unsent_.size() > most_unsent) in.failed = std::make_error_code(std::errc::no_buffer_space);
    if (input_ended_ && in.bytes.empty() && !in.failed) return ended(s, socket);
    return in;
  }

 protected:
  /// Makes our half of TLS; its owner says which one.
  [[nodiscard]] std::error_code set_up(shared& s) {
    ++s.counts.begun;
    begun_ = true;
    ::ERR_clear_error();
    ssl_.reset(s.context.make_connection());
    ::BIO* const ends = ssl_ ? ::BIO_new(method()) : nullptr;
    if (ends == nullptr) return take_tls_error();
    ::BIO_set_data(ends, &s);
    ::BIO_set_init(ends, 1);
    ::SSL_set_bio(ssl_.get(), ends, ends);
    ::SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
    ::SSL_set_options(ssl_.get(), SSL_OP_NO_RENEGOTIATION);
    return {};
  }

  /// The first words of a handshake that we begin.
  [[nodiscard]] layer_output begin_handshake(shared& s, int socket) {
    ::ERR_clear_error();
    shake_hands(s);
    layer_output out = transmit(s, socket);
    if (input_ended_) out.failed = input_error_;
    return out;
  }

  /// Null before the handshake, and when our direction has ended.
  [[nodiscard]] ::SSL* ssl() const noexcept { return ssl_.get(); }

 private:
  static constexpr std::size_t record_bytes = SSL3_RT_MAX_PLAIN_LENGTH;
  /// Beside a record there are only answers to what the peer asks of TLS, new keys say: nobody needs so many.
  static constexpr std::size_t most_unsent = 128 * 1024;

  struct free_ssl {
    void operator()(::SSL* ssl) const noexcept { ::SSL_free(ssl); }
  };

  void shake_hands(shared& s) {
    const int result = ::SSL_do_handshake(ssl_.get());
    if (result == 1) {
      established_ = true;
      ++s.counts.done;
    } else if (::SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
      const bool is_http = ERR_GET_REASON(::ERR_peek_error()) == SSL_R_HTTP_REQUEST;
      end_input(handshake_error());
      if (is_http)
        s.outgoing =
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nConnection: close\r\n\r\n"
            "https is spoken here\n";
    }
  }

  /// A certificate that a client does not take has an error of its own.
  [[nodiscard]] std::error_code handshake_error() const noexcept {
    const bool is_verdict = ERR_GET_REASON(::ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    const std::error_code other = take_tls_error();
    if (!is_verdict || ::SSL_is_server(ssl_.get()) == 1) return other;
    switch (::SSL_get_verify_result(ssl_.get())) {
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH: return errc::certificate_wrong_name;
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID: return errc::certificate_expired;
      case X509_V_ERR_OUT_OF_MEM: return std::make_error_code(std::errc::not_enough_memory);
      default: return errc::certificate_not_trusted;
    }
  }

  std::span<char> decrypt(shared& s) {
    std::size_t size = 0;
    while (size < s.clear.size()) {
      std::size_t n = 0;
      const int result = ::SSL_read_ex(ssl_.get(), s.clear.data() + size, s.clear.size() - size, &n);
      size += n;
      if (result == 1) continue;
      const int why = ::SSL_get_error(ssl_.get(), result);
      if (why == SSL_ERROR_ZERO_RETURN)
        end_input({});
      else if (why != SSL_ERROR_WANT_READ)
        end_input(take_tls_error());
      break;
    }
    if (input_ended_) s.incoming = {};
    return {s.clear.data(), size};
  }

  /// `failed`: empty for the peer's `close_notify`.
  void end_input(std::error_code failed) noexcept {
    input_ended_ = true;
    input_error_ = failed;
  }

  layer_input ended(shared& s, native_handle socket) {
    layer_input in;
    in.ended = true;
    in.failed = input_error_;
    if (!in.failed) say_goodbye();
    transmit(s, socket);
    return in;
  }

  void say_goodbye() noexcept {
    ::ERR_clear_error();
    if (ssl_ && established_) ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
  }

  /// Gives the socket what OpenSSL has written.
  layer_output transmit(shared& s, native_handle socket) {
    // The loop's, and the next connection's from here on, whatever becomes of it.
    struct emptying {
      ~emptying() { bytes.clear(); }
      std::string& bytes;
    } const at_end{s.outgoing};
    layer_output out;
    std::string_view bytes = s.outgoing;
    if (unsent_.empty()) {
      out = plain_layer::send_some(socket, bytes);
      bytes.remove_prefix(out.taken);
    }
    if (!out.failed) unsent_.append(bytes);
    out.busy = !out.failed && !unsent_.empty();
    return out;
  }

  // OpenSSL's way in and out: never a socket, which it would write to without keeping SIGPIPE away.

  static ::BIO_METHOD* method() noexcept {
    static ::BIO_METHOD* const made = [] {
      ::BIO_METHOD* const m = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hotline");
      if (m == nullptr) return m;
      ::BIO_meth_set_read_ex(m, &read_some);
      ::BIO_meth_set_write_ex(m, &write_all);
      ::BIO_meth_set_ctrl(m, &control);
      return m;
    }();
    return made;
  }

  static int read_some(::BIO* bio, char* into, std::size_t room, std::size_t* count) noexcept {
    auto& s = *static_cast<shared*>(::BIO_get_data(bio));
    ::BIO_clear_retry_flags(bio);
    *count = s.incoming.copy(into, room);
    s.incoming.remove_prefix(*count);
    if (*count > 0) return 1;
    ::BIO_set_retry_read(bio);
    return 0;
  }

  static int write_all(::BIO* bio, const char* bytes, std::size_t size, std::size_t* count) noexcept {
    auto& s = *static_cast<shared*>(::BIO_get_data(bio));
    ::BIO_clear_retry_flags(bio);
    try {
      s.outgoing.append(bytes, size);
    } catch (const std::bad_alloc&) {
      return 0;
    }
    *count = size;
    return 1;
  }

  static long control(::BIO*, int what, long, void*) noexcept { return what == BIO_CTRL_FLUSH ? 1 : 0; }

  std::unique_ptr<::SSL, free_ssl> ssl_;  // until our direction has ended
  std::string unsent_;                    // written by OpenSSL, not taken by the socket
  std::error_code input_error_;           // the reason why no more input comes, if that is no `close_notify`
  bool input_ended_ = false;
  bool begun_ = false;
  bool established_ = false;
};

}  // namespace detail
}  // namespace hotline
#endif
