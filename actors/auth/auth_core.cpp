#include "actors/auth/auth_core.hpp"

#include <crypt.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "actors/auth/certificate_map.hpp"
#include "actors/auth/permission_core.hpp"
#include "actors/auth/signature.hpp"
#include "protocol/auth/nkey.hpp"

namespace troupe {

namespace {

constexpr std::string_view redacted = "[REDACTED]";
constexpr std::string_view default_account = "$G";

using digest = std::array<unsigned char, crypto_generichash_BYTES>;

digest digest_of(std::string_view text) {
  digest d;
  crypto_generichash(d.data(), d.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return d;
}

/// Compares without telling by its duration where, or whether the lengths, differ.
bool same(std::string_view a, std::string_view b) {
  digest x = digest_of(a), y = digest_of(b);
  return sodium_memcmp(x.data(), y.data(), x.size()) == 0;
}

bool is_bcrypt(std::string_view text) {
  return text.size() > 28 && text.starts_with("$2") && text[3] == '$' && text[6] == '$'
         && std::string_view("abxy").find(text[2]) != std::string_view::npos;
}

bool bcrypt_accepts(const std::string& hash, const std::string& given) {
  auto scratch = std::make_unique<crypt_data>();
  const char* out = ::crypt_r(given.c_str(), hash.c_str(), scratch.get());
  return out && same(out, hash);
}

/// A configured user with what is worked out once.
struct entry {
  user_rules_ptr rules;
  std::string password;
  std::vector<std::string> connection_types;
  bool proxy_required = false;

  bool allows_type(const std::string& type) const {
    return connection_types.empty()
           || std::find(connection_types.begin(), connection_types.end(), type)
                != connection_types.end();
  }
};

/// Of what the configuration says, so that a reload can tell whether it changed.
std::string digest_text(const std::string& secret) {
  const digest d = digest_of(secret);
  return {reinterpret_cast<const char*>(d.data()), d.size()};
}

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
    for (const config::user_options& u : o.authorization.users) add(u);
    auto single = std::make_shared<user_rules>();
    single->name = token_.empty() ? single_user_ : std::string(redacted);
    single->proxy_required = proxy_required_;
    single->secret_digest = digest_text(token_.empty() ? single_pass_ : token_);
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
                        && q.who.nkey.empty();
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
    if (!token_.empty()) return check_secret(token_, q.who.auth_token, single_rules_, true, shown);
    if (!single_user_.empty()) {
      auth_decision d = check_secret(single_pass_, q.who.pass, single_rules_,
                                     same(single_user_, q.who.user), shown);
      if (q.who.user == single_user_) d.known = single_user_;
      return d;
    }
    return auth_decision::refuse("no user matches", std::move(shown));
  }

  user_rules_ptr renewed(const user_rules& user) const override {
    if (!required_) return anonymous_;
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
  bool is_still_there(const user_rules& user) const {
    if (user.nkey.empty() && (user.name.empty() || user.name == redacted)) return true;
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

  void add(const config::user_options& u) {
    auto rules = std::make_shared<user_rules>();
    rules->name = u.nkey.empty() ? u.name : u.nkey;
    rules->nkey = u.nkey;
    rules->account = u.account.empty() ? std::string(default_account) : u.account;
    rules->secret_digest = digest_text(u.password);
    rules->proxy_required = u.proxy_required || proxy_required_;
    if (u.perms) limit(*rules, *u.perms);
    entry e{std::move(rules), u.password, u.allowed_connection_types,
            u.proxy_required || proxy_required_};
    if (is_bcrypt(u.password) && decoy_.size() < u.password.size()) decoy_ = u.password;
    if (u.nkey.empty()) {
      certificates_.add(u.name);
      users_.emplace(u.name, std::move(e));
    } else {
      nkeys_.emplace(u.nkey, std::move(e));
    }
  }

  static auth_decision refuse_proxy(std::string shown) {
    auto d = auth_decision::refuse("proxy required", std::move(shown));
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
    auto it = nkeys_.find(nkey);
    if (it == nkeys_.end()) return auth_decision::refuse("unknown nkey", std::move(shown));
    auth_decision d = admit(it->second, q, nkey);
    if (d.what == auth_decision::outcome::accepted && !unsigned_too) {
      if (q.who.sig.empty()) d = auth_decision::refuse("Signature missing", std::move(shown));
      else if (!signed_nonce(nkey, q.who.sig, q.nonce))
        d = auth_decision::refuse("Signature not verified", std::move(shown));
    }
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
      return auth_decision::refuse("the certificate names no user", std::move(shown));
    // A user with a password needs both; one without must give none.
    return check_entry(users_.at(name), q, name);
  }

  /// A user without a password whom a certificate could stand for is nobody else's to take.
  bool needs_certificate(const entry& e) const {
    return e.password.empty() && e.rules->name != no_auth_user_
           && ((tls_map_ && e.allows_type("STANDARD"))
               || (websocket_tls_map_ && e.allows_type("WEBSOCKET")));
  }

  auth_decision check_user(const login_request& q, std::string shown) const {
    // One password is checked, of the same kind, whether or not the name exists.
    auto it = q.who.user.empty() ? users_.end() : users_.find(q.who.user);
    if (it == users_.end()) return check_secret(decoy_, q.who.pass, nullptr, false, shown);
    if (needs_certificate(it->second))
      return check_secret(decoy_, q.who.pass, nullptr, false, shown);
    return check_entry(it->second, q, std::move(shown));
  }

  static auth_decision check_entry(const entry& e, const login_request& q, std::string shown) {
    auth_decision admitted = admit(e, q, shown);
    const bool in = admitted.what == auth_decision::outcome::accepted;
    auth_decision d = check_secret(e.password, q.who.pass, e.rules, in, std::move(shown));
    if (!in && d.what == auth_decision::outcome::refused) return admitted;
    d.known = q.who.user;
    return d;
  }

  /// A right secret counts only with `in`.
  static auth_decision check_secret(const std::string& wanted, const std::string& given,
                                    user_rules_ptr rules, bool in, std::string shown) {
    auto verdict = [rules = std::move(rules), in, shown](bool right) {
      if (right && in && rules) return auth_decision::accept(rules, shown);
      return auth_decision::refuse("wrong user, password or token", shown);
    };
    if (!is_bcrypt(wanted)) return verdict(same(wanted, given));
    auth_decision d;
    d.what = auth_decision::outcome::deferred;
    d.shown = std::move(shown);
    d.work = [verdict, wanted, given] { return verdict(bcrypt_accepts(wanted, given)); };
    return d;
  }

  std::unordered_map<std::string, entry> users_, nkeys_;
  std::string single_user_, single_pass_, token_, no_auth_user_;
  std::string decoy_ = "not a password";  // a bcrypt hash when any user has one
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
