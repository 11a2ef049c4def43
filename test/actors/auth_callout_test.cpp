// Auth callout: what a service is asked, and what its answer may and may not do.
#include <functional>
#include <string>

#include "actors/auth/callout_core.hpp"
#include "actors/auth/permission_core.hpp"
#include "protocol/auth/jwt.hpp"
#include "test/catch.hpp"
#include "test/protocol/jwt_vectors.hpp"

using namespace troupe;
namespace go = troupe::test::go;
using outcome = auth_decision::outcome;

namespace {

constexpr int64_t noon = 12 * 3600;

nkey_pair pair_of(const char* seed) { return *nkey_pair::from_seed(seed); }

/// A node whose callout is answered by the account key `go::pub_acc`, with a service in AUTH.
struct world {
  int64_t now = noon;
  config::server_options options;
  std::shared_ptr<const node_keys> keys;
  std::shared_ptr<const authenticator> auth;

  explicit world(const std::function<void(config::server_options&)>& change = {}) {
    for (const char* name : {"AUTH", "APP"}) {
      config::account_options account;
      account.name = name;
      options.accounts.push_back(account);
    }
    config::user_options service;
    service.name = "auth";
    service.password = "pwd";
    service.account = "AUTH";
    options.authorization.users.push_back(service);
    options.authorization.callout.emplace();
    options.authorization.callout->issuer = go::pub_acc;
    options.authorization.callout->account = "AUTH";
    options.authorization.callout->auth_users = {"auth"};
    if (change) change(options);
    keys = std::make_shared<node_keys>(
      node_keys{nkey_pair::generate(nkey_role::server), curve_key::generate()});
    callout_environment env;
    env.keys = keys;
    env.server.id = keys->identity.public_key();
    env.timeout = std::chrono::seconds(2);
    env.now_s = [this] { return now; };
    env.zones = [](std::string_view, int64_t) { return std::optional<int64_t>(0); };
    auth = make_callout_authenticator(make_config_authenticator(options, {}), options, {}, env);
  }

  auth_decision ask(login_request q = {}) const {
    if (q.who.user.empty()) q.who.user = "bob";
    if (q.host.empty()) q.host = "127.0.0.1";
    auth_decision d = auth->check(q);
    REQUIRE(d.what == outcome::asks);
    REQUIRE(d.question);
    return d;
  }
  authorization_request_claims asked(const auth_decision& d) const {
    auto claims = decode_authorization_request_jwt(d.question->body);
    REQUIRE(claims);
    return *claims;
  }
  std::string user(const std::string& for_key, const std::string& account, const std::string& more = {},
                   const char* signer = go::seed_acc) const {
    claims_data c;
    c.subject = for_key;
    c.audience = account;
    c.name = "Robert";
    return encode_jwt(c, R"({"type":"user","version":2,"subs":-1,"payload":-1,"data":-1)" + more + "}",
                      pair_of(signer), now);
  }
  std::string answer(const std::string& for_key, const std::string& jwt, const std::string& error = {},
                     const char* signer = go::seed_acc) const {
    claims_data c;
    c.subject = for_key;
    c.audience = keys->identity.public_key();
    std::string nats = R"({"type":"authorization_response","version":2)";
    if (!jwt.empty()) nats += R"(,"jwt":")" + jwt + "\"";
    if (!error.empty()) nats += R"(,"error":")" + error + "\"";
    return encode_jwt(c, nats + "}", pair_of(signer), now);
  }
  /// Of a login that is answered with the user of this account.
  auth_decision placed(const std::string& account, const std::string& more = {},
                       login_request q = {}) const {
    const auth_decision d = ask(std::move(q));
    const std::string key = asked(d).user_nkey;
    return d.question->judge(answer(key, user(key, account, more)));
  }
};

} // namespace

TEST_CASE("callout: what the service is asked", "[auth][callout]") {
  world w;
  login_request q;
  q.who.user = "bob";
  q.who.pass = "secret";
  q.who.sig = "signature";
  q.nonce = "nonce";
  q.connection_type = "WEBSOCKET";
  q.client_id = 7;
  authorization_request_claims::client_tls tls;
  tls.version = "1.3";
  tls.verified_chains = {{"leaf", "root"}};
  q.tls = std::make_shared<const authorization_request_claims::client_tls>(tls);
  const auth_decision d = w.ask(q);
  CHECK(d.question->account == "AUTH");
  CHECK(d.question->subject == callout_subject);
  CHECK(d.question->within == std::chrono::seconds(2));
  CHECK(d.question->headers.empty());
  const auto c = w.asked(d);
  CHECK(c.data.issuer == w.keys->identity.public_key());
  CHECK(c.data.subject == go::pub_acc);
  CHECK(c.data.expires == noon + 2);
  CHECK(c.connect.user == "bob");
  CHECK(c.connect.pass == "secret");
  CHECK(c.client.nonce == "nonce");
  CHECK(c.client.type == "websocket");
  CHECK(c.client.id == 7);
  REQUIRE(c.tls);
  CHECK(c.tls->verified_chains == tls.verified_chains);
  CHECK(w.asked(w.ask(q)).user_nkey != c.user_nkey);
  CHECK(w.auth->asks_services());
}

TEST_CASE("callout: the service's own users and accounts that are not delegated are not asked about",
          "[auth][callout]") {
  world w([](auto& o) {
    config::user_options two;
    two.name = "two";
    two.password = "pwd";
    two.account = "APP";
    o.authorization.users.push_back(two);
    o.authorization.callout->allowed_accounts = {"AUTH"};
  });
  login_request q;
  q.who.pass = "pwd";
  q.who.user = "auth";
  auth_decision d = w.auth->check(q);
  CHECK(d.what == outcome::accepted);
  CHECK(d.user->callout == callout_part::service);
  q.who.user = "two";
  CHECK(w.auth->check(q).what == outcome::accepted);
  q.who.pass = "wrong";
  CHECK(w.auth->check(q).what == outcome::asks);
  q.who.user = "auth";
  CHECK(w.auth->check(q).what == outcome::refused);
}

TEST_CASE("callout: an answer places the user with its permissions and end", "[auth][callout]") {
  world w;
  auth_decision d = w.placed("APP", R"(,"pub":{"allow":["app.>"]},"subs":3,"tags":["t:1"])");
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->account == "APP");
  CHECK(d.user->by_callout);
  CHECK(d.shown == "Robert");
  CHECK(d.user->tags == std::vector<std::string>{"t:1"});
  CHECK(d.user->permissions != nullptr);
  CHECK(d.user->callout == callout_part::none);

  d = w.placed("AUTH");
  REQUIRE(d.what == outcome::accepted);
  CHECK(d.user->callout == callout_part::user);
  CHECK(d.user->permissions != nullptr);  // it sees nothing of the service's traffic
}

TEST_CASE("callout: answers that let nobody in, and why", "[auth][callout]") {
  world w;
  const auto why = [&](const std::function<std::string(const std::string& key)>& payload_of) {
    const auth_decision asked = w.ask();
    const auth_decision d = asked.question->judge(payload_of(w.asked(asked).user_nkey));
    CHECK(d.what == outcome::refused);
    CHECK(d.shown == "bob");
    return d.why;
  };
  CHECK(why([](auto&) { return ""; })
        == "Auth callout violation: \"no reason supplied\" on account \"AUTH\"");
  CHECK(why([&](auto& k) { return w.answer(k, {}, "go away"); })
        == "Auth callout service returned an error: go away");
  CHECK(why([&](auto& k) { return w.answer(k, w.user(k, "APP"), {}, go::seed_ask); })
        == "Auth callout signing key is unknown");
  CHECK(why([&](auto& k) { return w.answer(go::pub_user, w.user(k, "APP")); })
        == "Auth callout violation: auth callout response is not for expected user");
  std::string key;
  const std::string other = why([&](auto& k) { return w.answer(key = k, w.user(go::pub_user, "APP")); });
  CHECK(other
        == "Expected authorized user of \"" + key + "\" but got \"" + go::pub_user
             + "\" on account \"AUTH\"");
  CHECK(why([&](auto& k) { return w.answer(key = k, w.user(k, "APP", {}, go::seed_ask)); })
          .starts_with("Wrong issuer for auth callout response on account \"AUTH\", expected"));
  CHECK(why([&](auto& k) { return w.answer(k, w.user(k, "NOWHERE")); })
          .starts_with("No valid account \"NOWHERE\" for auth callout response on account \"AUTH\""));
  CHECK(why([&](auto& k) { return w.answer(k, w.user(k, "APP", R"(,"src":["10.0.0.0/8"])")); }) != "");
  CHECK(why([&](auto& k) {
          return w.answer(k, w.user(k, "APP", R"(,"allowed_connection_types":["MQTT"])"));
        })
        == "Authorized user on account \"AUTH\" not allowed to use connection type");
  w.now = noon + 5;
  CHECK(why([&](auto& k) {
          world late;
          return late.answer(k, late.user(k, "APP"));
        })
        == "Auth callout violation: auth callout response is not for server");
}

TEST_CASE("callout: an answer serves one login", "[auth][callout][attack]") {
  world w;
  const auth_decision first = w.ask(), second = w.ask();
  const std::string key = w.asked(first).user_nkey;
  const std::string token = w.answer(key, w.user(key, "APP"));
  CHECK(first.question->judge(token).what == outcome::accepted);
  CHECK(second.question->judge(token).what == outcome::refused);
  // Nor one to another node.
  world other;
  CHECK(other.ask().question->judge(token).what == outcome::refused);
}

TEST_CASE("callout: sealed both ways where there is a key", "[auth][callout][xkey]") {
  const auto service = *curve_key::from_seed(go::xseed_b);
  world w([](auto& o) { o.authorization.callout->xkey = go::xkey_b; });
  const auth_decision d = w.ask();
  const std::string node_key = w.keys->sealing.public_key();
  CHECK(d.question->headers.find(node_key) != std::string::npos);
  auto opened = service.open(d.question->body, node_key);
  REQUIRE(opened);
  auto claims = decode_authorization_request_jwt(*opened);
  REQUIRE(claims);
  CHECK(claims->server.xkey == node_key);
  const std::string key = claims->user_nkey;

  const std::string token = w.answer(key, w.user(key, "APP"));
  const auto judge = d.question->judge;
  CHECK(judge(*service.seal(token, node_key)).what == outcome::accepted);
  CHECK(judge(token).what == outcome::accepted);
  // Who can seal need not sign with the issuer's key; who cannot, must.
  const std::string by_other = w.answer(key, w.user(key, "APP"), {}, go::seed_ask);
  CHECK(judge(*service.seal(by_other, node_key)).what == outcome::accepted);
  CHECK(judge(by_other).what == outcome::refused);
  const auto stranger = curve_key::generate();
  CHECK(judge(*stranger.seal(token, node_key)).why.starts_with(
    "Error decrypting auth callout response on account AUTH"));
  std::string cut = *service.seal(token, node_key);
  cut.pop_back();
  CHECK(judge(cut).what == outcome::refused);
}

TEST_CASE("callout: a session stays until what it rests on changes", "[auth][callout]") {
  world w;
  const auth_decision d = w.placed("APP");
  REQUIRE(d.what == outcome::accepted);
  CHECK(world().auth->renewed(*d.user));
  CHECK_FALSE(world([](auto& o) { o.accounts.pop_back(); }).auth->renewed(*d.user));
  CHECK_FALSE(world([](auto& o) { o.authorization.callout->auth_users.push_back("x"); })
                .auth->renewed(*d.user));
}

TEST_CASE("callout: what the configuration names and is not there is told", "[auth][callout]") {
  world w([](auto& o) {
    o.authorization.callout->account = "NOWHERE";
    o.authorization.callout->auth_users = {"auth", "nobody"};
  });
  CHECK(callout_complaints(w.options, {})
        == std::vector<std::string>{"Authorization callout account \"NOWHERE\" not valid",
                                    "Authorization callout user \"nobody\" not valid"});
}
