// A further look at a client whose certificate chain is good, before its handshake goes on (OCSP). Who
// looks belongs above this folder; here is what a TLS context and the stages know of it.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/observe/snapshots.hpp"
#include "config/security_options.hpp"

namespace troupe {

/// A certificate as events show it.
struct certificate_facts {
  std::string subject, issuer;
  std::string fingerprint;  // base64 of its SHA-256
  std::string raw;          // DER
};

struct peer_verdict {
  bool good = false;
  certificate_facts peer;
  std::optional<certificate_facts> bad_link;  // of the chain; may be the peer's own
  std::string reason;                         // of bad_link
};
using peer_verdict_ptr = std::shared_ptr<const peer_verdict>;

class peer_verifier {
public:
  virtual ~peer_verifier() = default;
  /// Within a step of a handshake that `run` got: it may wait for web servers. `chain`: the peer's own
  /// certificate first, up to the one that is trusted.
  virtual peer_verdict verify(const std::vector<X509*>& chain,
                              const config::ocsp_peer_options& options) = 0;
  /// Any thread. The step runs on a thread of the verifier, or never: when too many wait, or it stops.
  virtual void run(std::function<void()> step) = 0;
  /// Nothing where answers are not kept.
  virtual std::optional<observe::ocsp_cache_snapshot> cache_counts() = 0;
};

class tls_context;
/// Handshakes under `tls` succeed only with a verdict that is good; `tls` outlives them. Without a
/// verifier nobody is let in.
void judge_peers(SSL_CTX* ctx, const tls_context& tls);
/// Where the verdict of this handshake is put; nullptr: nowhere any more.
void keep_verdict_in(SSL* ssl, peer_verdict_ptr* to);

} // namespace troupe
