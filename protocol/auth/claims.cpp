#include "protocol/auth/claims.hpp"

namespace troupe {

bool is_revoked(const revocation_list& list, std::string_view key, int64_t issued_at) {
  const auto covers = [&](std::string_view who) {
    const auto it = list.find(who);
    return it != list.end() && it->second >= issued_at;
  };
  return covers(key) || covers(every_key);
}

claim_strings operator_claims::trusted_keys() const {
  claim_strings keys;
  if (!strict_signing_key_usage) keys.push_back(data.subject);
  keys.insert(keys.end(), signing_keys.begin(), signing_keys.end());
  return keys;
}

const claims_data& data_of(const any_claims& claims) {
  return std::visit([](const auto& c) -> const claims_data& { return c.data; }, claims);
}

} // namespace troupe
