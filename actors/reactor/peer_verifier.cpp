#include "actors/reactor/peer_verifier.hpp"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <exception>

#include "actors/observe/logger.hpp"
#include "actors/reactor/tls_context.hpp"

namespace troupe {

namespace {

int verdict_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

peer_verdict verdict_of(X509_STORE_CTX* store, const tls_context& tls) {
  std::vector<X509*> chain;
  const STACK_OF(X509)* certs = X509_STORE_CTX_get0_chain(store);
  for (int i = 0; certs && i < sk_X509_num(certs); ++i) chain.push_back(sk_X509_value(certs, i));
  if (chain.empty() || !tls.verifier()) return {};
  return tls.verifier()->verify(chain, *tls.options().ocsp_peer);
}

/// Instead of OpenSSL's own check, which comes first.
int check_peer(X509_STORE_CTX* store, void* context) {
  const int checked = X509_verify_cert(store);
  if (checked <= 0) return checked;
  peer_verdict_ptr verdict;
  try {
    verdict = std::make_shared<const peer_verdict>(
      verdict_of(store, *static_cast<const tls_context*>(context)));
  } catch (const std::exception& e) {
    log::error("An OCSP check of a client failed: {}", e.what());
  }
  const auto* ssl = static_cast<SSL*>(
    X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const bool good = verdict && verdict->good;
  if (auto* to = static_cast<peer_verdict_ptr*>(SSL_get_ex_data(ssl, verdict_index())))
    *to = std::move(verdict);
  if (good) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);  // Go's alert too: bad certificate
  return 0;
}

} // namespace

void judge_peers(SSL_CTX* ctx, const tls_context& tls) {
  SSL_CTX_set_cert_verify_callback(ctx, check_peer, const_cast<tls_context*>(&tls));
  // A resumed session would let in who has been revoked since.
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
}

void keep_verdict_in(SSL* ssl, peer_verdict_ptr* to) { SSL_set_ex_data(ssl, verdict_index(), to); }

} // namespace troupe
