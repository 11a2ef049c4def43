// What a failed login costs, counted: the same whether or not the user exists, and however its secret is kept.
#include <string>
#include <utility>
#include <vector>

#include <sodium.h>

#include "actors/auth/auth_core.hpp"
#include "actors/auth/secret_check.hpp"
#include "protocol/auth/nkey.hpp"
#include "test/actors/fixtures/logins.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

/// Of "s3cret", at the costs 4 and 6.
constexpr char cheap[] = "$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG";
constexpr char dear[] = "$2b$06$abcdefghijklmnopqrstuuNOnw6EGKc3988bZtxlqHMps74iVdpdC";

struct outcome_of_login {
  check_effort effort;
  bool elsewhere = false;  // part of it was work for the login worker
  bool in = false;
  std::string why;
};

outcome_of_login log_in(const authenticator& auth, const login_request& q) {
  outcome_of_login out;
  check_effort& effort = effort_of_this_thread();
  effort = {};
  auth_decision d = auth.check(q);
  out.elsewhere = d.what == auth_decision::outcome::deferred;
  if (out.elsewhere) d = d.work();
  out.effort = effort;
  out.in = d.what == auth_decision::outcome::accepted;
  out.why = d.why;
  return out;
}

/// All of them fail, and cost the same.
void check_alike(const authenticator& auth, const std::vector<login_request>& failing) {
  const outcome_of_login first = log_in(auth, failing.at(0));
  for (size_t i = 0; i < failing.size(); ++i) {
    const outcome_of_login now = log_in(auth, failing[i]);
    INFO("login " << i << ", user " << failing[i].who.user << failing[i].who.nkey << ": " << now.why);
    CHECK_FALSE(now.in);
    CHECK(now.elsewhere == first.elsewhere);
    CHECK(now.effort.comparisons == first.effort.comparisons);
    CHECK(now.effort.bcrypt_rounds == first.effort.bcrypt_rounds);
    CHECK(now.effort.signatures == first.effort.signatures);
  }
}

} // namespace

TEST_CASE("failed logins cost the same: plain passwords", "[auth][effort]") {
  config::server_options o;
  o.authorization.users = {user("a", "1"), user("b", "22"), user("web", "3")};
  o.authorization.users[2].allowed_connection_types = {"WEBSOCKET"};
  const auto auth = make_config_authenticator(o, "$SYS");
  check_alike(*auth, {login("a", "x"), login("b", "x"), login("b", ""), login("nobody", "x"), login("", "x"),
                      login("web", "3"), login("web", "x"), login("nobody", std::string(2000, 'x'))});
  CHECK(log_in(*auth, login("a", "1")).in);
  CHECK_FALSE(log_in(*auth, login("a", "x")).elsewhere);
  CHECK(log_in(*auth, login("a", "x")).effort.comparisons == 1);
}

TEST_CASE("failed logins cost the same: hashes of several costs beside plain passwords", "[auth][effort]") {
  config::server_options o;
  o.authorization.users = {user("cheap", cheap), user("dear", dear), user("plain", "s3cret"), user("web", dear),
                           user("broken", "$2a$99$broken"), user("proxied", cheap)};
  o.authorization.users[3].allowed_connection_types = {"WEBSOCKET"};
  o.authorization.users[5].proxy_required = true;
  const auto auth = make_config_authenticator(o, "$SYS");
  for (const char* name : {"cheap", "dear", "plain"}) CHECK(log_in(*auth, login(name, "s3cret")).in);
  std::vector<login_request> failing;
  for (const char* name : {"dear", "cheap", "plain", "web", "broken", "proxied", "nobody", ""})
    for (const std::string& pass : {std::string("x"), std::string(), std::string("s3cret\0", 7), std::string(3000, 'x')})
      failing.push_back(login(name, pass));
  failing.push_back(login("web", "s3cret"));
  failing.push_back(login("proxied", "s3cret"));
  failing.push_back(login("broken", "$2a$99$broken"));
  check_alike(*auth, failing);
  const outcome_of_login nobody = log_in(*auth, login("nobody", "x"));
  CHECK(nobody.elsewhere);
  CHECK(nobody.effort.bcrypt_rounds == 64);
  CHECK(log_in(*auth, login("proxied", "s3cret")).why == "proxy connection required");
}

TEST_CASE("failed logins cost the same: a single user, a token", "[auth][effort]") {
  for (const char* secret : {"s3cret", cheap}) {
    config::server_options o;
    o.authorization.user = "u";
    o.authorization.pass = secret;
    const auto single = make_config_authenticator(o, "$SYS");
    CHECK(log_in(*single, login("u", "s3cret")).in);
    check_alike(*single, {login("u", "x"), login("nobody", "x"), login("nobody", "s3cret"), login("", "")});
    config::server_options t;
    t.authorization.token = secret;
    const auto token = make_config_authenticator(t, "$SYS");
    login_request wrong, right;
    wrong.who.auth_token = "x";
    right.who.auth_token = "s3cret";
    CHECK(log_in(*token, right).in);
    check_alike(*token, {wrong, login("u", "s3cret"), {}});
  }
}

TEST_CASE("failed logins cost the same: nkeys", "[auth][effort]") {
  const nkey_pair known = nkey_pair::generate(nkey_role::user), web = nkey_pair::generate(nkey_role::user),
                  stranger = nkey_pair::generate(nkey_role::user);
  config::server_options o;
  o.authorization.users.resize(2);
  o.authorization.users[0].nkey = known.public_key();
  o.authorization.users[1].nkey = web.public_key();
  o.authorization.users[1].allowed_connection_types = {"WEBSOCKET"};
  const auto auth = make_config_authenticator(o, "$SYS");
  const auto asks = [&](const nkey_pair& claimed, const nkey_pair& signs) {
    login_request q;
    q.nonce = "a-nonce-of-15-c";
    q.who.nkey = claimed.public_key();
    const nkey_signature raw = signs.sign(q.nonce);
    q.who.sig.resize(sodium_base64_encoded_len(raw.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING));
    sodium_bin2base64(q.who.sig.data(), q.who.sig.size(), raw.data(), raw.size(),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    q.who.sig.pop_back();
    return q;
  };
  CHECK(log_in(*auth, asks(known, known)).in);
  check_alike(*auth, {asks(known, stranger), asks(web, web), asks(web, stranger), asks(stranger, stranger),
                      asks(stranger, known)});
  CHECK(log_in(*auth, asks(stranger, stranger)).effort.signatures == 1);
  login_request silent_known = asks(known, known), silent_stranger = asks(stranger, stranger);
  silent_known.who.sig.clear();
  silent_stranger.who.sig.clear();
  check_alike(*auth, {silent_known, silent_stranger});
}

TEST_CASE("failed logins cost the same: certificates that name somebody or nobody", "[auth][effort]") {
  config::server_options o;
  o.tls.emplace().verify_and_map = true;
  o.authorization.users = {user("a@x.org", cheap), user("b@x.org", "s3cret")};
  const auto auth = make_config_authenticator(o, "$SYS");
  const auto shows = [](const char* mail, const char* pass) {
    auto who = std::make_shared<certificate_identity>();
    who->emails = {mail};
    login_request q = login({}, pass);
    q.certificate = std::move(who);
    return q;
  };
  CHECK(log_in(*auth, shows("a@x.org", "s3cret")).in);
  CHECK(log_in(*auth, shows("b@x.org", "s3cret")).in);
  check_alike(*auth, {shows("a@x.org", "x"), shows("b@x.org", "x"), shows("c@x.org", "x"), shows("c@x.org", "")});
}

TEST_CASE("bcrypt: what is no right hash is nobody's, whatever it says", "[auth][effort]") {
  for (const char* broken : {"$2a$99$broken", "$2a$04$", "$2a$04$abc", "$2a$04$abcdefghijklmnopqrstuu"}) {
    CHECK(is_bcrypt_hash(broken));
    config::server_options o;
    o.authorization.users = {user("u", broken)};
    CHECK_FALSE(log_in(*make_config_authenticator(o, "$SYS"), login("u", broken)).in);
    CHECK_FALSE(log_in(*make_config_authenticator(o, "$SYS"), login("u", "")).in);
  }
  CHECK_FALSE(is_bcrypt_hash("$2a$4$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG"));
  CHECK(bcrypt_cost(dear) == 6);
  CHECK(bcrypt_cost("$2a$32$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG") == 0);
  CHECK(bcrypt_accepts(cheap, "s3cret", true, 4));
  CHECK_FALSE(bcrypt_accepts(cheap, std::string("s3cret\0x", 8), true, 4));
}
