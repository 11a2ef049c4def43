// Who is let in by the users of a configuration, and what stays after a reload.
#include "actors/auth/auth_core.hpp"
#include "actors/auth/permission_core.hpp"
#include "protocol/auth/nkey.hpp"
#include "test/actors/fixtures/logins.hpp"
#include "test/catch.hpp"

#include <sodium.h>

using namespace troupe;
using namespace troupe::test;

namespace {

/// Of "s3cret", at the lowest cost.
constexpr char bcrypt_of_secret[] = "$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG";

auth_decision settled(auth_decision d) {
  return d.what == auth_decision::outcome::deferred ? d.work() : d;
}

bool in(const std::shared_ptr<const authenticator>& auth, const login_request& q) {
  return settled(auth->check(q)).what == auth_decision::outcome::accepted;
}

std::string sign(const nkey_pair& key, const std::string& nonce, int variant) {
  const nkey_signature raw = key.sign(nonce);
  std::string text(sodium_base64_encoded_len(raw.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), raw.data(), raw.size(), variant);
  text.resize(text.find('\0'));
  return text;
}

} // namespace

TEST_CASE("config authenticator: without rules everybody is let in under any name", "[auth]") {
  auto auth = make_config_authenticator({}, "$SYS");
  CHECK_FALSE(auth->required());
  CHECK_FALSE(auth->wants_nonce());
  auth_decision d = auth->check(login("anybody", "x"));
  REQUIRE(d.what == auth_decision::outcome::accepted);
  CHECK(d.shown == "anybody");
  CHECK(d.user->account == "$G");
  login_request with_token;
  with_token.who.auth_token = "secret";
  CHECK(auth->check(with_token).shown == "[REDACTED]");
}

TEST_CASE("config authenticator: users belong to their accounts", "[auth]") {
  config::server_options o;
  o.authorization.users = {user("a", "1", "A"), user("b", "2", "B"), user("g", "3")};
  auto auth = make_config_authenticator(o, "$SYS");
  CHECK(auth->check(login("a", "1")).user->account == "A");
  CHECK(auth->check(login("b", "2")).user->account == "B");
  CHECK(auth->check(login("g", "3")).user->account == "$G");
  CHECK_FALSE(in(auth, login("a", "2")));
  CHECK_FALSE(in(auth, login("", "")));
  CHECK_FALSE(in(auth, login("nobody", "1")));
}

TEST_CASE("config authenticator: a bcrypt check is handed back, for a name that is not there too",
          "[auth]") {
  config::server_options o;
  o.authorization.users = {user("slow", bcrypt_of_secret), user("quick", "plain")};
  auto auth = make_config_authenticator(o, "$SYS");
  for (const char* name : {"slow", "nobody"}) {
    INFO(name);
    auth_decision d = auth->check(login(name, "wrong"));
    REQUIRE(d.what == auth_decision::outcome::deferred);
    CHECK(d.work().what == auth_decision::outcome::refused);
  }
  CHECK(in(auth, login("slow", "s3cret")));
  CHECK(in(auth, login("quick", "plain")));
}

TEST_CASE("config authenticator: an nkey user signs the nonce, in either base64", "[auth]") {
  const nkey_pair key = nkey_pair::generate(nkey_role::user);
  config::user_options u;
  u.nkey = key.public_key();
  u.account = "N";
  config::server_options o;
  o.authorization.users = {u};
  auto auth = make_config_authenticator(o, "$SYS");
  CHECK(auth->wants_nonce());
  login_request q;
  q.nonce = "a-nonce-of-15-c";
  q.who.nkey = key.public_key();
  CHECK_FALSE(in(auth, q));
  for (int variant :
       {sodium_base64_VARIANT_URLSAFE_NO_PADDING, sodium_base64_VARIANT_ORIGINAL}) {
    q.who.sig = sign(key, q.nonce, variant);
    CHECK(in(auth, q));
    CHECK(auth->check(q).user->account == "N");
  }
  q.nonce = "another-nonce-x";
  CHECK_FALSE(in(auth, q));
  q.nonce.clear();
  q.who.sig = sign(key, "", sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  CHECK_FALSE(in(auth, q));
  q.who.sig = std::string(100000, 'A');
  CHECK_FALSE(in(auth, q));
}

TEST_CASE("config authenticator: the kind of connection and a proxy may be asked for", "[auth]") {
  config::server_options o;
  o.authorization.users = {user("w", "1"), user("p", "2")};
  o.authorization.users[0].allowed_connection_types = {"WEBSOCKET"};
  o.authorization.users[1].proxy_required = true;
  auto auth = make_config_authenticator(o, "$SYS");
  login_request w = login("w", "1");
  CHECK_FALSE(in(auth, w));
  w.connection_type = "WEBSOCKET";
  CHECK(in(auth, w));
  login_request p = login("p", "2");
  CHECK(settled(auth->check(p)).reason == closed_reason::proxy_required);
  p.proxy_key = "UPROXY";
  CHECK(in(auth, p));
}

TEST_CASE("config authenticator: no_auth_user obeys the rules of its user (attack case 11)",
          "[auth][attack]") {
  config::server_options o;
  o.authorization.users = {user("open", "1")};
  o.no_auth_user = "open";
  CHECK(in(make_config_authenticator(o, "$SYS"), {}));
  CHECK_FALSE(in(make_config_authenticator(o, "$SYS"), login("open", "wrong")));
  o.authorization.users[0].allowed_connection_types = {"LEAFNODE"};
  CHECK_FALSE(in(make_config_authenticator(o, "$SYS"), {}));
  o.authorization.users[0].allowed_connection_types.clear();
  o.authorization.users[0].proxy_required = true;
  CHECK_FALSE(in(make_config_authenticator(o, "$SYS"), {}));
}

TEST_CASE("config authenticator: users of the system account alone leave the global account open "
          "(attack case 13)",
          "[auth][attack]") {
  config::server_options o;
  o.accounts.emplace_back().name = "$SYS";
  o.authorization.users = {user("admin", "1", "$SYS")};
  auto auth = make_config_authenticator(o, "$SYS");
  CHECK(auth->required());
  auth_decision d = auth->check({});
  REQUIRE(d.what == auth_decision::outcome::accepted);
  CHECK(d.user->account == "$G");
  CHECK(auth->check(login("admin", "1")).user->account == "$SYS");
  CHECK_FALSE(in(auth, login("admin", "2")));
  // An authorization block, or another account, says that the global account is not meant so.
  o.authorization.defined = true;
  CHECK_FALSE(in(make_config_authenticator(o, "$SYS"), {}));
  o.authorization.defined = false;
  o.accounts.emplace_back().name = "A";
  CHECK_FALSE(in(make_config_authenticator(o, "$SYS"), {}));
}

TEST_CASE("config authenticator: a reload renews users that stayed and ends all others", "[auth]") {
  config::server_options before;
  before.authorization.users = {user("a", "1"), user("b", "2"), user("c", "3")};
  config::server_options after = before;
  after.authorization.users[0].perms.emplace().publish.emplace().allow = {"x"};
  after.authorization.users[1].password = "changed";
  after.authorization.users[2].account = "ELSEWHERE";
  auto old = make_config_authenticator(before, "$SYS");
  auto now = make_config_authenticator(after, "$SYS");
  auto rules = [&](const char* name, const char* pass) { return old->check(login(name, pass)).user; };
  user_rules_ptr a = now->renewed(*rules("a", "1"));
  REQUIRE(a);
  CHECK(a->permissions);
  CHECK_FALSE(now->renewed(*rules("b", "2")));
  CHECK_FALSE(now->renewed(*rules("c", "3")));
  // Where nobody is asked any more, there is no such user either; a token has no user.
  auto open = make_config_authenticator({}, "$SYS");
  CHECK_FALSE(open->renewed(*rules("a", "1")));
  CHECK(open->ending_of(*rules("a", "1")).err.empty());
  config::server_options by_token;
  by_token.authorization.token = "t";
  login_request with_token;
  with_token.who.auth_token = "t";
  const user_rules_ptr holder = make_config_authenticator(by_token, "$SYS")->check(with_token).user;
  REQUIRE(holder);
  CHECK(open->renewed(*holder));
  CHECK_FALSE(now->renewed(*open->check({}).user));
}
