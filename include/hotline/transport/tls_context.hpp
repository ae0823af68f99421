#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/tls/tls_credentials.hpp>
#include <hotline/transport/tls_error.hpp>

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline {

/// The versions of TLS that are spoken.
enum class tls_version { v1_2, v1_3 };

/// The certificate of a server and the rules of its connections. An aggregate: `{.certificate_chain_file = "site.pem",
/// .private_key_file = "key.pem"}`. Certificate and key are given as files or as the text in them, PEM in both cases; a text
/// counts before a file.
struct tls_options {
  std::string certificate_chain_file{};  ///< the server's certificate, then those of its issuers
  std::string private_key_file{};
  std::string certificate_chain{};
  std::string private_key{};
  std::string private_key_password{};  ///< if the key is encrypted; nobody is ever asked for one
  tls_version min_version = tls_version::v1_2;
  /// For TLS 1.2, in OpenSSL's words; forward secrecy and authenticated encryption only. TLS 1.3 has no others.
  std::string ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
  /// Clients that come back may skip the certificate (RFC 5077, RFC 8446 section 2.2). The tickets are kept by the
  /// clients; those given out before a `load` are not honoured after it.
  bool session_tickets = true;
};

/// The certificate and rules that new TLS connections begin with. Copies are handles of the same; all of it may be used
/// from any thread, also while transports run.
///
///     hotline::tls_context tls;
///     if (const auto failed = tls.load({.certificate_chain_file = "site.pem", .private_key_file = "key.pem"})) ...
class tls_context {
 public:
  tls_context() : state_(std::make_shared<state>()) {}

  /// For connections that begin from here on; those that are open keep what they have. On failure, of OpenSSL or the
  /// system (`tls_category()`, `no_such_file_or_directory`), all stays as it was: to renew a certificate, call it again.
  std::error_code load(const tls_options& options) {
    ::ERR_clear_error();
    owned_context made(::SSL_CTX_new(::TLS_server_method()));
    if (!made || !set_up(*made, options)) return detail::take_tls_error();
    const std::lock_guard lock(state_->mutex);
    state_->current = std::move(made);
    return {};
  }

  /// A context that the host has set up in its own way: several certificates by SNI, client certificates. Takes a
  /// reference of its own.
  void use(::SSL_CTX* context) {
    ::SSL_CTX_up_ref(context);
    const std::lock_guard lock(state_->mutex);
    state_->current.reset(context);
  }

  [[nodiscard]] bool is_loaded() const {
    const std::lock_guard lock(state_->mutex);
    return state_->current != nullptr;
  }

  /// A new connection's half of TLS; null when nothing is loaded, or no memory left. The caller frees it.
  [[nodiscard]] ::SSL* make_connection() const {
    const std::lock_guard lock(state_->mutex);
    return state_->current ? ::SSL_new(state_->current.get()) : nullptr;
  }

 private:
  using owned_context = detail::tls_owned<::SSL_CTX, ::SSL_CTX_free>;

  struct state {
    std::mutex mutex;
    owned_context current;
  };

  static bool set_up(::SSL_CTX& c, const tls_options& o) {
    const int oldest = o.min_version == tls_version::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (::SSL_CTX_set_min_proto_version(&c, oldest) != 1 || ::SSL_CTX_set_cipher_list(&c, o.ciphers.c_str()) != 1)
      return false;
    ::SSL_CTX_set_options(&c, SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    ::SSL_CTX_set_session_cache_mode(&c, SSL_SESS_CACHE_OFF);  // it would hold memory for clients that are gone
    if (!o.session_tickets) {
      ::SSL_CTX_set_options(&c, SSL_OP_NO_TICKET);
      ::SSL_CTX_set_num_tickets(&c, 0);
    } else {
      ::SSL_CTX_set_num_tickets(&c, 1);
    }
    ::SSL_CTX_set_alpn_select_cb(&c, &select_protocol, nullptr);
    return detail::tls_credentials::use(c, o);
  }

  /// ALPN, RFC 7301: WebSocket is spoken over HTTP/1.1; a client that offers only other things is refused.
  static int select_protocol(::SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                             unsigned int offered_size, void*) noexcept {
    static constexpr std::string_view ours = "http/1.1";
    const std::string_view theirs(reinterpret_cast<const char*>(offered), offered_size);
    for (std::size_t at = 0; at < theirs.size(); at += 1U + static_cast<unsigned char>(theirs[at])) {
      if (theirs.substr(at + 1, static_cast<unsigned char>(theirs[at])) != ours) continue;
      *chosen = offered + at + 1;
      *size = static_cast<unsigned char>(ours.size());
      return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  std::shared_ptr<state> state_;
};

}  // namespace hotline
#endif
