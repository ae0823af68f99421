#pragma once

#include <catch2_any.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

/// A certificate that signed itself, made for one test, and its key; PEM both.
struct certificate {
  std::string chain;
  std::string key;
  std::string encrypted_key;  // "secret"
};

inline std::string text_of(::BIO* bio) {
  char* data = nullptr;
  const auto size = ::BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  ::BIO_free(bio);
  return text;
}

inline certificate make_certificate(const char* name) {
  ::EVP_PKEY* const key = ::EVP_EC_gen("P-256");
  ::X509* const made = ::X509_new();
  REQUIRE(key != nullptr);
  ::X509_set_version(made, 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(made), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(made), -3600);
  ::X509_gmtime_adj(::X509_getm_notAfter(made), 3600);
  ::X509_set_pubkey(made, key);
  ::X509_NAME* const subject = ::X509_get_subject_name(made);
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  ::X509_set_issuer_name(made, subject);
  REQUIRE(::X509_sign(made, key, ::EVP_sha256()) > 0);
  ::BIO* const chain = ::BIO_new(::BIO_s_mem());
  ::BIO* const plain = ::BIO_new(::BIO_s_mem());
  ::BIO* const encrypted = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_X509(chain, made);
  ::PEM_write_bio_PrivateKey(plain, key, nullptr, nullptr, 0, nullptr, nullptr);
  ::PEM_write_bio_PrivateKey(encrypted, key, ::EVP_aes_128_cbc(), reinterpret_cast<const unsigned char*>("secret"), 6,
                             nullptr, nullptr);
  ::X509_free(made);
  ::EVP_PKEY_free(key);
  return {text_of(chain), text_of(plain), text_of(encrypted)};
}
