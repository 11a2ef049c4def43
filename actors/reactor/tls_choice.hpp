// Which certificate of ours a handshake shows, and with which OCSP answer. Private to
// tls_context.cpp.
//
// Runs on reactors, inside OpenSSL. Source of the order: Go's crypto/tls, getCertificate.
#pragma once

#include <openssl/types.h>

#include <vector>

#include "actors/reactor/tls_context.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// Has `ctx` show these, at least one; they outlive it. `malformed` with OpenSSL's reason.
result<void> show_certificates(SSL_CTX* ctx, const std::vector<own_certificate>& certificates);

} // namespace troupe
