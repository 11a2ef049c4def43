// A tls block of the configuration for requests to a web server: whom to trust, and who we are.
//
// Immutable; shared by requests on any threads. Errors carry the NATS server's texts, never key material.
#pragma once

#include <openssl/types.h>

#include <memory>

#include "config/security_options.hpp"
#include "protocol/result.hpp"

namespace troupe {

class fetch_tls {
public:
  explicit fetch_tls(SSL_CTX* ctx, bool insecure) : ctx_(ctx), insecure_(insecure) {}
  ~fetch_tls();
  fetch_tls(const fetch_tls&) = delete;
  fetch_tls& operator=(const fetch_tls&) = delete;

  SSL_CTX* get() const { return ctx_; }
  /// Whoever answers is believed.
  bool insecure() const { return insecure_; }

private:
  SSL_CTX* ctx_;
  bool insecure_;
};

/// Reads the files that the block names. Without a ca_file the system's authorities are trusted.
result<std::shared_ptr<const fetch_tls>> make_fetch_tls(const config::tls_options& options);

} // namespace troupe
