// An account of operator mode: what its claims say, and the same as the options that accounts of a
// configuration have, so that one machinery serves both.
//
// Pure. Times are seconds since 1970.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/auth/operator_trust.hpp"
#include "config/options.hpp"
#include "protocol/auth/claims.hpp"
#include "protocol/result.hpp"

namespace troupe {

struct operator_account {
  account_claims claims;
  std::string jwt;
  bool strict = false;  // does not sign users itself
  std::optional<config::permissions> default_permissions;
  /// What the system account exports although its claims do not say so.
  std::vector<claim_export> implied_exports;

  const std::string& key() const { return claims.data.subject; }
  bool expired(int64_t now_s) const {
    return claims.data.expires != 0 && claims.data.expires <= now_s;
  }
  bool may_sign(std::string_view issuer) const {
    return (!strict && issuer == key()) || claims.signing_keys.count(issuer) > 0;
  }
  /// The scope of a signing key, nullptr if it has none.
  const user_scope* scope_of(std::string_view issuer) const;
};
using operator_account_ptr = std::shared_ptr<const operator_account>;

/// Verified, trusted, without fault, and about `key`. Errors name the reason, for the log.
result<operator_account_ptr> read_operator_account(std::string jwt, std::string_view key,
                                                   const operator_trust& trust, int64_t now_s);

/// The permissions that claims list; nothing if they restrict nothing.
std::optional<config::permissions> to_permissions(const claim_permissions& claims);

/// Whether the mappings can be put in force, which the claims' own check does not tell. Errors: `malformed` in the
/// Go server's words.
result<void> check_mappings(const account_claims& claims);

/// Finds the claims of an account that another imports from; nullptr if it is not to be had.
using exporter_lookup = std::function<operator_account_ptr(const std::string& key)>;

struct account_as_options {
  config::account_options options;
  /// What was left out and why, for the log.
  std::vector<std::string> left_out;
  /// When the first of the imports' activations ends.
  int64_t changes_at_s = INT64_MAX;
};
/// Imports that the exporter does not allow, or not any more, are left out; so is what an exporter
/// that is not to be had would give. An export that needs an activation token is therefore open in
/// the options: who may import it was decided here.
account_as_options to_account_options(const operator_account_ptr& of,
                                      const exporter_lookup& exporter, int64_t now_s);

}  // namespace troupe
