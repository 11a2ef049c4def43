// A tls block of the configuration with its certificates, as OpenSSL wants it: what all TLS
// connections of a listener share.
//
// Immutable but for counters; used by all reactors at once. Reading the files again
// means making a new one: connections keep the one they began with, and tickets of an old one do
// not resume under a new one. Errors carry the NATS server's (Go's) texts, and never key material.
#pragma once

#include <openssl/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/reactor/peer_verifier.hpp"
#include "actors/reactor/staple_slot.hpp"
#include "actors/reactor/tls_files.hpp"
#include "config/security_options.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// Who connects: clients, or somebody who looks at the monitoring pages and is asked for no
/// certificate.
enum class tls_purpose : uint8_t { clients, monitoring };

/// At most `limit` handshakes a second over all reactors; whoever comes beyond is counted.
class handshake_rate {
public:
  explicit handshake_rate(int64_t limit) : limit_(limit) {}
  /// `now` on any steady clock, always the same one.
  bool admit(std::chrono::nanoseconds now);
  /// Those refused since it was last called.
  uint64_t take_refused() { return refused_.exchange(0, std::memory_order_relaxed); }

private:
  const int64_t limit_;  // 0: none
  std::atomic<int64_t> second_began_ns_{INT64_MIN};
  std::atomic<int64_t> admitted_{0};
  std::atomic<uint64_t> refused_{0};
};

/// A certificate of ours with its key, its chain, and what it is shown with.
struct own_certificate {
  std::string cert_file;
  certificate_chain chain;
  std::shared_ptr<staple_slot> staple = std::make_shared<staple_slot>();
};

class tls_context {
public:
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  const config::tls_options& options() const { return options_; }
  /// In the order of the file. A handshake takes the first that fits the name the client asks for and
  /// the signatures it knows, else the first.
  const std::vector<own_certificate>& certificates() const { return certificates_; }
  /// Shared: whoever gives it to an owner that frees it calls SSL_CTX_up_ref first.
  SSL_CTX* get() const { return ctx_; }
  /// When the first certificate ends; nothing without a certificate.
  std::optional<std::chrono::sys_seconds> not_after() const { return not_after_; }
  /// Whether a peer with this key (hex SHA-256 of its SPKI; empty: none shown) may connect.
  bool accepts_key(const std::string& spki_sha256) const;
  /// Whether a handshake asks about the client's certificate (peer_verifier.hpp).
  bool judges_peers() const { return judges_peers_; }
  const std::shared_ptr<peer_verifier>& verifier() const { return verifier_; }
  handshake_rate& rate() const { return rate_; }
  /// Connections that ended because a reload no longer allows their key: counted, for the log.
  void note_unpinned() const { unpinned_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t take_unpinned() const { return unpinned_.exchange(0, std::memory_order_relaxed); }

private:
  friend result<std::shared_ptr<const tls_context>> make_tls_context(
    const config::tls_options&, tls_purpose, std::shared_ptr<peer_verifier>);
  explicit tls_context(const config::tls_options& options);

  config::tls_options options_;
  std::vector<own_certificate> certificates_;
  SSL_CTX* ctx_;
  std::shared_ptr<peer_verifier> verifier_;
  bool judges_peers_ = false;
  std::optional<std::chrono::sys_seconds> not_after_;
  mutable handshake_rate rate_;
  mutable std::atomic<uint64_t> unpinned_{0};
};

using tls_context_ptr = std::shared_ptr<const tls_context>;

/// Reads the files that `options` names. A block without certificates is valid, as in the NATS
/// server; its handshakes fail. `verifier`: who is asked about clients if the block says so; without
/// one they are refused.
result<tls_context_ptr> make_tls_context(const config::tls_options& options,
                                         tls_purpose purpose = tls_purpose::clients,
                                         std::shared_ptr<peer_verifier> verifier = nullptr);

} // namespace troupe
