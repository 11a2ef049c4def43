// Whom operator mode trusts: the keys that may sign accounts, from operators' claims or from the
// list of keys in the configuration.
//
// Pure and immutable. Thread: any.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/options.hpp"
#include "protocol/result.hpp"

namespace troupe {

struct operator_trust {
  /// Errors: `malformed` for an operator's token that does not hold.
  static result<operator_trust> make(const config::operator_options& options,
                                     const std::string& system_account);

  bool trusts(std::string_view issuer) const { return keys.count(issuer) > 0; }
  /// Whether the account issued by this key must name its signing keys, instead of signing users
  /// itself.
  bool strict(std::string_view issuer) const { return strict_keys.count(issuer) > 0; }
  bool admits(std::string_view account) const {
    return pinned.empty() || pinned.count(account) > 0;
  }

  std::string operator_key;  // of the first operator
  bool strict_operator = false;
  std::set<std::string, std::less<>> keys;
  std::set<std::string, std::less<>> strict_keys;
  std::set<std::string, std::less<>> pinned;  // accounts that may log in; empty: all
  std::string system_account;
  std::string default_sentinel;
};

}  // namespace troupe
