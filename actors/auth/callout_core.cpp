#include "actors/auth/callout_core.hpp"

#include <sodium.h>

#include <algorithm>
#include <map>
#include <utility>

#include "actors/auth/permission_core.hpp"
#include "actors/auth/token_user.hpp"
#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/headers.hpp"

namespace troupe {

namespace {

using outcome = auth_decision::outcome;

constexpr std::string_view request_audience = "nats-authorization-request";
constexpr std::string_view xkey_header = "Nats-Server-Xkey";
constexpr std::string_view jwt_start = "eyJ";

std::string capitalized(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string client_type(const std::string& connection_type) {
  if (connection_type == "WEBSOCKET") return "websocket";
  return connection_type == "MQTT" ? "mqtt" : "nats";
}

/// As the log of the NATS server names a client by what it told: no secret.
std::string raw_user(const login_request& q, const std::string& shown) {
  if (!q.who.nkey.empty()) return q.who.nkey;
  if (!q.who.user.empty()) return q.who.user;
  return shown;
}

/// One login that waits for its service.
struct asked_login {
  std::shared_ptr<const callout_terms> terms;
  std::shared_ptr<const node_keys> keys;
  std::function<int64_t()> now_s;
  zone_offset zones;
  login_request login;
  std::string user_key;  // public key made for this login
  std::string server_id;
  std::string shown;
  bool proxy_missing = false;  // what the service says does not stand in for it

  auth_decision refuse(std::string why) const {
    return finished(auth_decision::refuse(std::move(why)), shown);
  }

  auth_decision judge(std::string_view answer) const;
  auth_decision finished(auth_decision d, const std::string& name) const;
  result<authorization_response_claims> read(std::string_view answer) const;
};

result<authorization_response_claims> asked_login::read(std::string_view answer) const {
  const auto bad = [](std::string why) { return error{errc::unauthorized, std::move(why)}; };
  const std::string account = go_quote(terms->account);
  if (answer.empty())
    return bad("auth callout violation: \"no reason supplied\" on account " + account);
  std::string opened;
  bool sealed = false;
  if (!terms->xkey.empty() && !answer.starts_with(jwt_start)) {
    auto text = keys->sealing.open(answer, terms->xkey);
    if (!text)
      return bad("error decrypting auth callout response on account " + terms->account + ": "
                 + text.error().context);
    opened = std::move(*text);
    answer = opened;
    sealed = true;
  }
  auto claims = decode_authorization_response_jwt(answer);
  if (!claims) return claims.error();
  if (const claim_faults faults = check_claims(*claims, now_s()); !faults.empty())
    return bad("authorization response had validation errors: " + faults.front());
  if (claims->data.subject != user_key)
    return bad("auth callout violation: auth callout response is not for expected user");
  if (claims->data.audience != server_id)
    return bad("auth callout violation: auth callout response is not for server");
  // Only the holder of the key could have sealed it.
  if (!sealed)
    if (auto signer = terms->check_signer(*claims); !signer) return signer.error();
  if (!claims->error.empty())
    return bad("auth callout service returned an error: " + claims->error);
  return claims;
}

/// With the name to show, and who hears why not: the owner of the service, whose logins these are.
auth_decision asked_login::finished(auth_decision d, const std::string& name) const {
  if (d.what == outcome::accepted) {
    d.shown = name;
    return d;
  }
  d.shown = shown;
  d.why = capitalized(std::move(d.why));
  d.heard_by = terms->account;
  if (d.work) d.work = [work = std::move(d.work), self = *this, name] { return self.finished(work(), name); };
  if (d.begin)
    d.begin = [begin = std::move(d.begin), self = *this, name](std::function<void(auth_decision)> done) {
      begin([self, name, done = std::move(done)](auth_decision late) { done(self.finished(std::move(late), name)); });
    };
  return d;
}

auth_decision asked_login::judge(std::string_view answer) const {
  auto response = read(answer);
  if (!response) return refuse(response.error().context);
  auto user = decode_user_jwt(response->jwt);
  if (!user) return refuse(user.error().context);
  if (proxy_missing || (user->limits.proxy_required && login.proxy_key.empty()))
    return finished(refuse_for_proxy(shown), shown);
  if (const claim_faults faults = check_claims(*user, now_s(), zones); !faults.empty())
    return refuse("Error validating user JWT: " + faults.front());
  if (user->data.subject != user_key)
    return refuse("Expected authorized user of " + go_quote(user_key) + " but got "
                  + go_quote(user->data.subject) + " on account " + go_quote(terms->account));
  const std::string name = user->data.name.empty() ? shown : user->data.name;
  return finished(terms->place(std::move(*user), login), name);
}

authorization_request_claims describe(const callout_terms& terms, const callout_environment& env,
                                      const login_request& q, const auth_decision& before) {
  authorization_request_claims c;
  c.data.audience = std::string(request_audience);
  c.data.subject = terms.subject;
  c.data.expires =
    env.now_s() + std::chrono::duration_cast<std::chrono::seconds>(env.timeout).count();
  c.server = env.server;
  if (!terms.xkey.empty()) c.server.xkey = env.keys->sealing.public_key();
  c.client.host = q.host;
  c.client.id = q.client_id;
  c.client.user = raw_user(q, before.shown);
  c.client.name = q.who.name;
  if (before.user) {
    c.client.tags = before.user->tags;
    c.client.name_tag = before.user->name_tag;
  }
  c.client.kind = "Client";
  c.client.type = client_type(q.connection_type);
  if (!q.who.sig.empty()) c.client.nonce = q.nonce;
  c.connect = {terms.jwt.empty() ? q.who.jwt : terms.jwt,
               q.who.nkey, q.who.sig, q.who.auth_token, q.who.user, q.who.pass, q.who.name,
               q.who.lang, q.who.version, q.who.protocol};
  if (q.tls) c.tls = *q.tls;
  return c;
}

} // namespace

auth_decision ask_service(std::shared_ptr<const callout_terms> terms,
                          const callout_environment& env, const login_request& login,
                          const auth_decision& before) {
  auto asked = std::make_shared<asked_login>();
  asked->keys = env.keys;
  asked->now_s = env.now_s;
  asked->zones = env.zones;
  asked->login = login;
  asked->user_key = nkey_pair::generate(nkey_role::user).public_key();
  asked->server_id = env.server.id;
  asked->shown = before.shown;
  asked->proxy_missing = before.reason == closed_reason::proxy_required;

  authorization_request_claims claims = describe(*terms, env, login, before);
  claims.user_nkey = asked->user_key;
  auto question = std::make_shared<service_question>();
  question->account = terms->account;
  if (before.user) question->account_before = before.user->account;
  question->subject = std::string(callout_subject);
  question->within = env.timeout;
  question->body = encode_authorization_request(claims, env.keys->identity, env.now_s());
  if (!terms->xkey.empty()) {
    auto sealed = env.keys->sealing.seal(question->body, terms->xkey);
    if (!sealed)
      return auth_decision::refuse("Error encrypting auth request claim on account "
                                     + go_quote(terms->account) + ": " + sealed.error().context,
                                   before.shown);
    question->body = std::move(*sealed);
    question->headers = header_builder().add(xkey_header, claims.server.xkey).finish();
  }
  asked->terms = std::move(terms);
  question->judge = [asked = std::move(asked)](std::string_view answer) {
    return asked->judge(answer);
  };
  auth_decision d;
  d.what = outcome::asks;
  d.shown = before.shown;
  d.question = std::move(question);
  return d;
}

result<int64_t> placed_session_end(const user_claims& user, const login_request& login, const std::string& account,
                                   int64_t now_s, const zone_offset& zones) {
  const auto bad = [&](const std::string& why) {
    return error{errc::unauthorized, "authorized user on account " + go_quote(account) + why};
  };
  if (!source_allowed(user.limits.sources, login.host)) return bad(" not allowed from source " + go_quote(login.host));
  auto ends = session_end(user, login.host, now_s, zones);
  if (!ends) return bad(" outside of valid connect times");
  if (!connection_type_allowed(user.limits.allowed_connection_types, login.connection_type))
    return bad(" not allowed to use connection type");
  return ends;
}

std::optional<config::permissions> listed_permissions(const user_rules& rules) {
  if (rules.callout == callout_part::none) return rules.listed;
  config::permissions merged = rules.listed.value_or(config::permissions{});
  const auto deny = [](std::optional<config::subject_permission>& list, std::string_view subject) {
    if (!list) list.emplace();
    list->deny.emplace_back(subject);
  };
  deny(merged.publish, callout_subject);
  if (rules.callout == callout_part::user) {
    deny(merged.publish, callout_replies);
    deny(merged.subscribe, callout_subject);
    deny(merged.subscribe, callout_replies);
  }
  return merged;
}

user_rules_ptr with_callout_denies(const user_rules& rules, callout_part part) {
  auto out = std::make_shared<user_rules>(rules);
  out->callout = part;
  out->permissions = permission_set::make(*listed_permissions(*out));
  return out;
}

// -- the configuration's ---------------------------------------------------------------------------

namespace {

/// The accounts of the configuration, with what users get there who are given no permissions.
using known_accounts = std::map<std::string, std::optional<config::permissions>>;

known_accounts accounts_of(const config::server_options& o, const std::string& system_account) {
  known_accounts out{{"$G", {}}};
  if (!system_account.empty()) out.emplace(system_account, std::nullopt);
  for (const config::account_options& a : o.accounts)
    out[a.name] = a.default_permissions;
  return out;
}

/// Differs when something did on which the service's verdicts depend.
std::string digest_of_inputs(const config::server_options& o) {
  const auto& a = o.authorization;
  std::string text;
  const auto add = [&](std::string_view s) {
    text.append(std::to_string(s.size())).append(1, ':').append(s);
  };
  const auto add_all = [&](const std::vector<std::string>& list) {
    add(std::to_string(list.size()));
    for (const std::string& s : list) add(s);
  };
  add_all({a.user, a.pass, a.token, o.no_auth_user, a.callout->issuer, a.callout->account,
           a.callout->xkey, a.proxy_required ? "p" : "", o.tls && o.tls->verify_and_map ? "m" : "",
           o.tls && o.tls->verify ? "v" : ""});
  add_all(o.server_tags);
  add_all(a.callout->auth_users);
  add_all(a.callout->allowed_accounts);
  for (const config::user_options& u : a.users) {
    add_all({u.name, u.password, u.nkey, u.account, u.proxy_required ? "p" : ""});
    add_all(u.allowed_connection_types);
  }
  std::string digest(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
  return digest;
}

class config_terms final : public callout_terms {
public:
  config_terms(const config::server_options& o, const std::string& system_account,
               const callout_environment& env)
      : known(accounts_of(o, system_account)),
        digest(digest_of_inputs(o)),
        issuer_(o.authorization.callout->issuer),
        now_s_(env.now_s),
        zones_(env.zones) {
    account = o.authorization.callout->account;
    subject = issuer_;
    xkey = o.authorization.callout->xkey;
  }

  result<void> check_signer(const authorization_response_claims& answer) const override {
    if (answer.data.issuer == issuer_) return {};
    return error{errc::unauthorized, "auth callout signing key is unknown"};
  }

  auth_decision place(user_claims user, const login_request& login) const override {
    const std::string here = "on account " + go_quote(account);
    if (!user.issuer_account.empty())
      return auth_decision::refuse("error non operator mode account " + go_quote(account)
                                   + ": attempted to use issuer_account");
    if (user.data.issuer != issuer_)
      return auth_decision::refuse("wrong issuer for auth callout response " + here + ", expected "
                                   + go_quote(issuer_) + " got " + go_quote(user.data.issuer));
    const auto target = known.find(user.data.audience);
    if (target == known.end())
      return auth_decision::refuse("no valid account " + go_quote(user.data.audience)
                                   + " for auth callout response " + here + ": account missing");
    const auto ends = placed_session_end(user, login, account, now_s_(), zones_);
    if (!ends) return auth_decision::refuse(ends.error().context);
    auto rules = rules_of(user, *ends, target->second);
    rules->account = target->first;
    rules->by_callout = true;
    rules->secret_digest = digest;
    if (rules->account == account)
      return auth_decision::accept(with_callout_denies(*rules, callout_part::user), {});
    return auth_decision::accept(std::move(rules), {});
  }

  const known_accounts known;
  const std::string digest;

private:
  const std::string issuer_;
  const std::function<int64_t()> now_s_;
  const zone_offset zones_;
};

class callout_authenticator final : public authenticator {
public:
  callout_authenticator(std::shared_ptr<const authenticator> inner,
                        const config::server_options& o, const std::string& system_account,
                        callout_environment env)
      : inner_(std::move(inner)),
        options_(*o.authorization.callout),
        terms_(std::make_shared<config_terms>(o, system_account, env)),
        env_(std::move(env)) {}

  bool required() const override { return true; }
  bool wants_nonce() const override { return inner_->wants_nonce(); }
  bool admits_silent() const override { return inner_->admits_silent(); }
  bool asks_services() const override { return true; }

  auth_decision check(const login_request& login) const override {
    auth_decision first = inner_->check(login);
    const bool trusted = !first.known.empty() && contains(options_.auth_users, first.known);
    if (first.what != outcome::deferred) return conclude(std::move(first), trusted, login);
    first.work = [work = std::move(first.work), trusted, login, self = *this] {
      return self.conclude(work(), trusted, login);
    };
    return first;
  }

  user_rules_ptr renewed(const user_rules& user) const override {
    if (user.by_callout) {
      if (user.secret_digest != terms_->digest || !terms_->known.contains(user.account))
        return nullptr;
      return with_part(std::make_shared<const user_rules>(user));
    }
    return with_part(inner_->renewed(user));
  }
  session_ending ending_of(const user_rules& user) const override {
    if (user.by_callout) return {{}, closed_reason::client_closed};
    return inner_->ending_of(user);
  }

private:
  static bool contains(const std::vector<std::string>& list, const std::string& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  }

  user_rules_ptr with_part(user_rules_ptr rules) const {
    if (!rules || rules->account != terms_->account) return rules;
    return with_callout_denies(*rules, rules->by_callout ? callout_part::user : callout_part::service);
  }

  auth_decision conclude(auth_decision d, bool trusted, const login_request& login) const {
    const bool in = d.what == outcome::accepted;
    if (d.what == outcome::asks) return d;
    const bool elsewhere = in && d.user->account != "$G" && !options_.allowed_accounts.empty()
                           && !contains(options_.allowed_accounts, d.user->account);
    if (!trusted && !elsewhere) return ask_service(terms_, env_, login, d);
    if (in && trusted) d.user = with_part(std::move(d.user));
    if (d.what == outcome::refused) {
      d.heard_by = terms_->account;
      d.why = to_text(d.reason);
    }
    return d;
  }

  std::shared_ptr<const authenticator> inner_;
  config::auth_callout_options options_;
  std::shared_ptr<const config_terms> terms_;
  callout_environment env_;
};

} // namespace

std::vector<std::string> callout_complaints(const config::server_options& options,
                                            const std::string& system_account) {
  std::vector<std::string> out;
  const auto& a = options.authorization;
  if (!a.callout) return out;
  if (!accounts_of(options, system_account).contains(a.callout->account))
    out.push_back("Authorization callout account " + go_quote(a.callout->account) + " not valid");
  for (const std::string& name : a.callout->auth_users) {
    const bool found = (!name.empty() && name == a.user)
                       || std::any_of(a.users.begin(), a.users.end(), [&](const auto& u) {
                            return u.name == name || u.nkey == name;
                          });
    if (!found) out.push_back("Authorization callout user " + go_quote(name) + " not valid");
  }
  return out;
}

std::shared_ptr<const authenticator> make_callout_authenticator(
  std::shared_ptr<const authenticator> inner, const config::server_options& options,
  const std::string& system_account, callout_environment env) {
  return std::make_shared<callout_authenticator>(std::move(inner), options, system_account,
                                                 std::move(env));
}

} // namespace troupe
