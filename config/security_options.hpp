// The part of server_options that says who may do what, and over which kind of connection: TLS,
// WebSocket, users, permissions, accounts with exports and imports, operator mode.
//
// Value objects, filled by load.cpp and its neighbours, compared by the reload. Names and meaning
// are those of the NATS server's configuration. Secrets in here never go to a log or an endpoint.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/auth/claims.hpp"

namespace troupe::config {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

// -- TLS -------------------------------------------------------------------------------------------

struct cert_pair {
  std::string cert_file;
  std::string key_file;
  bool operator==(const cert_pair&) const = default;
};

/// When TLS begins: after INFO, before it, or whichever the client does within a delay.
enum class handshake_order : uint8_t { after_info, first, first_within_delay };

struct ocsp_peer_options {
  bool verify = false;
  nanoseconds allowed_clockskew = 30s;
  nanoseconds ca_timeout = 2s;
  nanoseconds cache_ttl = 1h;  // of answers without NextUpdate
  bool warn_only = false;
  bool unknown_is_good = false;
  bool allow_when_ca_unreachable = false;
  bool operator==(const ocsp_peer_options&) const = default;
};

struct tls_options {
  std::vector<cert_pair> certs;  // cert_file/key_file first, then `certs`
  std::string ca_file;
  bool insecure = false;
  bool verify = false;           // clients must have a certificate; verify_and_map says so too
  bool verify_optional = false;  // those that show one must have a good one
  bool verify_and_map = false;
  bool verify_and_check_known_urls = false;
  bool allow_insecure_cipher_suites = false;
  std::vector<std::string> cipher_suites;      // Go's names, "TLS_..."
  std::vector<std::string> curve_preferences;  // Go's names, "X25519"
  std::string min_version;                     // "", "1.2" or "1.3"
  nanoseconds timeout = 2s;                    // of the handshake
  int64_t connection_rate_limit = 0;           // handshakes a second, 0: no limit
  std::vector<std::string> pinned_certs;       // lower-case hex SHA-256 of the peer's SPKI
  handshake_order order = handshake_order::after_info;
  nanoseconds first_delay = 50ms;              // of first_within_delay
  std::optional<ocsp_peer_options> ocsp_peer;
  bool operator==(const tls_options&) const = default;
};

/// `off`: the file says nothing, which is as `automatic`.
enum class ocsp_mode : uint8_t { off, automatic, always, must, never };

/// OCSP stapling of the node's own certificates.
struct ocsp_options {
  ocsp_mode mode = ocsp_mode::off;
  std::vector<std::string> urls;  // instead of those of the certificate
  bool operator==(const ocsp_options&) const = default;
};

/// Where answers about peers' certificates are kept.
struct ocsp_cache_options {
  bool local = true;  // else nowhere
  std::string local_store = "_rc_";
  bool preserve_revoked = false;
  nanoseconds save_interval = 5min;
  bool operator==(const ocsp_cache_options&) const = default;
};

// -- users and permissions -------------------------------------------------------------------------

/// Subjects a user may or may not use. An empty `allow` means everything not denied. A
/// subscribe entry may be "subject queue".
struct subject_permission {
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  bool operator==(const subject_permission&) const = default;
};

/// How often, and for how long, a responder may publish to a reply subject it received.
struct response_permission {
  int64_t max_msgs = 1;        // -1: no limit
  nanoseconds expires = 2min;  // negative: never
  bool operator==(const response_permission&) const = default;
};

struct permissions {
  // With `responses` set, a publish without `allow` allows nothing but those responses.
  std::optional<subject_permission> publish;
  std::optional<subject_permission> subscribe;
  std::optional<response_permission> responses;
  bool operator==(const permissions&) const = default;
};

struct user_options {
  std::string name;                                   // empty when `nkey` is set
  std::string password;                               // plain text or bcrypt ("$2a$...")
  std::string nkey;                                   // public user key "U..."
  std::string account;                                // empty: $G
  std::optional<permissions> perms;                   // already merged with the block's defaults
  std::vector<std::string> allowed_connection_types;  // upper case; empty: all
  bool proxy_required = false;
  bool operator==(const user_options&) const = default;
};

/// A service that decides about logins.
struct auth_callout_options {
  std::string issuer;                         // public account key "A..."
  std::string account = "$G";
  std::vector<std::string> auth_users;        // users or nkeys that skip the callout
  std::string xkey;                           // public curve key "X...", empty: not encrypted
  std::vector<std::string> allowed_accounts;  // operator mode
  bool operator==(const auth_callout_options&) const = default;
};

// -- accounts --------------------------------------------------------------------------------------

struct mapping_destination {
  std::string subject;
  int weight = 100;     // per cent
  std::string cluster;  // empty: any
  bool operator==(const mapping_destination&) const = default;
};

struct subject_mapping {
  std::string source;
  std::vector<mapping_destination> destinations;
  bool operator==(const subject_mapping&) const = default;
};

enum class response_type : uint8_t { single, stream, chunked };

struct latency_options {
  int sampling = 100;  // per cent; 0: by the request's headers
  std::string subject;
  bool operator==(const latency_options&) const = default;
};

struct export_options {
  bool service = false;  // else a stream
  std::string subject;
  std::vector<std::string> accounts;  // who may import; empty: all
  bool restricted = false;            // only `accounts` may import (a JWT: or who has a token)
  response_type response = response_type::single;
  nanoseconds threshold = 0s;  // 0: the default, 2 min
  std::optional<latency_options> latency;
  uint32_t account_token_position = 0;  // 1-based, 0: none
  bool allow_trace = false;
  bool operator==(const export_options&) const = default;
};

struct import_options {
  bool service = false;
  std::string account;
  std::string subject;  // as exported
  std::string prefix;   // streams: before the subject
  std::string to;       // local subject
  bool share = false;
  bool allow_trace = false;
  bool operator==(const import_options&) const = default;
};

struct account_limits {
  int64_t max_connections = -1;    // -1: no limit
  int64_t max_subscriptions = -1;  // per connection
  int64_t max_payload = -1;
  int64_t max_leafnodes = -1;
  bool operator==(const account_limits&) const = default;
};

struct account_options {
  std::string name;
  std::string nkey;  // public account key
  std::vector<export_options> exports;
  std::vector<import_options> imports;
  std::vector<subject_mapping> mappings;
  std::optional<permissions> default_permissions;
  account_limits limits;
  std::string trace_dest;
  int trace_sampling = 100;
  std::shared_ptr<const account_claims> claims;  // of operator mode, for the monitoring; else nullptr
  // Users of all accounts stand in authorization.users, with `account` set.
  bool operator==(const account_options&) const = default;
};

// -- operator mode ---------------------------------------------------------------------------------

enum class resolver_kind : uint8_t { none, memory, url, full, cache };

struct resolver_options {
  resolver_kind kind = resolver_kind::none;
  std::string url;
  std::string dir;
  bool allow_delete = false;
  bool hard_delete = false;
  int64_t limit = 0;  // 0: the kind's default
  nanoseconds ttl = 0s;
  nanoseconds interval = 1min;
  nanoseconds timeout = 1900ms;
  std::optional<tls_options> tls;
  std::map<std::string, std::string> preload;  // public account key -> JWT
  bool operator==(const resolver_options&) const = default;
};

struct operator_options {
  std::vector<std::string> jwts;          // text of the operators' JWTs (files are read)
  std::vector<std::string> trusted_keys;  // public operator keys
  std::string default_sentinel;
  resolver_options resolver;
  std::vector<std::string> pinned_accounts;
  bool enabled() const { return !jwts.empty() || !trusted_keys.empty(); }
  bool operator==(const operator_options&) const = default;
};

// -- WebSocket -------------------------------------------------------------------------------------

struct websocket_options {
  std::string host;
  int port = 0;  // 0: no listener, -1: the system picks one
  std::string advertise;
  std::string no_auth_user;
  std::string jwt_cookie, user_cookie, pass_cookie, token_cookie;
  std::string user, pass, token;  // own authorization
  nanoseconds auth_timeout = 0s;  // 0: as for clients
  bool proxy_required = false;
  bool no_tls = false;
  std::optional<tls_options> tls;
  bool same_origin = false;
  std::vector<std::string> allowed_origins;
  bool compression = false;
  nanoseconds handshake_timeout = 0s;  // 0: 10 s
  nanoseconds ping_interval = 0s;      // 0: as for clients
  std::map<std::string, std::string> headers;
  bool operator==(const websocket_options&) const = default;
};

} // namespace troupe::config
