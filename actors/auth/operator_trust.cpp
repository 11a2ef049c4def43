#include "actors/auth/operator_trust.hpp"

#include "protocol/auth/jwt.hpp"

namespace troupe {

result<operator_trust> operator_trust::make(const config::operator_options& options,
                                            const std::string& system_account) {
  operator_trust t;
  t.keys.insert(options.trusted_keys.begin(), options.trusted_keys.end());
  for (const std::string& token : options.jwts) {
    const auto claims = decode_operator_jwt(token);
    if (!claims) return claims.error();
    if (t.operator_key.empty()) {
      t.operator_key = claims->data.subject;
      t.strict_operator = claims->strict_signing_key_usage;
    }
    for (std::string& key : claims->trusted_keys()) t.keys.insert(std::move(key));
    if (claims->strict_signing_key_usage)
      t.strict_keys.insert(claims->signing_keys.begin(), claims->signing_keys.end());
  }
  t.pinned.insert(options.pinned_accounts.begin(), options.pinned_accounts.end());
  // The operator's own account can always connect.
  if (!t.pinned.empty() && !system_account.empty()) t.pinned.insert(system_account);
  t.system_account = system_account;
  t.default_sentinel = options.default_sentinel;
  return t;
}

}  // namespace troupe
