#include "actors/auth/operator_core.hpp"

#include <algorithm>

#include "actors/auth/permission_core.hpp"
#include "actors/auth/signature.hpp"
#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/auth/user_template.hpp"

namespace troupe {

namespace {

constexpr int64_t no_limit = -1;

/// The stricter of two limits, -1 being none.
int64_t narrower(int64_t a, int64_t b) {
  if (a == no_limit) return b;
  return b == no_limit ? a : std::min(a, b);
}

auth_decision refuse_for_proxy(std::string shown) {
  auth_decision d = auth_decision::refuse("proxy required", std::move(shown));
  d.reason = closed_reason::proxy_required;
  return d;
}

/// Of those that the claim lists, unknown ones left out; a list of only such allows nothing.
bool connection_type_allowed(const claim_strings& listed, const std::string& type) {
  if (listed.empty()) return true;
  return std::any_of(listed.begin(), listed.end(), [&](const std::string& one) {
    return one.size() == type.size()
           && std::equal(one.begin(), one.end(), type.begin(), [](char a, char b) {
                return (a >= 'a' && a <= 'z' ? a - ('a' - 'A') : a) == b;
              });
  });
}

/// What of a login is settled by the user's own token.
struct user_login {
  user_claims claims;
  std::string jwt;
};

class operator_authenticator final : public authenticator {
public:
  explicit operator_authenticator(std::shared_ptr<operator_accounts> accounts)
      : accounts_(std::move(accounts)) {}

  bool required() const override { return true; }
  bool wants_nonce() const override { return true; }
  bool admits_silent() const override { return !trust().default_sentinel.empty(); }

  auth_decision check(const login_request& q) const override {
    auto user = read_user(q);
    if (!user) return auth_decision::refuse(user.error().context);
    const user_claims& c = user->claims;
    std::string shown = c.data.subject;
    if (c.limits.proxy_required && q.proxy_key.empty()) return refuse_for_proxy(std::move(shown));
    if (const claim_faults faults = check_claims(c, now_s(), zones()); !faults.empty())
      return auth_decision::refuse("User JWT no longer valid: " + faults.front(), std::move(shown));
    if (!trust().admits(c.account()))
      return auth_decision::refuse(
          "Account " + c.account() + " not listed as operator pinned account", std::move(shown));
    if (auto account = accounts_->find(c.account())) return check_with(*account, *user, q);
    auth_decision d;
    d.what = auth_decision::outcome::deferred;
    d.shown = std::move(shown);
    d.work = [accounts = accounts_, user = std::move(*user), q] {
      auto account = accounts->fetch(user.claims.account());
      if (!account)
        return auth_decision::refuse("Account JWT lookup error: " + account.error().context,
                                     user.claims.data.subject);
      return operator_authenticator(accounts).check_with(**account, user, q);
    };
    return d;
  }

  user_rules_ptr renewed(const user_rules& user) const override {
    auto claims = decode_user_jwt(user.jwt);
    if (!claims) return nullptr;
    // An account that is not at hand was removed, or has expired.
    const auto account = accounts_->find(claims->account());
    if (!account || !check_claims(*claims, now_s(), zones()).empty()) return nullptr;
    if (auto fine = apply_account(*account, *claims); !fine) return nullptr;
    if (is_revoked(account->claims.revocations, claims->data.subject, claims->data.issued_at))
      return nullptr;
    auto now = make_rules(*account, *claims, user.jwt, user.expires_at_s);
    return now;
  }

private:
  const operator_trust& trust() const { return accounts_->trust(); }
  int64_t now_s() const { return accounts_->environment().now_s(); }
  const zone_offset& zones() const { return accounts_->environment().zones; }

  /// The token that was presented, or else the one for those who present nothing useful.
  result<user_login> read_user(const login_request& q) const {
    if (auto claims = decode_user_jwt(q.who.jwt)) return user_login{std::move(*claims), q.who.jwt};
    if (trust().default_sentinel.empty())
      return error{errc::unauthorized, "Authentication requires a user JWT"};
    auto claims = decode_user_jwt(trust().default_sentinel);
    if (!claims) return claims.error();
    return user_login{std::move(*claims), trust().default_sentinel};
  }

  /// What the account says about its user: signed by whom, with what template.
  result<void> apply_account(const operator_account& account, user_claims& user) const {
    const auto refuse = [](std::string why) { return error{errc::unauthorized, std::move(why)}; };
    if (!trust().trusts(account.claims.data.issuer))
      return refuse("Account JWT not signed by trusted operator");
    if (!account.may_sign(user.data.issuer)) return refuse("User JWT issuer is not known");
    if (const user_scope* scope = account.scope_of(user.data.issuer)) {
      if (!states_nothing(user.limits))
        return refuse("scoped users require no permissions or limits set");
      auto limits = fill_template(*scope, user, account.claims);
      if (!limits) return limits.error();
      user.limits = std::move(*limits);
    }
    if (account.expired(now_s())) return refuse("Account JWT has expired");
    if (user.limits.bearer && account.claims.limits.disallow_bearer)
      return refuse("Account does not allow bearer tokens");
    return {};
  }

  auth_decision check_with(const operator_account& account, user_login user,
                           const login_request& q) const {
    user_claims& c = user.claims;
    const auto refuse = [&](std::string why) {
      return auth_decision::refuse(std::move(why), c.data.subject);
    };
    if (auto fine = apply_account(account, c); !fine) return refuse(fine.error().context);
    if (c.limits.proxy_required && q.proxy_key.empty()) return refuse_for_proxy(c.data.subject);
    if (!connection_type_allowed(c.limits.allowed_connection_types, q.connection_type))
      return refuse("Connection type not allowed");
    if (!c.limits.bearer) {
      if (q.who.sig.empty()) return refuse("Signature missing");
      if (!signed_nonce(c.data.subject, q.who.sig, q.nonce)) return refuse("Signature not verified");
    }
    if (is_revoked(account.claims.revocations, c.data.subject, c.data.issued_at))
      return refuse("User authentication revoked");
    if (!source_allowed(c.limits.sources, q.host)) return refuse("Bad src Ip " + q.host);
    const time_verdict time = time_allowed(c.limits, now_s(), zones());
    if (!time.allowed) return refuse("Outside connect times");
    int64_t expires = c.data.expires;
    if (time.valid_for_s > 0) {
      const int64_t closes = now_s() + time.valid_for_s;
      expires = expires == 0 ? closes : std::min(expires, closes);
    }
    return auth_decision::accept(make_rules(account, c, user.jwt, expires), c.data.subject);
  }

  static user_rules_ptr make_rules(const operator_account& account, const user_claims& c,
                                   const std::string& jwt, int64_t expires_at_s) {
    auto rules = std::make_shared<user_rules>();
    rules->name = c.data.subject;
    rules->account = account.key();
    rules->nkey = c.data.subject;
    rules->jwt = jwt;
    if (!c.issuer_account.empty()) rules->issuer_key = c.data.issuer;
    rules->name_tag = c.data.name;
    rules->tags = c.tags;
    rules->expires_at_s = expires_at_s;
    rules->listed = to_permissions(c.limits.permissions);
    if (!rules->listed) rules->listed = account.default_permissions;
    if (rules->listed) rules->permissions = permission_set::make(*rules->listed);
    const account_claim_limits& of_account = account.claims.limits;
    const int64_t subs = narrower(c.limits.subscriptions, of_account.subscriptions);
    const int64_t payload = narrower(c.limits.payload, of_account.payload);
    if (subs != no_limit) rules->max_subscriptions = subs;
    if (payload != no_limit) rules->max_payload = payload;
    return rules;
  }

  std::shared_ptr<operator_accounts> accounts_;
};

}  // namespace

std::shared_ptr<const authenticator> make_operator_authenticator(
    std::shared_ptr<operator_accounts> accounts) {
  return std::make_shared<operator_authenticator>(std::move(accounts));
}

}  // namespace troupe
