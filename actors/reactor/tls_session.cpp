#include "actors/reactor/tls_session.hpp"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

namespace troupe {

namespace {

std::string hex_of(const unsigned char* data, size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (size_t i = 0; i < size; ++i) {
    out += digits[data[i] >> 4];
    out += digits[data[i] & 15];
  }
  return out;
}

std::string sha256_hex(const unsigned char* data, size_t size) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  if (EVP_Digest(data, size, digest.data(), &length, EVP_sha256(), nullptr) != 1) return {};
  return hex_of(digest.data(), length);
}

std::string subject_of(X509* cert) {
  std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(cert), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

std::string certificate_digest(X509* cert) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  if (X509_digest(cert, EVP_sha256(), digest.data(), &length) != 1) return {};
  return hex_of(digest.data(), length);
}

std::string key_digest(X509* cert) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
  if (size <= 0) return {};
  std::string out = sha256_hex(der, static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

peer_certificate describe(X509* cert) {
  return {subject_of(cert), key_digest(cert), certificate_digest(cert)};
}

std::string_view version_text(const SSL* ssl) {
  switch (SSL_version(ssl)) {
    case TLS1_2_VERSION: return "1.2";
    case TLS1_3_VERSION: return "1.3";
    default: return "unknown";
  }
}

} // namespace

std::string describe_certificate(X509* cert) {
  return subject_of(cert) + " SHA-256: " + certificate_digest(cert);
}

tls_session describe_session(SSL* ssl) {
  tls_session out;
  out.version = version_text(ssl);
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl))
    if (const char* name = SSL_CIPHER_standard_name(cipher)) out.cipher_suite = name;
  out.resumed = SSL_session_reused(ssl) == 1;
  X509* own = SSL_get0_peer_certificate(ssl);
  if (!own) return out;
  out.peers.push_back(describe(own));
  // On the server's side the chain is without the peer's own certificate.
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; chain && i < sk_X509_num(chain); ++i)
    out.peers.push_back(describe(sk_X509_value(chain, i)));
  return out;
}

} // namespace troupe
