#include "actors/auth/operator_core.hpp"

#include <algorithm>

#include "actors/auth/permission_core.hpp"
#include "actors/auth/signature.hpp"
#include "actors/auth/token_user.hpp"
#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/auth/user_template.hpp"
#include "protocol/client/go_quote.hpp"

namespace troupe {

namespace {

/// What of a login is settled by the user's own token.
struct user_login {
  user_claims claims;
  std::string jwt;
  bool signed_nonce = false;
};

/// What an account says about a user: signed by whom, with what template.
result<void> apply_account(const operator_trust& trust, const operator_account& account,
                           user_claims& user, int64_t now_s) {
  const auto refuse = [](std::string why) { return error{errc::unauthorized, std::move(why)}; };
  if (!trust.trusts(account.claims.data.issuer))
    return refuse("Account JWT not signed by trusted operator");
  if (!account.may_sign(user.data.issuer))
    return refuse("User JWT issuer " + go_quote(user.data.issuer) + " is not known");
  if (const user_scope* scope = account.scope_of(user.data.issuer)) {
    if (!states_nothing(user.limits))
      return refuse("User JWT is not valid: scoped users require no permissions or limits set");
    auto limits = fill_template(*scope, user, account.claims);
    if (!limits) return refuse("User JWT generated invalid permissions: " + limits.error().context);
    user.limits = std::move(*limits);
  }
  if (account.expired(now_s)) return refuse("Account JWT has expired");
  if (user.limits.bearer && account.claims.limits.disallow_bearer)
    return refuse("Account does not allow bearer tokens");
  return {};
}

std::shared_ptr<user_rules> make_rules(operator_account_ptr account, const user_claims& c,
                                       const std::string& jwt, int64_t expires_at_s) {
  auto rules = rules_of(c, expires_at_s, account->default_permissions);
  rules->account = account->key();
  rules->account_expires_at_s = account->claims.data.expires;
  rules->jwt = jwt;
  rules->as_of = std::move(account);
  return rules;
}

/// What a signing key gives is settled when it lets a user in: with another scope, or without one that it had, it
/// is another key.
bool scope_changed(const user_rules& user, const operator_account& now) {
  if (user.issuer_key.empty() || !user.as_of) return false;
  const user_scope* before = user.as_of->scope_of(user.issuer_key);
  const user_scope* after = now.scope_of(user.issuer_key);
  return before && after ? *before != *after : before != after;
}

/// `rest` decides once the account is there, or cannot be had.
auth_decision decided_with(const std::shared_ptr<operator_accounts>& accounts, const std::string& key,
                           std::function<auth_decision(const result<operator_account_ptr>&)> rest) {
  auth_decision d;
  d.what = auth_decision::outcome::deferred;
  if (accounts->may_wait())
    d.begin = [accounts, key, rest = std::move(rest)](std::function<void(auth_decision)> done) {
      accounts->fetch_later(
        key, [rest, done = std::move(done)](const result<operator_account_ptr>& found) { done(rest(found)); });
    };
  else
    d.work = [accounts, key, rest = std::move(rest)] { return rest(accounts->fetch(key)); };
  return d;
}

/// The callout of an account whose claims name who authorizes its users.
class account_terms final : public callout_terms {
public:
  account_terms(std::shared_ptr<operator_accounts> accounts, operator_account_ptr asked,
                std::string users_jwt)
      : accounts_(std::move(accounts)), asked_(std::move(asked)) {
    account = subject = asked_->key();
    xkey = asked_->claims.authorization.xkey;
    jwt = std::move(users_jwt);
  }

  result<void> check_signer(const authorization_response_claims& answer) const override {
    const auto refuse = [](std::string why) { return error{errc::unauthorized, std::move(why)}; };
    if (!answer.issuer_account.empty() && answer.issuer_account != account)
      return refuse("auth callout response issuer account " + go_quote(answer.issuer_account)
                    + " is not the callout account");
    if (!asked_->may_sign(answer.data.issuer))
      return refuse("auth callout signing key is unknown");
    return {};
  }

  auth_decision place(user_claims user, const login_request& login) const override {
    const std::string target = user.account();
    if (target != account && !may_move_to(target))
      return auth_decision::refuse("account " + go_quote(user.data.issuer)
                                   + " not permitted as valid account option for auth callout for account "
                                   + go_quote(account));
    if (auto known = accounts_->find(target)) return place_in(*accounts_, account, known, user, login);
    return decided_with(accounts_, target, [accounts = accounts_, here = account, target, user = std::move(user),
                                            login](const result<operator_account_ptr>& found) {
      if (!found)
        return auth_decision::refuse("no valid account " + go_quote(target)
                                     + " for auth callout response on account " + go_quote(here)
                                     + ": " + found.error().context);
      return place_in(*accounts, here, *found, user, login);
    });
  }

private:
  bool may_move_to(const std::string& target) const {
    const claim_strings& list = asked_->claims.authorization.allowed_accounts;
    if (list.size() == 1 && list[0] == every_key) return true;
    return std::find(list.begin(), list.end(), target) != list.end();
  }

  static auth_decision place_in(const operator_accounts& accounts, const std::string& here,
                                const operator_account_ptr& its_account, user_claims user,
                                const login_request& login) {
    const operator_account& target = *its_account;
    const operator_environment& env = accounts.environment();
    if (auto fine = apply_account(*accounts.trust(), target, user, env.now_s()); !fine)
      return auth_decision::refuse(fine.error().context);
    if (user.limits.proxy_required && login.proxy_key.empty()) return refuse_for_proxy({});
    if (is_revoked(target.claims.revocations, user.data.subject, user.data.issued_at))
      return auth_decision::refuse("User authentication revoked");
    const auto ends = placed_session_end(user, login, here, env.now_s(), env.zones);
    if (!ends) return auth_decision::refuse(ends.error().context);
    auto rules = make_rules(its_account, user, {}, *ends);
    rules->by_callout = true;
    if (target.claims.authorization.enabled())
      return auth_decision::accept(with_callout_denies(*rules, callout_part::user), {});
    return auth_decision::accept(std::move(rules), {});
  }

  const std::shared_ptr<operator_accounts> accounts_;
  const operator_account_ptr asked_;
};

class operator_authenticator final : public authenticator {
public:
  operator_authenticator(std::shared_ptr<operator_accounts> accounts,
                         std::shared_ptr<const callout_environment> env)
      : accounts_(std::move(accounts)), env_(std::move(env)) {}

  bool required() const override { return true; }
  bool wants_nonce() const override { return true; }
  bool admits_silent() const override { return !trust()->default_sentinel.empty(); }
  bool asks_services() const override { return env_ != nullptr; }

  auth_decision check(const login_request& q) const override {
    auto user = read_user(q);
    if (!user) return auth_decision::refuse(user.error().context);
    const user_claims& c = user->claims;
    std::string shown = c.data.subject;
    // Before anything is known of its account: whoever is refused costs the same.
    user->signed_nonce = !q.who.sig.empty() && signed_nonce(c.data.subject, q.who.sig, q.nonce);
    if (c.limits.proxy_required && q.proxy_key.empty()) return refuse_for_proxy(std::move(shown));
    if (const claim_faults faults = check_claims(c, now_s(), zones()); !faults.empty())
      return auth_decision::refuse("User JWT no longer valid: " + faults.front(), std::move(shown));
    if (!trust()->admits(c.account()))
      return auth_decision::refuse(
          "Account " + c.account() + " not listed as operator pinned account", std::move(shown));
    if (auto account = accounts_->find(c.account())) return check_with(account, *user, q);
    const std::string key = c.account();
    auth_decision d = decided_with(accounts_, key, [accounts = accounts_, env = env_, user = std::move(*user),
                                                    q](const result<operator_account_ptr>& account) {
      if (!account)
        return auth_decision::refuse("Account JWT lookup error: " + account.error().context,
                                     user.claims.data.subject);
      return operator_authenticator(accounts, env).check_with(*account, user, q);
    });
    d.shown = std::move(shown);
    return d;
  }

  user_rules_ptr renewed(const user_rules& user) const override {
    if (user.by_callout) return renewed_callout(user);
    auto claims = decode_user_jwt(user.jwt);
    if (!claims) return nullptr;
    // An account that is not at hand was removed, or has expired.
    const auto account = accounts_->find(claims->account());
    if (!account || !check_claims(*claims, now_s(), zones()).empty()) return nullptr;
    if (scope_changed(user, *account)) return nullptr;
    if (!trust()->admits(claims->account())) return nullptr;
    if (auto fine = apply_account(*trust(), *account, *claims, now_s()); !fine) return nullptr;
    if (is_revoked(account->claims.revocations, claims->data.subject, claims->data.issued_at))
      return nullptr;
    auto now = make_rules(account, *claims, user.jwt, user.expires_at_s);
    const external_authorization& external = account->claims.authorization;
    if (!external.enabled()) return now;
    return is_service(external, claims->data.subject)
             ? with_callout_denies(*now, callout_part::service)
             : with_callout_denies(*now, callout_part::user);
  }

  /// In the words of the Go server, which says nothing where a signing key has changed.
  session_ending ending_of(const user_rules& user) const override {
    const auto account = accounts_->find(user.account);
    if (!account) return {err_text::account_expired, closed_reason::authentication_expired};
    if (is_revoked(account->claims.revocations, user.nkey, user.issued_at_s))
      return {err_text::user_revoked, closed_reason::credentials_revoked};
    if (!user.by_callout) {
      const auto claims = decode_user_jwt(user.jwt);
      if (!claims || (claims->limits.bearer && account->claims.limits.disallow_bearer)) return {};
      if (claims->data.expires != 0 && claims->data.expires <= now_s())
        return {err_text::user_expired, closed_reason::authentication_expired};
    }
    return {{}, closed_reason::authentication_failure};
  }

private:
  static bool is_service(const external_authorization& external, const std::string& user) {
    const claim_strings& users = external.auth_users;
    return std::find(users.begin(), users.end(), user) != users.end();
  }

  /// What the service said stays true as long as the account is there and has its key.
  user_rules_ptr renewed_callout(const user_rules& user) const {
    const auto account = accounts_->find(user.account);
    if (!account) return nullptr;
    if (!user.issuer_key.empty() && !account->may_sign(user.issuer_key)) return nullptr;
    if (scope_changed(user, *account)) return nullptr;
    if (is_revoked(account->claims.revocations, user.nkey, user.issued_at_s)) return nullptr;
    const callout_part part =
      account->claims.authorization.enabled() ? callout_part::user : callout_part::none;
    auto open = std::make_shared<user_rules>(user);
    open->account_expires_at_s = account->claims.data.expires;
    open->as_of = account;
    if (part == user.callout) return open;
    if (part == callout_part::user) return with_callout_denies(*open, part);
    open->callout = part;
    open->permissions = open->listed ? permission_set::make(*open->listed) : nullptr;
    return open;
  }

  std::shared_ptr<const operator_trust> trust() const { return accounts_->trust(); }
  int64_t now_s() const { return accounts_->environment().now_s(); }
  const zone_offset& zones() const { return accounts_->environment().zones; }

  /// The token that was presented, or else the one for those who present nothing useful.
  result<user_login> read_user(const login_request& q) const {
    if (auto claims = decode_user_jwt(q.who.jwt)) return user_login{std::move(*claims), q.who.jwt, false};
    const std::string sentinel = trust()->default_sentinel;
    if (sentinel.empty()) return error{errc::unauthorized, "Authentication requires a user JWT"};
    auto claims = decode_user_jwt(sentinel);
    if (!claims) return claims.error();
    return user_login{std::move(*claims), sentinel, false};
  }

  auth_decision check_with(const operator_account_ptr& its_account, user_login user,
                           const login_request& q) const {
    const operator_account& account = *its_account;
    user_claims& c = user.claims;
    const auto refuse = [&](std::string why) {
      return auth_decision::refuse(std::move(why), c.data.subject);
    };
    if (auto fine = apply_account(*trust(), account, c, now_s()); !fine) return refuse(fine.error().context);
    if (c.limits.proxy_required && q.proxy_key.empty()) return refuse_for_proxy(c.data.subject);
    if (!connection_type_allowed(c.limits.allowed_connection_types, q.connection_type))
      return refuse("Connection type not allowed");
    if (!c.limits.bearer) {
      if (q.who.sig.empty()) return refuse("Signature missing");
      if (!user.signed_nonce) return refuse("Signature not verified");
    }
    if (is_revoked(account.claims.revocations, c.data.subject, c.data.issued_at))
      return refuse("User authentication revoked");
    const auto expires = session_end(c, q.host, now_s(), zones());
    if (!expires) return refuse(expires.error().context);
    auto rules = make_rules(its_account, c, user.jwt, *expires);
    const external_authorization& external = account.claims.authorization;
    if (!external.enabled()) return auth_decision::accept(std::move(rules), c.data.subject);
    if (is_service(external, c.data.subject))
      return auth_decision::accept(with_callout_denies(*rules, callout_part::service),
                                   c.data.subject);
    if (!env_) return refuse("auth callout not available for account " + go_quote(account.key()));
    const auto before = auth_decision::accept(std::move(rules), c.data.subject);
    return ask_service(std::make_shared<account_terms>(accounts_, its_account, user.jwt), *env_, q,
                       before);
  }

  std::shared_ptr<operator_accounts> accounts_;
  std::shared_ptr<const callout_environment> env_;
};

}  // namespace

std::shared_ptr<const authenticator> make_operator_authenticator(
    std::shared_ptr<operator_accounts> accounts, std::shared_ptr<const callout_environment> env) {
  return std::make_shared<operator_authenticator>(std::move(accounts), std::move(env));
}

}  // namespace troupe
