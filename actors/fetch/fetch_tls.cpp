#include "actors/fetch/fetch_tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <new>

#include "actors/reactor/tls_files.hpp"

namespace troupe {

namespace {

error bad(std::string text) {
  ERR_clear_error();
  return {errc::malformed, std::move(text)};
}

/// The first pair of the block is what we show to who asks for a certificate.
result<void> show_own(SSL_CTX* ctx, const config::cert_pair& pair) {
  auto chain = load_certificate_chain(pair.cert_file, pair.key_file);
  if (!chain) return bad("error parsing X509 certificate/key pair: " + chain.error().context);
  if (SSL_CTX_use_certificate(ctx, chain->certs[0].get()) != 1
      || SSL_CTX_use_PrivateKey(ctx, chain->key.get()) != 1)
    return bad("error parsing X509 certificate/key pair: they cannot be used");
  for (size_t i = 1; i < chain->certs.size(); ++i)
    if (SSL_CTX_add1_chain_cert(ctx, chain->certs[i].get()) != 1)
      return bad("error parsing X509 certificate/key pair: its chain cannot be used");
  return {};
}

} // namespace

fetch_tls::~fetch_tls() { SSL_CTX_free(ctx_); }

result<std::shared_ptr<const fetch_tls>> make_fetch_tls(const config::tls_options& options) {
  SSL_CTX* ctx = SSL_CTX_new(TLS_client_method());
  if (!ctx) throw std::bad_alloc();
  auto out = std::make_shared<const fetch_tls>(ctx, options.insecure);
  SSL_CTX_set_min_proto_version(ctx, options.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (!options.certs.empty())
    if (auto ok = show_own(ctx, options.certs[0]); !ok) return ok.error();
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(ctx);
  } else {
    auto authorities = load_authorities(options.ca_file);
    if (!authorities) return authorities.error();
    X509_STORE* store = SSL_CTX_get_cert_store(ctx);
    for (const x509_ptr& one : *authorities) X509_STORE_add_cert(store, one.get());
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  }
  ERR_clear_error();
  return out;
}

} // namespace troupe
