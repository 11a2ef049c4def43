#include "actors/reactor/tls_choice.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string>

namespace troupe {

namespace {

using certificate_list = std::vector<own_certificate>;

struct chain_view {
  explicit chain_view(const certificate_chain& chain) : stack(sk_X509_new_null()) {
    for (size_t i = 1; stack && i < chain.certs.size(); ++i)
      sk_X509_push(stack, chain.certs[i].get());
  }
  ~chain_view() { sk_X509_free(stack); }
  chain_view(const chain_view&) = delete;
  chain_view& operator=(const chain_view&) = delete;
  STACK_OF(X509)* stack;
};

result<void> last_problem() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return error{errc::malformed, reason ? reason : "unknown"};
}

/// Whether the certificate speaks for the name that the client asks for; it may ask for none.
bool speaks_for(X509* cert, const char* name) {
  return !name || X509_check_host(cert, name, std::strlen(name), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

/// Before TLS 1.3 a suite says with which kind of key the server proves who it is.
bool has_suite_for(SSL* ssl, EVP_PKEY* key) {
  if (SSL_version(ssl) >= TLS1_3_VERSION) return true;
  const int proof = EVP_PKEY_is_a(key, "RSA") ? NID_auth_rsa : NID_auth_ecdsa;
  const STACK_OF(SSL_CIPHER)* offered = SSL_get_client_ciphers(ssl);
  for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i)
    if (SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(offered, i)) == proof) return true;
  return false;
}

bool fits(SSL* ssl, const own_certificate& one, const char* name) {
  X509* cert = one.chain.certs[0].get();
  if (!speaks_for(cert, name) || !has_suite_for(ssl, one.chain.key.get())) return false;
  const chain_view rest(one.chain);
  const int flags = SSL_check_chain(ssl, cert, one.chain.key.get(), rest.stack);
  return (flags & CERT_PKEY_VALID) != 0;
}

const own_certificate& choose(SSL* ssl, const certificate_list& all) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  for (const own_certificate& one : all)
    if (fits(ssl, one, name)) return one;
  return all[0];
}

bool show(SSL* ssl, const own_certificate& one) {
  const chain_view rest(one.chain);
  return SSL_use_cert_and_key(ssl, one.chain.certs[0].get(), one.chain.key.get(), rest.stack, 1) == 1;
}

const own_certificate* shown_by(SSL* ssl, const certificate_list& all) {
  const X509* cert = SSL_get_certificate(ssl);
  for (const own_certificate& one : all)
    if (one.chain.certs[0].get() == cert) return &one;
  return nullptr;
}

int on_certificate(SSL* ssl, void* arg) {
  const auto& all = *static_cast<const certificate_list*>(arg);
  const own_certificate& one = all.size() == 1 ? all[0] : choose(ssl, all);
  ERR_clear_error();
  if (all.size() > 1 && !show(ssl, one)) return 0;
  // Without its answer a certificate that needs one is not shown at all.
  if (one.staple->required() && !one.staple->has(std::chrono::system_clock::now())) return 0;
  return 1;
}

int on_status(SSL* ssl, void* arg) {
  const own_certificate* one = shown_by(ssl, *static_cast<const certificate_list*>(arg));
  if (!one || !one->staple->required()) return SSL_TLSEXT_ERR_NOACK;
  const std::optional<std::string> der = one->staple->take(std::chrono::system_clock::now());
  if (!der) return SSL_TLSEXT_ERR_NOACK;
  void* copy = OPENSSL_memdup(der->data(), der->size());
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, static_cast<unsigned char*>(copy), static_cast<long>(der->size()));
  return SSL_TLSEXT_ERR_OK;
}

} // namespace

result<void> show_certificates(SSL_CTX* ctx, const certificate_list& certificates) {
  void* arg = const_cast<certificate_list*>(&certificates);
  const own_certificate& first = certificates[0];
  const chain_view rest(first.chain);
  if (SSL_CTX_use_cert_and_key(ctx, first.chain.certs[0].get(), first.chain.key.get(), rest.stack, 1) != 1)
    return last_problem();
  SSL_CTX_set_cert_cb(ctx, on_certificate, arg);
  SSL_CTX_set_tlsext_status_cb(ctx, on_status);
  SSL_CTX_set_tlsext_status_arg(ctx, arg);
  return {};
}

} // namespace troupe
