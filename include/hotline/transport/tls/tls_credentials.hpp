// Certificates and keys, as files or as the text in them.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cstddef>
#include <memory>
#include <string>

namespace hotline::detail {

template <auto Free>
struct tls_freed_by {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
template <class T, auto Free>
using tls_owned = std::unique_ptr<T, tls_freed_by<Free>>;

/// Reads PEM texts into OpenSSL's context. A function that returns false has left the reason in OpenSSL's queue.
class tls_credentials {
 public:
  /// Sets the certificate, its issuers and its key, of a server or a client. `Options` has the members of `tls_options` for
  /// them.
  template <class Options>
  [[nodiscard]] static bool use(::SSL_CTX& c, const Options& o) {
    ::SSL_CTX_set_default_passwd_cb(&c, &tell_password);  // without one OpenSSL asks on the terminal
    ::SSL_CTX_set_default_passwd_cb_userdata(&c, const_cast<std::string*>(&o.private_key_password));
    const bool done = set_chain(c, o.certificate_chain, o.certificate_chain_file) &&
                      set_key(c, o.private_key, o.private_key_file, o.private_key_password) &&
                      ::SSL_CTX_check_private_key(&c) == 1;
    ::SSL_CTX_set_default_passwd_cb_userdata(&c, nullptr);
    return done;
  }

  /// Trusts the issuers in `text`; at least one.
  [[nodiscard]] static bool trust(::SSL_CTX& c, const std::string& text) {
    const auto reader = reader_of(text);
    ::X509_STORE* const store = ::SSL_CTX_get_cert_store(&c);
    std::size_t count = 0;
    while (reader) {
      const tls_owned<::X509, ::X509_free> issuer(::PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
      if (!issuer) break;
      if (::X509_STORE_add_cert(store, issuer.get()) != 1) return false;
      ++count;
    }
    return count > 0 && is_at_end();
  }

 private:
  [[nodiscard]] static bool set_chain(::SSL_CTX& c, const std::string& chain, const std::string& file) {
    if (chain.empty()) return ::SSL_CTX_use_certificate_chain_file(&c, file.c_str()) == 1;
    const auto text = reader_of(chain);
    const tls_owned<::X509, ::X509_free> own(text ? ::PEM_read_bio_X509_AUX(text.get(), nullptr, nullptr, nullptr)
                                                  : nullptr);
    if (!own || ::SSL_CTX_use_certificate(&c, own.get()) != 1) return false;
    while (::X509* const issuer = ::PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
      if (::SSL_CTX_add0_chain_cert(&c, issuer) == 1) continue;
      ::X509_free(issuer);
      return false;
    }
    return is_at_end();
  }

  /// Reading ends by finding nothing more.
  [[nodiscard]] static bool is_at_end() noexcept {
    if (ERR_GET_REASON(::ERR_peek_last_error()) != PEM_R_NO_START_LINE) return false;
    ::ERR_clear_error();
    return true;
  }

  [[nodiscard]] static bool set_key(::SSL_CTX& c, const std::string& key, const std::string& file,
                                    const std::string& password) {
    if (key.empty()) return ::SSL_CTX_use_PrivateKey_file(&c, file.c_str(), SSL_FILETYPE_PEM) == 1;
    const auto text = reader_of(key);
    const tls_owned<::EVP_PKEY, ::EVP_PKEY_free> read(
        text ? ::PEM_read_bio_PrivateKey(text.get(), nullptr, &tell_password, const_cast<std::string*>(&password))
             : nullptr);
    return read && ::SSL_CTX_use_PrivateKey(&c, read.get()) == 1;
  }

  [[nodiscard]] static tls_owned<::BIO, ::BIO_free> reader_of(const std::string& text) {
    return tls_owned<::BIO, ::BIO_free>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  }

  static int tell_password(char* into, int room, int /*writing*/, void* password) noexcept {
    const auto* const told = static_cast<const std::string*>(password);
    if (told == nullptr || told->empty() || told->size() > static_cast<std::size_t>(room)) return -1;
    return static_cast<int>(told->copy(into, told->size()));
  }
};

}  // namespace hotline::detail
#endif
