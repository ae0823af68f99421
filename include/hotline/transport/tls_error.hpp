#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/error.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace hotline {

namespace detail {

// Default visibility: see error.hpp.
#if defined(__GNUC__)
#define HOTLINE_DETAIL_EXPORT __attribute__((visibility("default")))
#else
#define HOTLINE_DETAIL_EXPORT
#endif

class HOTLINE_DETAIL_EXPORT tls_error_category final : public named_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "hotline.tls"; }

  [[nodiscard]] std::string message(int value) const override {
    // A code may be asked about before anything else of OpenSSL's was used. Once is enough, and all but the first are free.
    (void)::OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
    const char* const reason = ::ERR_reason_error_string(static_cast<unsigned int>(value));
    return reason != nullptr ? reason : "unknown TLS error";
  }
};

HOTLINE_DETAIL_EXPORT inline const std::error_category& tls_category_instance() noexcept {
  static const tls_error_category instance;
  return instance;
}

#undef HOTLINE_DETAIL_EXPORT

}  // namespace detail

/// The category of OpenSSL's errors, as `ERR_get_error` tells them; called "hotline.tls". There may be one in each shared
/// object, as of `error_category()`.
[[nodiscard]] inline const std::error_category& tls_category() noexcept { return detail::tls_category_instance(); }

/// The peer's bytes ended without its `close_notify`: what came last may have been cut off by somebody on the way. A code that
/// may come from another shared object is compared with `tls_truncated().default_error_condition()`.
[[nodiscard]] inline std::error_code tls_truncated() noexcept {
  return {static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING)), tls_category()};
}

namespace detail {

/// The first of what OpenSSL has noted on this thread; it is forgotten there. Files that are missing are `std::errc`s.
[[nodiscard]] inline std::error_code take_tls_error() noexcept {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return std::make_error_code(std::errc::protocol_error);
  if (ERR_SYSTEM_ERROR(code)) return {ERR_GET_REASON(code), std::system_category()};
  return {static_cast<int>(code), tls_category()};
}

}  // namespace detail
}  // namespace hotline
#endif
