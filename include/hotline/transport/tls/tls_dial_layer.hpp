// The bytes of a connection that we begin are encrypted, and its peer's certificate is proved. Opt-in.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/dialer.hpp>
#include <hotline/transport/dialing/dial_desk.hpp>
#include <hotline/transport/dialing/dial_layer.hpp>
#include <hotline/transport/tls/tls_layer.hpp>
#include <hotline/transport/tls_client_context.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline::detail {

/// `tls_layer` at the client's end.
class tls_dial_layer : public tls_layer, public dialed {
 public:
  using dialed::dials;

  class shared : public tls_layer::shared {
   public:
    shared() : shared(tls_client_context()) {}
    /// A dial's own timeout ends its handshake.
    explicit shared(tls_client_context c)
        : tls_layer::shared(c.handle(), {std::chrono::milliseconds::max(), std::numeric_limits<std::size_t>::max()}),
          rules_(std::move(c)) {}

    std::error_code prepare(std::size_t read_buffer_bytes) {
      if (!rules_.is_loaded()) {
        if (rules_.was_refused()) return std::make_error_code(std::errc::invalid_argument);
        if (const std::error_code failed = rules_.load({})) return failed;
      }
      return tls_layer::shared::prepare(read_buffer_bytes);
    }

   private:
    tls_client_context rules_;
  };

  [[nodiscard]] layer_output greet(shared& s, int socket, const dial_options& options) {
    layer_output out;
    if ((out.failed = set_up(s))) return out;
    if ((out.failed = expect(options.tls_name.empty() ? options.host : options.tls_name))) return out;
    ::SSL_set_connect_state(ssl());
    return begin_handshake(s, socket);
  }

  [[nodiscard]] std::string_view detail() const noexcept {
    const long judged = ssl() != nullptr ? ::SSL_get_verify_result(ssl()) : X509_V_OK;
    return judged == X509_V_OK ? std::string_view() : ::X509_verify_cert_error_string(judged);
  }

  /// The protocol of ALPN that the server chose; empty without one, and when our direction has ended.
  [[nodiscard]] std::string_view protocol() const noexcept {
    const unsigned char* chosen = nullptr;
    unsigned int size = 0;
    if (ssl() != nullptr) ::SSL_get0_alpn_selected(ssl(), &chosen, &size);
    return {reinterpret_cast<const char*>(chosen), size};
  }

 private:
  /// Demands a certificate for `name`, a host's or an address.
  [[nodiscard]] std::error_code expect(std::string name) {
    if ((::SSL_get_verify_mode(ssl()) & SSL_VERIFY_PEER) == 0) return std::make_error_code(std::errc::invalid_argument);
    // To OpenSSL a dot in front means any subdomain, a null byte is the end, and an empty name is any name.
    if (name.empty() || name.front() == '.' || name.find('\0') != std::string::npos)
      return std::make_error_code(std::errc::invalid_argument);
    ::X509_VERIFY_PARAM* const rules = ::SSL_get0_param(ssl());
    if (is_numeric_host(name)) {
      name.erase(std::min(name.find('%'), name.size()));
      return ::X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1
                 ? std::error_code{}
                 : std::make_error_code(std::errc::invalid_argument);
    }
    if (name.back() == '.') name.pop_back();  // the root's dot stands in no certificate (RFC 6066, section 3)
    ::X509_VERIFY_PARAM_set_hostflags(rules,
                                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const bool done = ::SSL_set1_host(ssl(), name.c_str()) == 1 && ::SSL_set_tlsext_host_name(ssl(), name.c_str()) == 1;
    return done ? std::error_code{} : take_tls_error();
  }
};

}  // namespace hotline::detail
#endif
