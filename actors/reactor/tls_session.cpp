#include "actors/reactor/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

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

bool is_text(int tag) {
  switch (tag) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_NUMERICSTRING:
    case V_ASN1_BMPSTRING: return true;
    default: return false;
  }
}

std::string bytes_of(const ASN1_STRING* s) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)),
          static_cast<size_t>(ASN1_STRING_length(s))};
}

subject_attribute attribute_of(const X509_NAME_ENTRY* entry) {
  std::array<char, 128> oid{};
  OBJ_obj2txt(oid.data(), oid.size(), X509_NAME_ENTRY_get_object(entry), 1);
  const ASN1_STRING* data = X509_NAME_ENTRY_get_data(entry);
  const int tag = ASN1_STRING_type(data);
  subject_attribute out{oid.data(), bytes_of(data), is_text(tag), static_cast<unsigned char>(tag)};
  if (tag != V_ASN1_BMPSTRING) return out;
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, data);
  if (size >= 0) out.value.assign(reinterpret_cast<char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return out;
}

certificate_subject parts_of(const X509_NAME* name) {
  certificate_subject out;
  int step = -1;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    if (X509_NAME_ENTRY_set(entry) != step) out.emplace_back();
    step = X509_NAME_ENTRY_set(entry);
    out.back().push_back(attribute_of(entry));
  }
  return out;
}

certificate_subject subject_of(X509* cert) { return parts_of(X509_get_subject_name(cert)); }

/// The alternative names by which users are found, and the subject.
std::shared_ptr<const certificate_identity> identity_of(X509* cert) {
  auto out = std::make_shared<certificate_identity>();
  out->subject = subject_of(cert);
  std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
    static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr)),
    &GENERAL_NAMES_free);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(names.get(), i);
    switch (one->type) {
      case GEN_EMAIL: out->emails.push_back(bytes_of(one->d.rfc822Name)); break;
      case GEN_DNS: out->dns_names.push_back(bytes_of(one->d.dNSName)); break;
      case GEN_URI: out->uris.push_back(bytes_of(one->d.uniformResourceIdentifier)); break;
      default: break;
    }
  }
  return out;
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
  return {full_subject_text(subject_of(cert)), key_digest(cert), certificate_sha256(cert)};
}

std::string_view version_text(const SSL* ssl) {
  switch (SSL_version(ssl)) {
    case TLS1_2_VERSION: return "1.2";
    case TLS1_3_VERSION: return "1.3";
    default: return "unknown";
  }
}

std::string pem_of(X509* cert) {
  std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  if (!out || PEM_write_bio_X509(out.get(), cert) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

claim_strings pems_of(const STACK_OF(X509)* certs) {
  claim_strings out;
  for (int i = 0; certs && i < sk_X509_num(certs); ++i)
    out.push_back(pem_of(sk_X509_value(certs, i)));
  return out;
}

/// A resumed session does not know the chain any more: it is looked for once more.
claim_strings chain_found_again(SSL* ssl, X509* own) {
  std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> ctx(X509_STORE_CTX_new(),
                                                                      &X509_STORE_CTX_free);
  X509_STORE* roots = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  if (!ctx || X509_STORE_CTX_init(ctx.get(), roots, own, nullptr) != 1) return {};
  X509_STORE_CTX_set_default(ctx.get(), "ssl_client");
  if (X509_verify_cert(ctx.get()) != 1) return {};
  return pems_of(X509_STORE_CTX_get0_chain(ctx.get()));
}

} // namespace

std::string certificate_sha256(X509* cert) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  if (X509_digest(cert, EVP_sha256(), digest.data(), &length) != 1) return {};
  return hex_of(digest.data(), length);
}

std::string subject_text(X509* cert) { return full_subject_text(subject_of(cert)); }

std::string issuer_text(X509* cert) {
  return full_subject_text(parts_of(X509_get_issuer_name(cert)));
}

authorization_request_claims::client_tls describe_for_service(const tls_session& session) {
  authorization_request_claims::client_tls out;
  out.version = session.version;
  out.cipher = session.cipher_suite;
  X509* own = session.ssl ? SSL_get0_peer_certificate(session.ssl) : nullptr;
  if (!own) return out;
  const bool verifies = (SSL_get_verify_mode(session.ssl) & SSL_VERIFY_PEER) != 0;
  claim_strings chain;
  if (verifies)
    chain = session.resumed ? chain_found_again(session.ssl, own)
                            : pems_of(SSL_get0_verified_chain(session.ssl));
  if (!chain.empty()) {
    out.verified_chains.push_back(std::move(chain));
    return out;
  }
  out.certs.push_back(pem_of(own));
  for (std::string& pem : pems_of(SSL_get_peer_cert_chain(session.ssl)))
    out.certs.push_back(std::move(pem));
  return out;
}

std::string describe_certificate(X509* cert) {
  return full_subject_text(subject_of(cert)) + " SHA-256: " + certificate_sha256(cert);
}

tls_session describe_session(SSL* ssl) {
  tls_session out;
  out.ssl = ssl;
  out.version = version_text(ssl);
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl))
    if (const char* name = SSL_CIPHER_standard_name(cipher)) out.cipher_suite = name;
  out.resumed = SSL_session_reused(ssl) == 1;
  X509* own = SSL_get0_peer_certificate(ssl);
  if (!own) return out;
  out.peers.push_back(describe(own));
  out.identity = identity_of(own);
  // On the server's side the chain is without the peer's own certificate.
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; chain && i < sk_X509_num(chain); ++i)
    out.peers.push_back(describe(sk_X509_value(chain, i)));
  return out;
}

} // namespace troupe
