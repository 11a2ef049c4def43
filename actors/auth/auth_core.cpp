#include "actors/auth/auth_core.hpp"

#include <algorithm>
#include <unordered_map>

#include "actors/auth/certificate_map.hpp"
#include "actors/auth/permission_core.hpp"
#include "actors/auth/secret_check.hpp"
#include "actors/auth/signature.hpp"
#include "protocol/auth/nkey.hpp"

namespace troupe {

namespace {

constexpr std::string_view redacted = "[REDACTED]";
constexpr std::string_view default_account = "$G";
/// Stands where a password would, of those who are nobody.
const std::string decoy = "not a password";

/// A configured user with what is worked out once.
struct entry {
  user_rules_ptr rules;
  std::string password;
  std::vector<std::string> connection_types;
  bool proxy_required = false;
  bool of_certificate = false;  // has no password, but a certificate may stand for it

  bool allows_type(const std::string& type) const {
    return connection_types.empty()
           || std::find(connection_types.begin(), connection_types.end(), type)
                != connection_types.end();
  }
};

/// Only the system account has users, and no authorization block: `$G` stays open to all.
bool guards_only_system_account(const config::server_options& o, const std::string& system) {
  if (system.empty() || !o.no_auth_user.empty() || o.authorization.defined) return false;
  const auto& users = o.authorization.users;
  const bool other_accounts =
    std::any_of(o.accounts.begin(), o.accounts.end(), [&](const config::account_options& a) {
      return a.name != system && a.name != default_account;
    });
  return !users.empty() && !other_accounts
         && std::all_of(users.begin(), users.end(),
                        [&](const config::user_options& u) { return u.account == system; });
}

class config_authenticator final : public authenticator {
public:
  config_authenticator(const config::server_options& o, const std::string& system_account)
      : single_user_(o.authorization.user),
        single_pass_(o.authorization.pass),
        token_(o.authorization.token),
        no_auth_user_(o.no_auth_user),
        global_is_open_(guards_only_system_account(o, system_account)),
        proxy_required_(o.authorization.proxy_required),
        tls_map_(o.tls && o.tls->verify_and_map),
        websocket_tls_map_(o.websocket.port != 0 && o.websocket.tls
                           && o.websocket.tls->verify_and_map),
        wants_nonce_(!o.trusted_proxies.empty()),
        required_(o.authorization.required()) {
    for (const config::user_options& u : o.authorization.users) add(o, u);
    learn(single_pass_);
    learn(token_);
    auto single = std::make_shared<user_rules>();
    single->name = token_.empty() ? single_user_ : std::string(redacted);
    single->proxy_required = proxy_required_;
    single->secret_digest = secret_digest(token_.empty() ? single_pass_ : token_);
    if (o.authorization.default_permissions && users_.empty() && nkeys_.empty())
      limit(*single, *o.authorization.default_permissions);
    single_rules_ = std::move(single);
  }

  bool required() const override { return required_; }
  bool wants_nonce() const override { return wants_nonce_ || !nkeys_.empty(); }
  bool admits_silent() const override { return !no_auth_user_.empty() || global_is_open_; }

  auth_decision check(const login_request& q) const override {
    if (!required_) return auth_decision::accept(anonymous_, shown_name(q.who));
    std::string shown = shown_name(q.who);
    const bool silent = q.who.user.empty() && q.who.pass.empty() && q.who.auth_token.empty()
                        && (q.who.nkey.empty() || nkeys_.empty());  // an nkey that nobody has says nothing
    if (silent && global_is_open_) return auth_decision::accept(anonymous_, {});
    const bool as_no_auth_user = silent && !no_auth_user_.empty();
    if (!nkeys_.empty()) {
      const bool by_name = as_no_auth_user && nkeys_.contains(no_auth_user_);
      const std::string& wanted = by_name ? no_auth_user_ : q.who.nkey;
      if (!wanted.empty()) return check_nkey(wanted, q, by_name, std::move(shown));
    }
    if (!users_.empty() && maps_certificates(q)) return check_certificate(q, std::move(shown));
    if (!users_.empty()) {
      if (as_no_auth_user)
        if (auto it = users_.find(no_auth_user_); it != users_.end())
          return admit(it->second, q, it->first);
      return check_user(q, std::move(shown));
    }
    if (proxy_required_ && q.proxy_key.empty()) return refuse_proxy(std::move(shown));
    if (!token_.empty())
      return check_secret(token_, q.who.auth_token, auth_decision::accept(single_rules_, std::move(shown)));
    if (!single_user_.empty()) {
      const bool it_is = same_secret(single_user_, q.who.user);
      auth_decision d = check_secret(single_pass_, q.who.pass,
                                     it_is ? auth_decision::accept(single_rules_, std::move(shown))
                                           : no_match(std::move(shown)));
      if (it_is) d.known = single_user_;
      return d;
    }
    return auth_decision::refuse("no user matches", std::move(shown));
  }

  user_rules_ptr renewed(const user_rules& user) const override {
    if (!required_) return is_somebody(user) ? nullptr : anonymous_;
    if (user.name.empty()) return global_is_open_ ? anonymous_ : nullptr;
    user_rules_ptr now;
    if (!user.nkey.empty()) {
      if (auto it = nkeys_.find(user.nkey); it != nkeys_.end()) now = it->second.rules;
    } else if (auto it = users_.find(user.name); it != users_.end()) {
      now = it->second.rules;
    } else if (users_.empty() && user.name == single_rules_->name) {
      now = single_rules_;
    }
    const bool same_one = now && now->account == user.account
                          && now->secret_digest == user.secret_digest;
    return same_one ? now : nullptr;
  }

  session_ending ending_of(const user_rules& user) const override {
    return is_still_there(user) ? session_ending{} : session_ending{{}, closed_reason::client_closed};
  }

private:
  /// A token has no name that could be gone.
  static bool is_somebody(const user_rules& user) {
    return !user.nkey.empty() || (!user.name.empty() && user.name != redacted);
  }
  bool is_still_there(const user_rules& user) const {
    if (!is_somebody(user)) return true;
    auto stays = [&](const auto& table, const std::string& id) {
      auto it = table.find(id);
      return it != table.end() && it->second.rules->account == user.account;
    };
    return user.nkey.empty() ? stays(users_, user.name) : stays(nkeys_, user.nkey);
  }
  static std::string shown_name(const connect_options& who) {
    if (!who.nkey.empty()) return who.nkey;
    if (!who.user.empty()) return who.user;
    return who.auth_token.empty() ? std::string() : std::string(redacted);
  }
  static void limit(user_rules& rules, const config::permissions& p) {
    rules.listed = p;
    rules.permissions = permission_set::make(p);
  }

  void learn(const std::string& password) {
    if (is_bcrypt_hash(password))
      dearest_hash_ = std::max({dearest_hash_, bcrypt_cost(password), cheapest_bcrypt});
  }

  void add(const config::server_options& o, const config::user_options& u) {
    auto rules = std::make_shared<user_rules>();
    rules->name = u.nkey.empty() ? u.name : u.nkey;
    rules->nkey = u.nkey;
    rules->account = u.account.empty() ? std::string(default_account) : u.account;
    rules->secret_digest = secret_digest(u.password);
    rules->proxy_required = u.proxy_required || proxy_required_;
    if (u.perms) limit(*rules, *u.perms);
    entry e{std::move(rules), u.password, u.allowed_connection_types,
            u.proxy_required || proxy_required_, u.password.empty() && may_be_named(o, u)};
    learn(u.password);
    if (u.nkey.empty()) {
      certificates_.add(u.name);
      users_.emplace(u.name, std::move(e));
    } else {
      nkeys_.emplace(u.nkey, std::move(e));
    }
  }

  static auth_decision refuse_proxy(std::string shown) {
    auto d = auth_decision::refuse("proxy connection required", std::move(shown));
    d.reason = closed_reason::proxy_required;
    return d;
  }

  static auth_decision admit(const entry& e, const login_request& q, std::string shown) {
    auth_decision d;
    if (!e.allows_type(q.connection_type))
      d = auth_decision::refuse("connection type " + q.connection_type + " is not allowed",
                                std::move(shown));
    else if (e.proxy_required && q.proxy_key.empty()) d = refuse_proxy(std::move(shown));
    else d = auth_decision::accept(e.rules, std::move(shown));
    d.known = e.rules->name;
    return d;
  }

  auth_decision check_nkey(const std::string& nkey, const login_request& q, bool unsigned_too,
                           std::string shown) const {
    // Also of those whom nobody knows: they cost the same.
    const bool right = unsigned_too || (!q.who.sig.empty() && signed_nonce(nkey, q.who.sig, q.nonce));
    auto it = nkeys_.find(nkey);
    if (it == nkeys_.end()) return auth_decision::refuse("unknown nkey", std::move(shown));
    auth_decision d = admit(it->second, q, nkey);
    if (d.what == auth_decision::outcome::accepted && !right)
      d = auth_decision::refuse(q.who.sig.empty() ? "Signature missing" : "Signature not verified",
                                std::move(shown));
    d.known = nkey;
    return d;
  }

  /// Where certificates stand for users nothing else does.
  bool maps_certificates(const login_request& q) const {
    return q.connection_type == "WEBSOCKET" ? websocket_tls_map_ : tls_map_;
  }

  auth_decision check_certificate(const login_request& q, std::string shown) const {
    if (!q.certificate || q.certificate->empty())
      return auth_decision::refuse("user required in certificate, none found", std::move(shown));
    const std::string name = certificates_.find(*q.certificate, [&](const std::string& user) {
      auto it = users_.find(user);
      return it != users_.end() && it->second.allows_type(q.connection_type);
    });
    if (name.empty())
      return check_secret(decoy, q.who.pass,
                          auth_decision::refuse("the certificate names no user", std::move(shown)));
    // A user with a password needs both; one without must give none.
    return check_entry(users_.at(name), q, name);
  }

  /// A user without a password whom a certificate could stand for is nobody else's to take.
  bool needs_certificate(const entry& e) const {
    return e.of_certificate && e.rules->name != no_auth_user_;
  }

  auth_decision check_user(const login_request& q, std::string shown) const {
    auto it = q.who.user.empty() ? users_.end() : users_.find(q.who.user);
    if (it == users_.end() || needs_certificate(it->second))
      return check_secret(decoy, q.who.pass, no_match(std::move(shown)));
    return check_entry(it->second, q, std::move(shown));
  }

  auth_decision check_entry(const entry& e, const login_request& q, std::string shown) const {
    auth_decision d = check_secret(e.password, q.who.pass, admit(e, q, std::move(shown)));
    d.known = q.who.user;
    return d;
  }

  static auth_decision no_match(std::string shown) {
    return auth_decision::refuse("wrong user, password or token", std::move(shown));
  }

  /// `if_right` may be a refusal too. What ends in one costs as much as checking the dearest hash there is, whatever
  /// was wrong: neither whether a user exists nor how its password is kept shows in how long it takes, or where.
  auth_decision check_secret(const std::string& wanted, const std::string& given,
                             auth_decision if_right) const {
    using enum auth_decision::outcome;
    const bool hashed = is_bcrypt_hash(wanted);
    const bool right = !hashed && same_secret(wanted, given);
    auth_decision if_wrong = if_right.what == refused ? if_right : no_match(if_right.shown);
    if (right && if_right.what == accepted) return if_right;
    if (!hashed && dearest_hash_ == 0) return if_wrong;
    auth_decision d;
    d.what = deferred;
    d.shown = if_right.shown;
    d.work = [hash = hashed ? wanted : std::string(), given, dearest = dearest_hash_,
              if_right = std::move(if_right), if_wrong = std::move(if_wrong)] {
      if (hash.empty()) spend_bcrypt(dearest, given);
      else if (bcrypt_accepts(hash, given, if_right.what == accepted, dearest)) return if_right;
      return if_wrong;
    };
    return d;
  }

  std::unordered_map<std::string, entry> users_, nkeys_;
  std::string single_user_, single_pass_, token_, no_auth_user_;
  unsigned dearest_hash_ = 0;  // the cost of it; 0: all passwords are plain
  user_rules_ptr single_rules_;
  user_rules_ptr anonymous_ = std::make_shared<user_rules>();
  certificate_map certificates_;
  bool global_is_open_, proxy_required_, tls_map_, websocket_tls_map_, wants_nonce_, required_;
};

} // namespace

std::shared_ptr<const authenticator> make_config_authenticator(const config::server_options& options,
                                                               const std::string& system_account) {
  return std::make_shared<config_authenticator>(options, system_account);
}

} // namespace troupe
