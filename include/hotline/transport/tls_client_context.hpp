#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/tls/tls_credentials.hpp>
#include <hotline/transport/tls_context.hpp>
#include <hotline/transport/tls_error.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace hotline {

/// The demands of a client on servers, and the certificate that it shows. An aggregate: `{.ca_file = "internal-ca.pem"}`. Certificates and
/// keys are given as files or as the text in them, PEM in both cases; a text counts before a file.
struct tls_client_options {
  /// The issuers that are trusted, and no others. Without file and text: those of the system, in OpenSSL's own places. The
  /// variables SSL_CERT_FILE and SSL_CERT_DIR are not read.
  std::string ca_file{};
  std::string ca{};
  std::string certificate_chain_file{};  ///< the client's, for servers that ask; none is shown without it
  std::string private_key_file{};
  std::string certificate_chain{};
  std::string private_key{};
  std::string private_key_password{};  ///< if the key is encrypted; no one is ever asked for one
  tls_version min_version = tls_version::v1_2;
  std::string ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  ///< as in `tls_options`
  std::vector<std::string> alpn{};  ///< protocols, the preferred one first (RFC 7301); each of 1 to 255 bytes
};

/// The rules that new TLS connections of a dialer begin with. Copies are handles of the same; all of it may be used from any
/// thread, also while dialers run.
///
///     hotline::tls_client_context tls;
///     if (const auto failed = tls.load({.ca_file = "internal-ca.pem"})) ...
///     hotline::tls_dialer dialer(io, tls);
///
/// A server's certificate is proved: its issuer, its time, and that it is for the name or the address that was dialed.
/// The name must stand in the certificate's alternative names (RFC 6125); its common name does not count.
class tls_client_context {
 public:
  /// For connections that begin from here on; those that are open keep what they have. On failure, of OpenSSL or the system
  /// (`tls_category()`, `no_such_file_or_directory`), all stays as it was: to renew a certificate, call it again.
  [[nodiscard]] std::error_code load(const tls_client_options& options) {
    ::ERR_clear_error();
    const detail::tls_owned<::SSL_CTX, ::SSL_CTX_free> made(::SSL_CTX_new(::TLS_client_method()));
    if (!made || !set_up(*made, options)) {
      was_refused_->store(true, std::memory_order_relaxed);
      return detail::take_tls_error();
    }
    ::ERR_clear_error();
    context_.use(made.get());
    return {};
  }

  /// A context that the host has set up in its own way. Takes a reference of its own. It must verify: dials
  /// fail with `std::errc::invalid_argument` by a context without `SSL_VERIFY_PEER`, as a new one of OpenSSL's is.
  void use(::SSL_CTX* context) { context_.use(context); }

  [[nodiscard]] bool is_loaded() const { return context_.is_loaded(); }
  /// Returns whether a `load` has failed. The system's issuers do not take the place of others that could not be loaded.
  [[nodiscard]] bool was_refused() const noexcept { return was_refused_->load(std::memory_order_relaxed); }

  /// For the library: makes a new connection's half of TLS.
  [[nodiscard]] const tls_context& handle() const noexcept { return context_; }

 private:
  static bool set_up(::SSL_CTX& c, const tls_client_options& o) {
    const int oldest = o.min_version == tls_version::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (::SSL_CTX_set_min_proto_version(&c, oldest) != 1 || ::SSL_CTX_set_cipher_list(&c, o.ciphers.c_str()) != 1)
      return false;
    ::SSL_CTX_set_options(&c, SSL_OP_NO_COMPRESSION);
    ::SSL_CTX_set_session_cache_mode(&c, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_verify(&c, SSL_VERIFY_PEER, nullptr);
    if (!set_protocols(c, o.alpn) || !set_trust(c, o)) return false;
    const bool shows_one = !o.certificate_chain.empty() || !o.certificate_chain_file.empty();
    return !shows_one || detail::tls_credentials::use(c, o);
  }

  static bool set_trust(::SSL_CTX& c, const tls_client_options& o) {
    if (!o.ca.empty()) return detail::tls_credentials::trust(c, o.ca);
    if (!o.ca_file.empty()) return ::SSL_CTX_load_verify_file(&c, o.ca_file.c_str()) == 1;
    // Not SSL_CTX_set_default_verify_paths, which reads the environment. A system has one of both, or none.
    (void)::SSL_CTX_load_verify_file(&c, ::X509_get_default_cert_file());
    (void)::SSL_CTX_load_verify_dir(&c, ::X509_get_default_cert_dir());
    return true;
  }

  static bool set_protocols(::SSL_CTX& c, const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
      if (name.empty() || name.size() > 255) return false;
      list += static_cast<char>(static_cast<unsigned char>(name.size()));
      list += name;
    }
    // Unlike the other functions, this one returns 0 when all is well.
    return list.empty() || ::SSL_CTX_set_alpn_protos(&c, reinterpret_cast<const unsigned char*>(list.data()),
                                                     static_cast<unsigned int>(list.size())) == 0;
  }

  tls_context context_;
  std::shared_ptr<std::atomic<bool>> was_refused_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace hotline
#endif
