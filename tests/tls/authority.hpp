#pragma once

#include <catch2_any.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>

#include "certificate.hpp"

/// An issuer of certificates, made for one test.
class authority {
 public:
  /// The validity of a certificate, in seconds from now.
  struct period {
    long begins = -3600;
    long ends = 3600;
  };

  explicit authority(const char* name = "test authority") : key_(::EVP_EC_gen("P-256")), own_(::X509_new()) {
    REQUIRE(key_ != nullptr);
    fill(own_, key_, name, {});
    ::X509_set_issuer_name(own_, ::X509_get_subject_name(own_));
    extend(own_, NID_basic_constraints, "critical,CA:TRUE");
    extend(own_, NID_subject_key_identifier, "hash");
    REQUIRE(::X509_sign(own_, key_, ::EVP_sha256()) > 0);
  }
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;
  ~authority() {
    ::X509_free(own_);
    ::EVP_PKEY_free(key_);
  }

  /// The issuer's own certificate, PEM.
  [[nodiscard]] std::string pem() const {
    ::BIO* const text = ::BIO_new(::BIO_s_mem());
    ::PEM_write_bio_X509(text, own_);
    return text_of(text);
  }

  /// A certificate for `names`, "DNS:localhost,IP:127.0.0.1" say; empty: without alternative names.
  [[nodiscard]] certificate issue(const std::string& names, period valid, const char* common_name = "leaf") const {
    ::EVP_PKEY* const key = ::EVP_EC_gen("P-256");
    ::X509* const made = ::X509_new();
    fill(made, key, common_name, valid);
    ::X509_set_issuer_name(made, ::X509_get_subject_name(own_));
    extend(made, NID_basic_constraints, "critical,CA:FALSE");
    if (!names.empty()) extend(made, NID_subject_alt_name, names.c_str());
    REQUIRE(::X509_sign(made, key_, ::EVP_sha256()) > 0);
    ::BIO* const chain = ::BIO_new(::BIO_s_mem());
    ::BIO* const plain = ::BIO_new(::BIO_s_mem());
    ::PEM_write_bio_X509(chain, made);
    ::PEM_write_bio_PrivateKey(plain, key, nullptr, nullptr, 0, nullptr, nullptr);
    ::X509_free(made);
    ::EVP_PKEY_free(key);
    return {text_of(chain), text_of(plain), {}};
  }
  [[nodiscard]] certificate issue(const std::string& names) const { return issue(names, period()); }

 private:
  void fill(::X509* made, ::EVP_PKEY* key, const char* name, period valid) const {
    static long number = 1;
    ::X509_set_version(made, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(made), ++number);
    ::X509_gmtime_adj(::X509_getm_notBefore(made), valid.begins);
    ::X509_gmtime_adj(::X509_getm_notAfter(made), valid.ends);
    ::X509_set_pubkey(made, key);
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(made), "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  }

  void extend(::X509* made, int kind, const char* value) const {
    ::X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, own_, made, nullptr, nullptr, 0);
    ::X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    REQUIRE(extension != nullptr);
    ::X509_add_ext(made, extension, -1);
    ::X509_EXTENSION_free(extension);
  }

  ::EVP_PKEY* key_;
  ::X509* own_;
};

/// A server's context with this certificate; the caller frees it.
inline ::SSL_CTX* server_context(const certificate& shown) {
  ::SSL_CTX* const made = ::SSL_CTX_new(::TLS_server_method());
  ::BIO* const chain = ::BIO_new_mem_buf(shown.chain.data(), -1);
  ::BIO* const key = ::BIO_new_mem_buf(shown.key.data(), -1);
  ::X509* const x509 = ::PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
  ::EVP_PKEY* const private_key = ::PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
  REQUIRE(::SSL_CTX_use_certificate(made, x509) == 1);
  REQUIRE(::SSL_CTX_use_PrivateKey(made, private_key) == 1);
  ::X509_free(x509);
  ::EVP_PKEY_free(private_key);
  ::BIO_free(chain);
  ::BIO_free(key);
  return made;
}
