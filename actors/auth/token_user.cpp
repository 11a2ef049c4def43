#include "actors/auth/token_user.hpp"

#include <algorithm>

#include "actors/auth/operator_account.hpp"
#include "actors/auth/permission_core.hpp"

namespace troupe {

auth_decision refuse_for_proxy(std::string shown) {
  auth_decision d = auth_decision::refuse("proxy connection required", std::move(shown));
  d.reason = closed_reason::proxy_required;
  return d;
}

bool connection_type_allowed(const claim_strings& listed, const std::string& type) {
  if (listed.empty()) return true;
  return std::any_of(listed.begin(), listed.end(), [&](const std::string& one) {
    return one.size() == type.size()
           && std::equal(one.begin(), one.end(), type.begin(), [](char a, char b) {
                return (a >= 'a' && a <= 'z' ? a - ('a' - 'A') : a) == b;
              });
  });
}

result<int64_t> session_end(const user_claims& user, const std::string& host, int64_t now_s,
                            const zone_offset& zones) {
  if (!source_allowed(user.limits.sources, host))
    return error{errc::unauthorized, "Bad src Ip " + host};
  const time_verdict time = time_allowed(user.limits, now_s, zones);
  if (!time.allowed) return error{errc::unauthorized, "Outside connect times"};
  if (time.valid_for_s <= 0) return user.data.expires;
  const int64_t closes = now_s + time.valid_for_s;
  return user.data.expires == 0 ? closes : std::min(user.data.expires, closes);
}

std::shared_ptr<user_rules> rules_of(const user_claims& user, int64_t expires_at_s,
                                     const std::optional<config::permissions>& default_permissions) {
  auto rules = std::make_shared<user_rules>();
  rules->name = user.data.subject;
  rules->nkey = user.data.subject;
  if (!user.issuer_account.empty()) rules->issuer_key = user.data.issuer;
  rules->name_tag = user.data.name;
  rules->tags = user.tags;
  rules->issued_at_s = user.data.issued_at;
  rules->expires_at_s = expires_at_s;
  rules->proxy_required = user.limits.proxy_required;
  rules->listed = to_permissions(user.limits.permissions);
  if (!rules->listed) rules->listed = default_permissions;
  if (rules->listed) rules->permissions = permission_set::make(*rules->listed);
  rules->max_subscriptions = user.limits.subscriptions;
  rules->max_payload = user.limits.payload;
  return rules;
}

} // namespace troupe
