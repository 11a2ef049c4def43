// Operator mode: logins against accounts at hand and fetched, and what is refused.
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "actors/auth/operator_core.hpp"
#include "actors/auth/permission_core.hpp"
#include "actors/auth/secret_check.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/subject/account_functions.hpp"
#include "test/catch.hpp"
#include "test/protocol/jwt_vectors.hpp"

using namespace troupe;
namespace go = troupe::test::go;
using outcome = auth_decision::outcome;

namespace {

constexpr int64_t noon = 12 * 3600;
constexpr char nonce[] = "a-nonce-to-sign";

nkey_pair pair_of(const char* seed) { return *nkey_pair::from_seed(seed); }

std::string sign(const nkey_pair& key) {
  const nkey_signature s = key.sign(nonce);
  return base64url_encode({reinterpret_cast<const char*>(s.data()), s.size()});
}

constexpr char open_limits[] =
    R"("limits":{"subs":-1,"payload":-1,"data":-1,"conn":-1,"leaf":-1,"imports":-1,"exports":-1,"wildcards":true})";

/// A node in operator mode with one operator, whose signing key is trusted.
struct world {
  std::map<std::string, std::string> jwts;
  int64_t now = noon;
  std::map<std::string, std::shared_ptr<const config::account_options>> announced;
  std::vector<std::string> warnings, changed;
  int fetches = 0;
  std::function<void(const std::string& key)> on_fetch;
  bool slow = false, stopped = false;
  std::mutex busy;  // a fetch waits for it
  operator_trust trust;
  std::shared_ptr<operator_accounts> accounts;
  std::shared_ptr<const authenticator> auth;

  struct source final : account_source {
    explicit source(world& w) : w(w) {}
    result<std::string> fetch(const std::string& key) override {
      std::lock_guard lock(w.busy);
      ++w.fetches;
      if (w.on_fetch) w.on_fetch(key);
      auto it = w.jwts.find(key);
      if (it == w.jwts.end()) return error{errc::not_found, "account missing"};
      return it->second;
    }
    bool may_wait() const override { return w.slow; }
    void stop() override { w.stopped = true; }
    world& w;
  };

  world() {
    trust.keys = {go::pub_op, go::pub_osk};
    make();
    add_account(R"({"type":"account","version":2,)" + std::string(open_limits) + "}");
  }
  void make() {
    operator_environment env;
    env.now_s = [this] { return now; };
    env.zones = [](std::string_view zone, int64_t) -> std::optional<int64_t> {
      if (zone.empty() || zone == "Europe/Berlin") return 0;
      return {};
    };
    env.on_account = [this](std::shared_ptr<const config::account_options> o) {
      announced[o->name] = std::move(o);
    };
    env.on_changed = [this](const std::string& key) { changed.push_back(key); };
    env.log_warning = [this](const std::string& text) { warnings.push_back(text); };
    accounts = std::make_shared<operator_accounts>(trust, std::make_shared<source>(*this), env);
    auth = make_operator_authenticator(accounts);
  }
  std::string account_jwt(const std::string& nats, const char* who = go::pub_acc,
                          const char* signer = go::seed_osk, int64_t expires = 0) {
    claims_data d;
    d.subject = who;
    d.expires = expires;
    return encode_jwt(d, nats, pair_of(signer), now);
  }
  void add_account(const std::string& nats, const char* who = go::pub_acc,
                   const char* signer = go::seed_osk) {
    jwts[who] = account_jwt(nats, who, signer);
  }
  /// A login, fetched and all.
  auth_decision login(login_request q) {
    q.nonce = nonce;
    if (q.host.empty()) q.host = "127.0.0.1";
    if (q.who.sig.empty()) q.who.sig = sign(pair_of(go::seed_user));
    auth_decision d = auth->check(q);
    return d.what == outcome::deferred ? d.work() : d;
  }
  auth_decision login_jwt(const std::string& jwt) {
    login_request q;
    q.who.jwt = jwt;
    return login(q);
  }
  std::string user_jwt(const std::string& nats, const char* signer = go::seed_acc,
                       int64_t expires = 0, int64_t issued = noon) {
    claims_data d;
    d.subject = go::pub_user;
    d.name = "bob";
    d.expires = expires;
    return encode_jwt(d, nats, pair_of(signer), issued);
  }
  std::string plain_user(const std::string& more = {}) {
    return R"({"type":"user","version":2,"subs":-1,"payload":-1,"data":-1)" + more + "}";
  }
};

} // namespace

TEST_CASE("failed logins cost the same: tokens", "[auth][operator][effort]") {
  world w;
  w.login_jwt(w.user_jwt(w.plain_user())); // the account is at hand
  const std::string stranger = nkey_pair::generate(nkey_role::account).seed();
  login_request right;
  right.who.jwt = w.user_jwt(w.plain_user());
  const auto with = [&](const std::string& jwt, const char* signs = go::seed_user) {
    login_request q;
    q.who.jwt = jwt;
    q.who.sig = sign(pair_of(signs));
    return q;
  };
  const std::string proxied = w.plain_user(R"(,"proxy_required":true)");
  const std::string by_whom_nobody_knows = w.plain_user(R"(,"issuer_account":")" + std::string(go::pub_acc) + '"');
  for (const login_request& q :
       {with(right.who.jwt, go::seed_acc), with(w.user_jwt(w.plain_user(), go::seed_acc, noon - 1)),
        with(w.user_jwt(w.plain_user(), stranger.c_str())), with(w.user_jwt(by_whom_nobody_knows, stranger.c_str())),
        with(w.user_jwt(proxied)), with(w.user_jwt(w.plain_user(R"(,"allowed_connection_types":["MQTT"])")))}) {
    effort_of_this_thread() = {};
    const auth_decision d = w.login(q);
    INFO(d.why);
    CHECK(d.what == outcome::refused);
    CHECK(effort_of_this_thread() == check_effort{0, 0, 1});
  }
  CHECK(w.login(right).what == outcome::accepted);
}

TEST_CASE("operator mode: a user of an account of a trusted operator logs in", "[auth][operator]") {
  world w;
  CHECK(w.auth->required());
  CHECK(w.auth->wants_nonce());
  CHECK_FALSE(w.auth->admits_silent());
  auth_decision d = w.login_jwt(w.user_jwt(w.plain_user(R"(,"pub":{"deny":["no"]},"tags":["a:b"])")));
  INFO(d.why);
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->account == go::pub_acc);
  CHECK(d.user->name == go::pub_user);
  CHECK(d.user->name_tag == "bob");
  CHECK(d.user->tags == claim_strings{"a:b"});
  CHECK(d.user->issuer_key.empty());
  CHECK_FALSE(d.user->permissions->publishes("no"));
  CHECK(d.user->max_payload == no_limit);
  CHECK(d.user->expires_at_s == 0);
  CHECK(w.announced.count(go::pub_acc) == 1);
  CHECK(w.fetches == 1);
  CHECK(w.login_jwt(w.user_jwt(w.plain_user())).what == outcome::accepted);
  CHECK(w.fetches == 1); // at hand by now
}

TEST_CASE("operator mode: what is refused, and why", "[auth][operator]") {
  world w;
  const std::string good = w.user_jwt(w.plain_user());
  auto why = [&](login_request q) {
    auth_decision d = w.login(std::move(q));
    CHECK(d.what == outcome::refused);
    return d.why;
  };
  auto with_jwt = [](std::string jwt) {
    login_request q;
    q.who.jwt = std::move(jwt);
    return q;
  };
  CHECK(why({}) == "Authentication requires a user JWT");
  CHECK(why(with_jwt("nonsense")) == "Authentication requires a user JWT");
  CHECK(why(with_jwt(w.jwts[go::pub_acc])) == "Authentication requires a user JWT");
  login_request unsigned_nonce = with_jwt(good);
  unsigned_nonce.who.sig = sign(pair_of(go::seed_acc));
  CHECK(why(unsigned_nonce) == "Signature not verified");
  unsigned_nonce.who.sig = "!";
  CHECK(why(unsigned_nonce) == "Signature not verified");
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(), go::seed_ask))).starts_with("Account JWT lookup error"));
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(R"(,"issuer_account":")" + std::string(go::pub_acc)
                                             + "\""),
                                go::seed_ask)))
          .starts_with("User JWT issuer "));
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(), go::seed_acc, noon - 1)))
        == "User JWT no longer valid: claim is expired");
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(R"(,"proxy_required":true)")))) == "proxy connection required");
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(R"(,"src":["10.0.0.0/8"])")))) == "Bad src Ip 127.0.0.1");
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(R"(,"times":[{"start":"08:00:00","end":"09:00:00"}])"))))
        == "Outside connect times");
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(R"(,"allowed_connection_types":["WEBSOCKET"])"))))
        == "Connection type not allowed");
  CHECK(why(with_jwt(w.user_jwt(w.plain_user(R"(,"allowed_connection_types":["FAX"])"))))
        == "Connection type not allowed");
  CHECK(w.login(with_jwt(w.user_jwt(w.plain_user(R"(,"allowed_connection_types":["FAX","standard"])"))))
            .what
        == outcome::accepted);
}

TEST_CASE("operator mode: accounts that nobody trusts, or that have faults, let nobody in",
          "[auth][operator]") {
  world w;
  const std::string nats = R"({"type":"account","version":2,)" + std::string(open_limits) + "}";
  const std::string user = w.user_jwt(w.plain_user());
  w.add_account(nats, go::pub_acc, go::seed_acc); // signed by itself
  CHECK(w.login_jwt(user).why
        == "Account JWT lookup error: Account JWT not signed by trusted operator");
  w.add_account(nats, go::pub_other);
  w.jwts[go::pub_acc] = w.jwts[go::pub_other]; // another's
  CHECK(w.login_jwt(user).what == outcome::refused);
  w.jwts[go::pub_acc] = "nonsense";
  CHECK(w.login_jwt(user).what == outcome::refused);
  w.add_account(R"({"type":"account","version":2,"exports":[{"subject":"a","type":"stream"}]})");
  CHECK(w.login_jwt(user).what == outcome::refused); // no exports allowed
  w.jwts.clear();
  CHECK(w.login_jwt(user).why == "Account JWT lookup error: account missing");
  CHECK(w.announced.empty());
}

TEST_CASE("operator mode: only pinned accounts log in", "[auth][operator]") {
  world w;
  w.trust.pinned = {go::pub_other};
  w.make();
  CHECK(w.login_jwt(w.user_jwt(w.plain_user())).why
        == "Account " + std::string(go::pub_acc) + " not listed as operator pinned account");
}

TEST_CASE("operator mode: a strict operator's accounts do not sign users themselves",
          "[auth][operator]") {
  world w;
  w.trust.strict_keys = {go::pub_osk};
  w.make();
  CHECK(w.login_jwt(w.user_jwt(w.plain_user())).why.starts_with("User JWT issuer "));
  w.add_account(R"({"type":"account","version":2,"signing_keys":[")" + std::string(go::pub_ask)
                + R"("],)" + open_limits + "}");
  w.make();
  auto d = w.login_jwt(w.user_jwt(
      w.plain_user(R"(,"issuer_account":")" + std::string(go::pub_acc) + "\""), go::seed_ask));
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->issuer_key == go::pub_ask);
}

TEST_CASE("operator mode: bearers need no signature unless the account forbids them",
          "[auth][operator]") {
  world w;
  login_request q;
  q.who.jwt = w.user_jwt(w.plain_user(R"(,"bearer_token":true)"));
  q.who.sig = "none";
  CHECK(w.login(q).what == outcome::accepted);
  w.add_account(R"({"type":"account","version":2,"limits":{"subs":-1,"payload":-1,"conn":-1,"leaf":-1,"imports":-1,"exports":-1,"disallow_bearer":true}})");
  w.make();
  CHECK(w.login(q).why == "Account does not allow bearer tokens");
}

TEST_CASE("operator mode: the default sentinel stands in for those who present nothing",
          "[auth][operator]") {
  world w;
  w.trust.default_sentinel = w.user_jwt(w.plain_user(R"(,"bearer_token":true,"pub":{"deny":[">"]})"));
  w.make();
  CHECK(w.auth->admits_silent());
  login_request q;
  q.who.jwt = "not a token";
  auto d = w.login(q);
  REQUIRE(d.what == outcome::accepted);
  CHECK_FALSE(d.user->permissions->publishes("x"));
}

TEST_CASE("attack case 15: revoked and expired users stay outside, and are sent there",
          "[auth][operator][attack]") {
  world w;
  const std::string user = w.user_jwt(w.plain_user(), go::seed_acc, noon + 10);
  auto d = w.login_jwt(user);
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->expires_at_s == noon + 10);
  CHECK(w.auth->renewed(*d.user));

  auto revoked = [&](const std::string& list) {
    return w.account_jwt(R"({"type":"account","version":2,"revocations":{)" + list + "}," + open_limits
                         + "}");
  };
  const std::string at_noon = ":" + std::to_string(noon);
  for (const std::string& list :
       {"\"" + std::string(go::pub_user) + "\"" + at_noon, "\"*\"" + at_noon}) {
    CAPTURE(list);
    REQUIRE(w.accounts->update(go::pub_acc, revoked(list)));
    CHECK(w.changed.back() == go::pub_acc);
    CHECK(w.login_jwt(user).why == "User authentication revoked");
    CHECK_FALSE(w.auth->renewed(*d.user));
    CHECK(w.auth->ending_of(*d.user).err == err_text::user_revoked);
    CHECK(w.auth->ending_of(*d.user).reason == closed_reason::credentials_revoked);
  }
  REQUIRE(w.accounts->update(go::pub_acc, revoked("\"*\":" + std::to_string(noon - 1))));
  CHECK(w.auth->renewed(*d.user));
  w.now = noon + 11;
  CHECK_FALSE(w.auth->renewed(*d.user));
  CHECK(w.auth->ending_of(*d.user).err == err_text::user_expired);
  CHECK(w.login_jwt(user).what == outcome::refused);
}

TEST_CASE("operator mode: a user has limits of its own beside the account's, times end a session",
          "[auth][operator]") {
  world w;
  w.add_account(R"({"type":"account","version":2,"limits":{"subs":10,"payload":100,"conn":5,"leaf":-1,"imports":-1,"exports":-1},"default_permissions":{"sub":{"allow":["d"]}}})");
  auto d = w.login_jwt(w.user_jwt(
      R"({"type":"user","version":2,"subs":20,"payload":50,"data":-1,"times":[{"start":"11:00:00","end":"12:30:00"}]})"));
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->max_subscriptions == 20);
  CHECK(d.user->max_payload == 50);
  CHECK(d.user->expires_at_s == noon + 1800);
  CHECK(d.user->listed->subscribe->allow == claim_strings{"d"});
  CHECK(w.announced.at(go::pub_acc)->limits.max_connections == 5);
  CHECK(w.announced.at(go::pub_acc)->limits.max_subscriptions == 10);
}

TEST_CASE("operator mode: users of a scoped key get its template and must ask for nothing",
          "[auth][operator]") {
  world w;
  w.add_account(R"({"type":"account","version":2,"signing_keys":[{"kind":"user_scope","key":")"
                + std::string(go::pub_scoped)
                + R"(","template":{"pub":{"allow":["x.{{name()}}"]},"subs":3}}],)" + open_limits + "}");
  const std::string account = R"(,"issuer_account":")" + std::string(go::pub_acc) + "\"";
  auto d = w.login_jwt(
      w.user_jwt(R"({"type":"user","version":2)" + account + "}", go::seed_scoped));
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->listed->publish->allow == claim_strings{"x.bob"});
  CHECK(d.user->max_subscriptions == 3);
  CHECK(w.login_jwt(w.user_jwt(w.plain_user(account), go::seed_scoped)).why
        == "User JWT is not valid: scoped users require no permissions or limits set");
}

TEST_CASE("operator mode: imports come with the accounts they come from", "[auth][operator]") {
  world w;
  const std::string other = go::pub_other;
  w.add_account(R"({"type":"account","version":2,"exports":[{"subject":"pub.>","type":"stream"},{"subject":"svc","type":"service","response_type":"Chunked"},{"subject":"priv.>","type":"stream","token_req":true}],"signing_keys":[")"
                    + std::string(go::pub_ask) + R"("],)" + open_limits + "}",
                go::pub_other);
  auto import = [&](const std::string& more) {
    return R"({"account":")" + other + "\"," + more + "}";
  };
  w.add_account(
      R"({"type":"account","version":2,"imports":[)"
      + import(R"("subject":"pub.a","type":"stream","local_subject":"here.a")") + ","
      + import(R"("subject":"mine","type":"service","to":"svc")") + ","
      + import(R"("subject":"priv.x","type":"stream","token":")" + std::string(go::activation) + "\"")
      + "," + import(R"("subject":"priv.y","type":"stream")") + ","
      + import(R"("subject":"nowhere","type":"stream")") + "]," + open_limits + "}");
  REQUIRE(w.login_jwt(w.user_jwt(w.plain_user())).what == outcome::accepted);
  REQUIRE(w.announced.count(other) == 1);
  CHECK(w.announced.at(other)->exports[1].response == config::response_type::chunked);
  const auto& imports = w.announced.at(go::pub_acc)->imports;
  REQUIRE(imports.size() == 3); // priv.y has no token, nowhere is not exported
  CHECK(imports[0].to == "here.a");
  CHECK(imports[1].service);
  CHECK(imports[1].subject == "svc");
  CHECK(imports[1].to == "mine");
  CHECK(imports[2].subject == "priv.x");
  CHECK(w.warnings.size() == 2);
}

TEST_CASE("operator mode: accounts that import from each other come to an end", "[auth][operator]") {
  world w;
  auto both = [&](const char* from) {
    return R"({"type":"account","version":2,"exports":[{"subject":"a","type":"stream"}],"imports":[{"subject":"a","type":"stream","account":")"
           + std::string(from) + R"("}],)" + open_limits + "}";
  };
  w.add_account(both(go::pub_other));
  w.add_account(both(go::pub_acc), go::pub_other);
  REQUIRE(w.login_jwt(w.user_jwt(w.plain_user())).what == outcome::accepted);
  CHECK(w.announced.size() == 2);
  CHECK(w.accounts->size() == 2);
}

TEST_CASE("operator mode: an update counts only for accounts in use, and only if it is right",
          "[auth][operator]") {
  world w;
  const std::string before = w.jwts[go::pub_acc];
  CHECK_FALSE(w.accounts->update(go::pub_acc, before).value());
  REQUIRE(w.login_jwt(w.user_jwt(w.plain_user())).what == outcome::accepted);
  CHECK_FALSE(w.accounts->update(go::pub_acc, before).value());
  CHECK_FALSE(w.accounts->update(go::pub_acc, "nonsense"));
  CHECK(w.changed.empty());
  w.accounts->remove(go::pub_acc);
  CHECK(w.changed.size() == 1);
  w.jwts.clear();
  CHECK(w.login_jwt(w.user_jwt(w.plain_user())).what == outcome::refused);
}

TEST_CASE("operator mode: how a session ends tells what has changed", "[auth][operator]") {
  world w;
  const std::string plain = R"({"type":"account","version":2,)" + std::string(open_limits) + "}";
  auto d = w.login_jwt(w.user_jwt(w.plain_user()));
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->account_expires_at_s == 0);
  // The account gets an end, which every session learns.
  REQUIRE(w.accounts->update(go::pub_acc, w.account_jwt(plain, go::pub_acc, go::seed_osk, noon + 5)));
  REQUIRE(w.auth->renewed(*d.user));
  CHECK(w.auth->renewed(*d.user)->account_expires_at_s == noon + 5);
  w.now = noon + 6;
  CHECK_FALSE(w.auth->renewed(*d.user));
  CHECK(w.auth->ending_of(*d.user).err == err_text::account_expired);
  CHECK(w.auth->ending_of(*d.user).reason == closed_reason::authentication_expired);
  w.now = noon;

  const std::string bearer = w.user_jwt(w.plain_user(R"(,"bearer_token":true)"));
  auto b = w.login_jwt(bearer);
  REQUIRE(b.what == outcome::accepted);
  std::string none = open_limits;
  none.insert(none.find('{') + 1, R"("disallow_bearer":true,)");
  REQUIRE(w.accounts->update(go::pub_acc,
                             w.account_jwt(R"({"type":"account","version":2,)" + none + "}")));
  CHECK_FALSE(w.auth->renewed(*b.user));
  CHECK(w.auth->ending_of(*b.user).err == err_text::authorization_violation);

  w.accounts->remove(go::pub_acc);
  CHECK(w.auth->ending_of(*d.user).err == err_text::account_expired);
}

TEST_CASE("operator mode: a session of a signing key that is gone just ends", "[auth][operator]") {
  world w;
  w.add_account(R"({"type":"account","version":2,"signing_keys":[")" + std::string(go::pub_ask) + "\"],"
                + open_limits + "}");
  auto d = w.login_jwt(w.user_jwt(
    w.plain_user(R"(,"issuer_account":")" + std::string(go::pub_acc) + "\""), go::seed_ask));
  REQUIRE(d.what == outcome::accepted);
  REQUIRE(w.accounts->update(
    go::pub_acc, w.account_jwt(R"({"type":"account","version":2,)" + std::string(open_limits) + "}")));
  CHECK_FALSE(w.auth->renewed(*d.user));
  CHECK(w.auth->ending_of(*d.user).err.empty());
  CHECK(w.auth->ending_of(*d.user).reason == closed_reason::authentication_failure);
}

TEST_CASE("operator mode: importers are handed on anew when their exporter comes or changes", "[auth][operator]") {
  world w;
  const std::string other = go::pub_other;
  const std::string gives = R"("exports":[{"subject":"a","type":"stream"},{"subject":"b","type":"stream"}],)";
  const auto exporter = [&](const std::string& exports) {
    return R"({"type":"account","version":2,)" + exports + open_limits + "}";
  };
  w.add_account(R"({"type":"account","version":2,"imports":[{"subject":"a","type":"stream","account":")" + other
                + R"("},{"subject":"b","type":"stream","account":")" + other + R"("}],)" + open_limits + "}");
  REQUIRE(w.login_jwt(w.user_jwt(w.plain_user())).what == outcome::accepted);
  const auto imports = [&] { return w.announced.at(go::pub_acc)->imports.size(); };
  CHECK(imports() == 0);
  CHECK(w.changed.empty());
  const int asked = w.fetches;
  CHECK_FALSE(w.accounts->fetch(other));
  CHECK(imports() == 0);
  CHECK(w.fetches == asked + 1);

  w.add_account(exporter(gives), go::pub_other);
  REQUIRE(w.accounts->fetch(other));
  CHECK(imports() == 2);
  CHECK(w.changed == std::vector<std::string>{other});
  REQUIRE(w.accounts->fetch(other));
  CHECK(w.changed.size() == 1);

  w.now += 1;
  REQUIRE(w.accounts->update(other, w.account_jwt(exporter(R"("exports":[{"subject":"a","type":"stream"}],)"), go::pub_other)));
  CHECK(imports() == 1);
  // An importer that imports no more has nothing to do with it.
  REQUIRE(w.accounts->update(go::pub_acc, w.account_jwt(exporter({}))));
  const auto last = w.announced.at(go::pub_acc);
  REQUIRE(w.accounts->update(other, w.account_jwt(exporter(gives), go::pub_other)));
  CHECK(w.announced.at(go::pub_acc) == last);
}

TEST_CASE("operator mode: what was imported ends with its activation", "[auth][operator]") {
  world w;
  const std::string other = go::pub_other;
  w.add_account(R"({"type":"account","version":2,"exports":[{"subject":"s","type":"stream","token_req":true}],)"
                + std::string(open_limits) + "}", go::pub_other);
  claims_data d;
  d.subject = go::pub_acc;
  d.expires = noon + 10;
  const std::string token = encode_jwt(d, R"({"type":"activation","version":2,"subject":"s","kind":"stream"})",
                                       pair_of(go::seed_other), noon);
  w.add_account(R"({"type":"account","version":2,"imports":[{"subject":"s","type":"stream","account":")" + other
                + R"(","token":")" + token + R"("}],)" + open_limits + "}");
  REQUIRE(w.accounts->fetch(go::pub_acc));
  CHECK(w.announced.at(go::pub_acc)->imports.size() == 1);
  CHECK(w.accounts->end_activations() == noon + 10);
  CHECK(w.changed.empty());
  w.now = noon + 10;
  CHECK(w.accounts->end_activations() == INT64_MAX);
  CHECK(w.announced.at(go::pub_acc)->imports.empty());
  CHECK(w.changed == std::vector<std::string>{go::pub_acc});
  CHECK(w.accounts->end_activations() == INT64_MAX);
  CHECK(w.changed.size() == 1);
}

TEST_CASE("operator mode: an account is at hand only once it was handed on", "[auth][operator]") {
  world w;
  w.add_account(R"({"type":"account","version":2,"imports":[{"subject":"a","type":"stream","account":")"
                + std::string(go::pub_other) + R"("}],)" + open_limits + "}");
  bool seen = false;
  w.on_fetch = [&](const std::string& key) { seen = seen || (key == go::pub_other && w.accounts->find(go::pub_acc)); };
  REQUIRE(w.accounts->fetch(go::pub_acc));
  CHECK(w.accounts->find(go::pub_acc));
  CHECK_FALSE(seen);
}

TEST_CASE("operator mode: functions of accounts are filled in, or what has them is left out", "[auth][operator]") {
  world w;
  const std::string other = go::pub_other, own = account_hash(go::pub_acc), theirs = account_hash(other);
  w.add_account(R"({"type":"account","version":2,"exports":[{"subject":"s.{{account-hash()}}.>","type":"stream"},)"
                R"({"subject":"x.{{account-hash-import()}}","type":"stream"}],)" + std::string(open_limits) + "}",
                go::pub_other);
  const std::string from = R"("type":"stream","account":")" + other + "\"";
  w.add_account(R"({"type":"account","version":2,"imports":[{"subject":"s.{{account-hash-import()}}.a","local_subject":"in.{{account-hash()}}",)"
                + from + R"(},{"subject":"s.{{account-hash(1)}}.b",)" + from + R"(}],"mappings":{"m.{{account-hash()}}":[{"subject":"n.{{account-hash()}}"}]},)"
                + open_limits + "}");
  REQUIRE(w.login_jwt(w.user_jwt(w.plain_user())).what == outcome::accepted);
  const auto& here = *w.announced.at(go::pub_acc);
  REQUIRE(here.imports.size() == 1);
  CHECK(here.imports[0].subject == "s." + theirs + ".a");
  CHECK(here.imports[0].to == "in." + own);
  REQUIRE(here.mappings.size() == 1);
  CHECK(here.mappings[0].source == "m." + own);
  CHECK(here.mappings[0].destinations[0].subject == "n." + own);
  REQUIRE(w.announced.at(other)->exports.size() == 1);
  CHECK(w.announced.at(other)->exports[0].subject == "s." + theirs + ".>");
  CHECK(w.warnings.size() == 2);
}

TEST_CASE("operator mode: a session of a signing key whose scope has changed just ends", "[auth][operator]") {
  world w;
  const auto scoped = [&](const std::string& scope) {
    return w.account_jwt(R"({"type":"account","version":2,"signing_keys":[)" + scope + "]," + open_limits + "}");
  };
  const std::string key = std::string("\"") + go::pub_scoped + '"';
  const std::string of_key = R"({"kind":"user_scope","key":)" + key;
  const std::string wide = of_key + R"(,"role":"r","template":{"pub":{"allow":["a.>"]},"subs":-1,"payload":-1}})";
  REQUIRE(w.accounts->fetch(go::pub_acc));
  REQUIRE(w.accounts->update(go::pub_acc, scoped(wide)));
  const std::string issuer = R"(,"issuer_account":")" + std::string(go::pub_acc) + "\"";
  const auto d = w.login_jwt(w.user_jwt(R"({"type":"user","version":2)" + issuer + "}", go::seed_scoped));
  REQUIRE(d.what == outcome::accepted);
  w.now += 1;
  REQUIRE(w.accounts->update(go::pub_acc, scoped(wide)));
  const user_rules_ptr same = w.auth->renewed(*d.user);
  REQUIRE(same);
  for (const std::string& other :
       {of_key + R"(,"role":"r","template":{"pub":{"allow":["b.>"]},"subs":-1,"payload":-1}})",
        of_key + R"(,"role":"r","template":{"pub":{"allow":["a.>"]},"subs":9,"payload":-1}})",
        of_key + R"(,"role":"of another name","template":{"pub":{"allow":["a.>"]},"subs":-1,"payload":-1}})", key}) {
    CAPTURE(other);
    REQUIRE(w.accounts->update(go::pub_acc, scoped(other)));
    CHECK_FALSE(w.auth->renewed(*same));
    CHECK(w.auth->ending_of(*same).err.empty());
    CHECK(w.auth->ending_of(*same).reason == closed_reason::authentication_failure);
  }
}

TEST_CASE("operator: who waits for a slow source is told when it answers, and all by one answer", "[auth]") {
  world w;
  w.slow = true;
  CHECK(w.accounts->may_wait());
  w.busy.lock();
  std::vector<std::promise<bool>> told(5);
  for (auto& one : told)
    w.accounts->fetch_later(go::pub_acc, [&](const result<operator_account_ptr>& a) { one.set_value(static_cast<bool>(a)); });
  CHECK(w.accounts->find(go::pub_acc) == nullptr);
  w.busy.unlock();
  for (auto& one : told) CHECK(one.get_future().get());
  CHECK(w.fetches == 1);
  std::promise<bool> missing;
  w.accounts->fetch_later("nonsense", [&](const result<operator_account_ptr>& a) { missing.set_value(static_cast<bool>(a)); });
  CHECK_FALSE(missing.get_future().get());
  w.accounts->stop();
  CHECK(w.stopped);
  w.accounts->fetch_later(go::pub_acc, [&](const result<operator_account_ptr>&) { FAIL("after the end"); });
}
