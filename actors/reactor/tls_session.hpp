// What a TLS handshake has shown: for monitoring, for pinned keys and for logins by certificate.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/auth/claims.hpp"
#include "protocol/auth/distinguished_name.hpp"

namespace troupe {

/// One certificate of the peer; digests are lower-case hex SHA-256.
struct peer_certificate {
  std::string subject;      // as Go's pkix.Name prints it: "CN=a,O=b"
  std::string spki_sha256;  // of its public key
  std::string cert_sha256;
};

struct tls_session {
  std::string_view version;              // "1.2", "1.3"
  std::string_view cipher_suite;         // "TLS_AES_128_GCM_SHA256"
  std::vector<peer_certificate> peers;   // the peer's own first; empty: it showed none
  std::shared_ptr<const certificate_identity> identity;  // of the first; nullptr without
  bool resumed = false;                  // then only the first certificate is known
  SSL* ssl = nullptr;                    // whose handshake it was; it outlives this
};

/// Reads it out of a finished handshake.
tls_session describe_session(SSL* ssl);

/// What a service that decides about logins is told: certificates as PEM. A chain that was verified
/// ends with its root; OpenSSL finds one where Go may find several.
authorization_request_claims::client_tls describe_for_service(const tls_session& session);

/// A certificate's subject and digest, for the log: "CN=a SHA-256: 0123...".
std::string describe_certificate(X509* cert);

/// Its subject alone, and its issuer's: "CN=a,O=b".
std::string subject_text(X509* cert);
std::string issuer_text(X509* cert);
/// Hex SHA-256 of all of it.
std::string certificate_sha256(X509* cert);

} // namespace troupe
