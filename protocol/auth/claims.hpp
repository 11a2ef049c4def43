// JWT claims as NATS writes them: what an operator, an account, a user, an activation or an
// authorization service states about somebody and signs with its nkey.
//
// Value objects with the meaning, names and defaults of the format's version 2; version 1 is read
// into the same. Numbers that are not stated are 0, as everywhere in that format; -1 means no
// limit. jwt.hpp reads and verifies tokens, claims_check.hpp says what a well-signed claim has to
// fulfil beyond its grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace troupe {

inline constexpr size_t max_jwt_bytes = 1024 * 1024;
inline constexpr std::string_view every_key = "*"; // in revocations and allowed accounts

/// What every claim has. Times are seconds since 1970, 0 if not stated.
struct claims_data {
  std::string audience;
  int64_t expires = 0;
  std::string id;
  int64_t issued_at = 0;
  std::string issuer; // public key
  std::string name;
  int64_t not_before = 0;
  std::string subject; // public key
};

using claim_strings = std::vector<std::string>;
/// Public key, or every_key -> claims issued until then are void.
using revocation_list = std::map<std::string, int64_t, std::less<>>;

/// True if a claim about `key`, issued at that second, is void.
bool is_revoked(const revocation_list& list, std::string_view key, int64_t issued_at);

// -- users -----------------------------------------------------------------------------------------

struct claim_permission {
  claim_strings allow;
  claim_strings deny;
  bool operator==(const claim_permission&) const = default;
  bool empty() const { return allow.empty() && deny.empty(); }
};

struct claim_responses {
  int64_t max = 0;
  int64_t ttl_ns = 0;
  bool operator==(const claim_responses&) const = default;
};

struct claim_permissions {
  claim_permission publish;
  claim_permission subscribe; // may be "subject queue"
  std::optional<claim_responses> responses;
  bool operator==(const claim_permissions&) const = default;
  bool empty() const { return publish.empty() && subscribe.empty() && !responses; }
};

struct claim_time_range {
  std::string start; // "15:04:05"
  std::string end;
  bool operator==(const claim_time_range&) const = default;
};

/// What a user, or the template of a scoped signing key, may do.
struct user_permission_limits {
  claim_permissions permissions;
  claim_strings sources; // CIDRs
  std::vector<claim_time_range> times;
  std::string locale; // IANA zone of `times`; empty: the server's
  int64_t subscriptions = 0;
  int64_t data = 0;
  int64_t payload = 0;
  bool bearer = false;
  bool proxy_required = false;
  claim_strings allowed_connection_types;
  bool operator==(const user_permission_limits&) const = default;
};

struct user_claims {
  claims_data data;
  user_permission_limits limits;
  std::string issuer_account; // set when a signing key of the account issued it
  claim_strings tags;
  int64_t version = 0;

  /// The account the user belongs to.
  const std::string& account() const { return issuer_account.empty() ? data.issuer : issuer_account; }
};

// -- accounts --------------------------------------------------------------------------------------

enum class claim_export_kind : uint8_t { unknown, stream, service };

struct claim_latency {
  int64_t sampling = 0; // per cent; 0: by the request's headers
  std::string results;
};

struct claim_export {
  std::string name;
  std::string subject;
  claim_export_kind kind = claim_export_kind::unknown;
  bool token_required = false;
  revocation_list revocations;
  std::string response_type; // "", "Singleton", "Stream", "Chunked"
  int64_t response_threshold_ns = 0;
  std::optional<claim_latency> latency;
  int64_t account_token_position = 0;
  bool advertise = false;
  bool allow_trace = false;
  std::string description;
  std::string info_url;
};

struct claim_import {
  std::string name;
  std::string subject;
  std::string account;
  std::string token; // activation JWT
  std::string to;
  std::string local_subject;
  claim_export_kind kind = claim_export_kind::unknown;
  bool share = false;
  bool allow_trace = false;
};

/// Kept for JetStream; nothing here acts on them.
struct claim_jetstream_limits {
  int64_t memory_storage = 0;
  int64_t disk_storage = 0;
  int64_t streams = 0;
  int64_t consumers = 0;
  int64_t max_ack_pending = 0;
  int64_t memory_max_stream_bytes = 0;
  int64_t disk_max_stream_bytes = 0;
  bool max_bytes_required = false;
  bool operator==(const claim_jetstream_limits&) const = default;
};

struct account_claim_limits {
  int64_t subscriptions = 0;
  int64_t data = 0;
  int64_t payload = 0;
  int64_t imports = 0;
  int64_t exports = 0;
  bool wildcard_exports = false;
  bool disallow_bearer = false;
  int64_t connections = 0;
  int64_t leafnodes = 0;
  claim_jetstream_limits jetstream;
  std::map<std::string, claim_jetstream_limits> jetstream_tiers; // "R1", "R3"
  bool operator==(const account_claim_limits&) const = default;
};

struct claim_mapping_destination {
  std::string subject;
  int64_t weight = 0; // 0 means 100
  std::string cluster;
  int effective_weight() const { return weight == 0 ? 100 : static_cast<int>(weight); }
};
using claim_mapping = std::pair<std::string, std::vector<claim_mapping_destination>>;

/// A signing key that only makes users after its template.
struct user_scope {
  std::string key;
  std::string role;
  user_permission_limits limits;
  std::string description;
  bool operator==(const user_scope&) const = default;
};

struct external_authorization {
  claim_strings auth_users;
  claim_strings allowed_accounts;
  std::string xkey;
  bool enabled() const { return !auth_users.empty(); }
};

struct claim_trace {
  std::string destination;
  int64_t sampling = 0;
};

struct account_claims {
  claims_data data;
  std::vector<claim_import> imports;
  std::vector<claim_export> exports;
  account_claim_limits limits;
  /// Public account key -> its scope, if it has one.
  std::map<std::string, std::optional<user_scope>, std::less<>> signing_keys;
  revocation_list revocations;
  claim_permissions default_permissions;
  std::vector<claim_mapping> mappings;
  external_authorization authorization;
  std::optional<claim_trace> trace;
  std::string cluster_traffic;
  std::string description;
  std::string info_url;
  claim_strings tags;
  int64_t version = 0;
};

// -- others ----------------------------------------------------------------------------------------

struct operator_claims {
  claims_data data;
  claim_strings signing_keys;
  std::string account_server_url;
  claim_strings service_urls;
  std::string system_account;
  std::string assert_server_version;
  bool strict_signing_key_usage = false;
  claim_strings tags;
  int64_t version = 0;

  /// Every key that may sign accounts.
  claim_strings trusted_keys() const;
};

struct activation_claims {
  claims_data data;
  std::string import_subject;
  claim_export_kind kind = claim_export_kind::unknown;
  std::string issuer_account;
  claim_strings tags;
  int64_t version = 0;
};

struct authorization_request_claims {
  struct server_id {
    std::string name, host, id, version, cluster;
    claim_strings tags;
    std::string xkey;
  };
  struct client_information {
    std::string host;
    uint64_t id = 0;
    std::string user, name;
    claim_strings tags;
    std::string name_tag, kind, type, mqtt_id, nonce;
  };
  struct connect_options {
    std::string jwt, nkey, sig, auth_token, user, pass, name, lang, version;
    int64_t protocol = 0;
  };
  struct client_tls {
    std::string version, cipher;
    claim_strings certs;                        // PEM
    std::vector<claim_strings> verified_chains; // PEM
  };

  claims_data data;
  server_id server;
  std::string user_nkey;
  client_information client;
  connect_options connect;
  std::optional<client_tls> tls;
  std::string request_nonce;
};

struct authorization_response_claims {
  claims_data data;
  std::string jwt;
  std::string error;
  std::string issuer_account;
};

/// Any other: what it states stays text.
struct generic_claims {
  claims_data data;
  std::string kind;
  claim_strings accounts; // of a request to delete accounts
  bool lists_accounts = false; // the list is there, be it empty
};

using any_claims =
    std::variant<operator_claims, account_claims, user_claims, activation_claims,
                 authorization_request_claims, authorization_response_claims, generic_claims>;

/// The part that all have.
const claims_data& data_of(const any_claims& claims);

} // namespace troupe
