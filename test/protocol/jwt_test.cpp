// Tokens against those of the Go library, and what must not be believed.
#include <algorithm>
#include <string>

#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/claims_read.hpp"
#include "protocol/auth/claims_write.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/json/reader.hpp"
#include "test/catch.hpp"
#include "test/protocol/jwt_vectors.hpp"

using namespace troupe;
namespace go = troupe::test::go;

namespace {

const zone_offset utc_only = [](std::string_view zone, int64_t) -> std::optional<int64_t> {
  if (zone.empty() || zone == "UTC" || zone == "Europe/Berlin") return 0;
  return {};
};

nkey_pair pair_of(const char* seed) { return *nkey_pair::from_seed(seed); }

claims_data about(std::string subject) {
  claims_data d;
  d.subject = std::move(subject);
  return d;
}

std::string replaced(std::string token, size_t chunk, const std::string& with) {
  size_t start = 0;
  for (size_t i = 0; i < chunk; ++i)
    start = token.find('.', start) + 1;
  const size_t end = std::min(token.find('.', start), token.size());
  return token.replace(start, end - start, with);
}

} // namespace

TEST_CASE("jwt: an operator of the Go library", "[auth][jwt]") {
  auto o = decode_operator_jwt(go::operator_);
  REQUIRE(o);
  CHECK(o->data.subject == go::pub_op);
  CHECK(o->data.issuer == go::pub_op);
  CHECK(o->data.name == "O");
  CHECK(o->signing_keys == claim_strings{go::pub_osk});
  CHECK(o->system_account == go::pub_other);
  CHECK(o->assert_server_version == "2.9.0");
  CHECK(o->account_server_url == "http://localhost:9090/jwt/v1");
  CHECK(o->service_urls == claim_strings{"nats://localhost:4222"});
  CHECK(o->tags == claim_strings{"ops"});
  CHECK(o->version == 2);
  CHECK(o->trusted_keys() == claim_strings{go::pub_osk}); // strict: not the operator itself
  CHECK(check_claims(*o, 10).empty());
}

TEST_CASE("jwt: an account of the Go library, with all its parts", "[auth][jwt]") {
  auto a = decode_account_jwt(go::account);
  REQUIRE(a);
  CHECK(check_claims(*a, 10).empty());
  CHECK(a->data.issuer == go::pub_osk);
  CHECK(a->limits.connections == 10);
  CHECK(a->limits.subscriptions == 100);
  CHECK(a->limits.payload == 2048);
  CHECK(a->limits.leafnodes == 3);
  CHECK(a->limits.imports == -1);
  CHECK(a->limits.wildcard_exports);
  CHECK(a->limits.disallow_bearer);
  CHECK(a->limits.jetstream_tiers.at("R1").max_bytes_required);
  CHECK(a->limits.jetstream_tiers.at("R1").consumers == 4);
  REQUIRE(a->signing_keys.size() == 2);
  CHECK_FALSE(a->signing_keys.at(go::pub_ask));
  const auto& scope = a->signing_keys.at(go::pub_scoped);
  REQUIRE(scope);
  CHECK(scope->role == "worker");
  CHECK(scope->limits.subscriptions == 5);
  CHECK(scope->limits.payload == -1);
  CHECK(scope->limits.permissions.responses == claim_responses{3, 60'000'000'000});
  CHECK(is_revoked(a->revocations, go::pub_user, 2000));
  CHECK_FALSE(is_revoked(a->revocations, go::pub_user, 2001));
  CHECK(is_revoked(a->revocations, "anybody", 1000));
  CHECK_FALSE(is_revoked(a->revocations, "anybody", 1001));
  CHECK(a->default_permissions.publish.deny == claim_strings{"x.>"});
  CHECK(a->default_permissions.subscribe.allow == claim_strings{"a q"});
  REQUIRE(a->mappings.size() == 1);
  CHECK(a->mappings[0].first == "foo.*");
  CHECK(a->mappings[0].second[0].effective_weight() == 40);
  CHECK(a->mappings[0].second[1].effective_weight() == 100);
  CHECK(a->mappings[0].second[1].cluster == "C1");
  CHECK(a->authorization.allowed_accounts == claim_strings{"*"});
  CHECK(a->trace->destination == "trace.here");
  CHECK(a->trace->sampling == 50);
  CHECK(a->cluster_traffic == "owner");
  CHECK(a->tags == claim_strings{"region:eu", "tier:gold"});
}

TEST_CASE("jwt: exports and imports of the Go library", "[auth][jwt]") {
  auto a = decode_account_jwt(go::account);
  REQUIRE(a);
  REQUIRE(a->exports.size() == 3); // sorted by subject
  CHECK(a->exports[0].latency->sampling == 0);
  const claim_export& stream = a->exports[1];
  CHECK(stream.subject == "str.>");
  CHECK(stream.kind == claim_export_kind::stream);
  CHECK(stream.token_required);
  CHECK(stream.revocations == revocation_list{{"*", 5}});
  const claim_export& service = a->exports[2];
  CHECK(service.kind == claim_export_kind::service);
  CHECK(service.response_type == "Stream");
  CHECK(service.response_threshold_ns == 3'000'000'000);
  CHECK(service.latency->sampling == 20);
  CHECK(service.latency->results == "lat");
  CHECK(service.account_token_position == 2);
  CHECK(service.allow_trace);
  REQUIRE(a->imports.size() == 2);
  CHECK(a->imports[0].local_subject == "local.$1");
  CHECK(a->imports[0].share);
  CHECK(a->imports[1].to == "here");
  CHECK(a->imports[1].token == go::activation);
}

TEST_CASE("jwt: claims are shown as they are stated, without activations", "[auth][jwt]") {
  auto a = decode_account_jwt(go::account);
  REQUIRE(a);
  std::string shown;
  json_writer w(shown);
  write_claims(w, *a);
  CHECK(shown.find(go::activation) == std::string::npos);
  json_reader reader;
  auto again = read_claims(*reader.read(shown));
  REQUIRE(again);
  auto& claims = std::get<account_claims>(again->claims);
  CHECK(claims.limits == a->limits);
  CHECK(claims.signing_keys == a->signing_keys);
  CHECK(claims.imports[1].token.empty());
  std::string twice;
  json_writer w2(twice);
  write_claims(w2, claims);
  CHECK(twice == shown);

  claims.imports[0].to = "old";
  claims.data.expires = 10;
  claims.info_url = "http://";
  const auto remarks = remarks_on(claims, 11);
  REQUIRE(remarks.size() == 3); // the account of the library has one such import itself
  CHECK(remarks[0].about_time);
  CHECK_FALSE(remarks[1].about_time);
  const claim_faults faults = check_claims(claims, 11);
  CHECK(std::count(faults.begin(), faults.end(), "error parsing info url: no hostname or scheme") == 1);
}

TEST_CASE("jwt: users, scoped or not, of the Go library", "[auth][jwt]") {
  auto u = decode_user_jwt(go::user);
  REQUIRE(u);
  CHECK(check_claims(*u, 10, utc_only).empty());
  CHECK(u->account() == go::pub_acc);
  CHECK(u->limits.permissions.publish.allow == claim_strings{"p.>"});
  CHECK(u->limits.permissions.subscribe.allow == claim_strings{"s.* q1"});
  CHECK(u->limits.permissions.subscribe.deny == claim_strings{"s.no"});
  CHECK(u->limits.permissions.responses == claim_responses{1, 0});
  CHECK(u->limits.sources == claim_strings{"127.0.0.0/8", "fe80::/10"});
  CHECK(u->limits.times == std::vector<claim_time_range>{{"08:00:00", "18:00:00"}});
  CHECK(u->limits.locale == "Europe/Berlin");
  CHECK(u->limits.subscriptions == 7);
  CHECK(u->limits.payload == 512);
  CHECK(u->limits.data == -1);
  CHECK(u->limits.bearer);
  CHECK(u->limits.proxy_required);
  CHECK(u->limits.allowed_connection_types == claim_strings{"STANDARD", "MQTT"});
  CHECK(u->tags == claim_strings{"team:red", "team:blue"});

  auto s = decode_user_jwt(go::scoped);
  REQUIRE(s);
  CHECK(s->limits == user_permission_limits{});
  CHECK(s->data.issuer == go::pub_scoped);
}

TEST_CASE("jwt: requests, answers, activations and generic claims of the Go library",
          "[auth][jwt]") {
  auto q = decode_authorization_request_jwt(go::request);
  REQUIRE(q);
  CHECK(q->user_nkey == go::pub_user);
  CHECK(q->server.xkey == "XK");
  CHECK(q->server.tags == claim_strings{"a"});
  CHECK(q->client.id == 12);
  CHECK(q->connect.pass == "p");
  CHECK(q->tls->verified_chains == std::vector<claim_strings>{{"A", "B"}});
  auto r = decode_authorization_response_jwt(go::response);
  REQUIRE(r);
  CHECK(r->error == "no");
  CHECK(r->issuer_account == go::pub_acc);
  CHECK(check_claims(*r, 10).empty());
  auto a = decode_activation_jwt(go::activation);
  REQUIRE(a);
  CHECK(a->import_subject == "priv.>");
  CHECK(a->kind == claim_export_kind::stream);
  CHECK(a->issuer_account == go::pub_other);
  auto g = decode_generic_jwt(go::generic);
  REQUIRE(g);
  CHECK(g->accounts == claim_strings{go::pub_acc, go::pub_other});
}

TEST_CASE("jwt: version 1 of the Go library", "[auth][jwt]") {
  auto u = decode_user_jwt(go::v1user);
  REQUIRE(u);
  CHECK(u->version == 1);
  CHECK(u->issuer_account == go::pub_acc);
  CHECK(u->tags == claim_strings{"t"});
  CHECK(u->limits.permissions.publish.allow == claim_strings{"old.>"});
  CHECK(u->limits.subscriptions == -1);
  auto a = decode_account_jwt(go::v1account);
  REQUIRE(a);
  CHECK(a->signing_keys.count(go::pub_ask) == 1);
  auto o = decode_operator_jwt(go::v1operator);
  REQUIRE(o);
  CHECK(o->signing_keys == claim_strings{go::pub_osk});
}

TEST_CASE("jwt: what we sign is read back", "[auth][jwt]") {
  auto q = decode_authorization_request_jwt(go::request);
  REQUIRE(q);
  const std::string token = encode_authorization_request(*q, pair_of(go::seed_srv), 77);
  auto again = decode_authorization_request_jwt(token);
  REQUIRE(again);
  CHECK(again->data.issuer == go::pub_srv);
  CHECK(again->data.issued_at == 77);
  CHECK(again->data.audience == "nats-authorization-request");
  CHECK(again->server.cluster == "c");
  CHECK(again->client.nonce == "NN");
  CHECK(again->connect.protocol == 1);
  CHECK(again->tls->cipher == "C");
  CHECK(again->data.id.size() == 52);
}

TEST_CASE("jwt: a token that was touched is not believed", "[auth][jwt][attack]") {
  const std::string token = go::user;
  for (size_t i = 0; i < token.size(); ++i) {
    std::string bad = token;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    if (decode_user_jwt(bad)) FAIL("believed with another character at " << i);
  }
  CHECK_FALSE(decode_user_jwt(token.substr(0, token.rfind('.') + 1)));
  CHECK(decode_user_jwt(token + ".x").error().context == "expected 3 chunks");
  CHECK(decode_user_jwt(go::account).error().context == "not user claim");
  CHECK(decode_user_jwt(std::string(max_jwt_bytes + 1, 'x')).error().code == errc::limit_exceeded);
  for (const char* alg : {"none", "HS256", "ed25519-none", ""}) {
    const std::string header =
        base64url_encode(R"({"typ":"JWT","alg":")" + std::string(alg) + "\"}");
    CHECK_FALSE(decode_user_jwt(replaced(token, 0, header)));
  }
  CHECK_FALSE(decode_user_jwt(replaced(token, 0, base64url_encode("[]"))));
}

TEST_CASE("attack case 9: a truncated or foreign issuer key is refused", "[auth][jwt][attack]") {
  const nkey_pair account = pair_of(go::seed_acc);
  const std::string nats = R"({"type":"user","version":2})";
  REQUIRE(decode_user_jwt(encode_jwt(about(go::pub_user), nats, account, 1)));
  // Signed well, but by keys that may not issue users.
  for (const char* seed : {go::seed_op, go::seed_user, go::seed_srv})
    CHECK_FALSE(decode_user_jwt(encode_jwt(about(go::pub_user), nats, pair_of(seed), 1)));
  for (const std::string& issuer :
       {std::string(go::pub_acc).substr(0, 55), std::string(go::pub_acc).substr(0, 20), std::string(),
        std::string(go::pub_acc) + "A", std::string("A")}) {
    const std::string json = R"({"iss":")" + issuer + R"(","sub":"U","nats":)" + nats + "}";
    const std::string token = replaced(go::user, 1, base64url_encode(json));
    CHECK_FALSE(decode_user_jwt(token));
    CHECK_FALSE(decode_generic_jwt(token));
  }
  CHECK_FALSE(decode_account_jwt(
      encode_jwt(about(go::pub_acc), R"({"type":"account","version":2})", pair_of(go::seed_user), 1)));
  CHECK_FALSE(decode_operator_jwt(
      encode_jwt(about(go::pub_op), R"({"type":"operator","version":2})", account, 1)));
}

TEST_CASE("attack case 15: an expired or early claim has a fault", "[auth][jwt][attack]") {
  auto u = decode_user_jwt(go::user); // valid from 5 until 4102444800
  REQUIRE(u);
  CHECK(check_claims(*u, 4102444800, utc_only).empty());
  CHECK(check_claims(*u, 4102444801, utc_only) == claim_faults{"claim is expired"});
  CHECK(check_claims(*u, 4, utc_only) == claim_faults{"claim is not yet valid"});
  auto a = decode_account_jwt(go::account);
  REQUIRE(a);
  a->data.expires = 100;
  CHECK(check_claims(*a, 101) == claim_faults{"claim is expired"});
}

TEST_CASE("attack case 16: an activation only serves the account it names", "[auth][jwt][attack]") {
  const auto exporter = decode_account_jwt(go::other);
  REQUIRE(exporter);
  claim_import wanted;
  wanted.subject = "priv.data";
  wanted.account = go::pub_other;
  wanted.kind = claim_export_kind::stream;
  wanted.token = go::activation;
  CHECK(check_activation(wanted, go::pub_acc, *exporter, {}, 10));
  CHECK_FALSE(check_activation(wanted, go::pub_other, *exporter, {}, 10)); // another importer
  CHECK_FALSE(check_activation(wanted, go::pub_acc, *exporter, {}, 4102444800));
  const auto token = decode_activation_jwt(go::activation);
  CHECK_FALSE(check_activation(wanted, go::pub_acc, *exporter,
                               {{"*", token->data.issued_at}}, 10));
  claim_import other_kind = wanted;
  other_kind.kind = claim_export_kind::service;
  CHECK_FALSE(check_activation(other_kind, go::pub_acc, *exporter, {}, 10));
  claim_import other_subject = wanted;
  other_subject.subject = "pub.data";
  CHECK_FALSE(check_activation(other_subject, go::pub_acc, *exporter, {}, 10));
  claim_import other_exporter = wanted;
  other_exporter.account = go::pub_acc;
  CHECK_FALSE(check_activation(other_exporter, go::pub_acc, *exporter, {}, 10));
  account_claims stripped = *exporter;
  stripped.signing_keys.clear(); // the key that signed it was withdrawn
  CHECK_FALSE(check_activation(wanted, go::pub_acc, stripped, {}, 10));
  wanted.token.clear();
  CHECK_FALSE(check_activation(wanted, go::pub_acc, *exporter, {}, 10));
}

TEST_CASE("attack case 35: absent, null and foreign parts of a user do no harm",
          "[auth][jwt][attack]") {
  const nkey_pair account = pair_of(go::seed_acc);
  auto user = [&](std::string nats) {
    return decode_user_jwt(encode_jwt(about(go::pub_user), nats, account, 1));
  };
  for (const char* nats :
       {R"({"type":"user","version":2,"pub":null,"sub":null,"resp":null,"times":null,"src":null})",
        R"({"type":"user","version":2,"pub":{"allow":null,"deny":[null]},"times":[null]})",
        R"({"type":"user","version":2,"tags":null,"unknown":{"a":[1,2,{}]}})"}) {
    CAPTURE(nats);
    auto u = user(nats);
    REQUIRE(u);
    (void)check_claims(*u, 10, utc_only);
  }
  for (const char* nats :
       {"null", "{}", "[]", "7", R"({"type":"user"})", R"({"type":"user","version":3})",
        R"({"type":"user","version":2,"pub":[]})", R"({"type":"user","version":2,"subs":"1"})",
        R"({"type":"user","version":2,"subs":1.5})", R"({"type":7,"version":2})",
        R"({"type":"user","version":2,"bearer_token":"true"})",
        R"({"type":"cluster","version":2})", R"({"type":"server","version":2})"}) {
    CAPTURE(nats);
    CHECK_FALSE(user(nats));
  }
  auto a = decode_account_jwt(
      encode_jwt(about(go::pub_acc),
                 R"({"type":"account","version":2,"imports":[null],"exports":[null]})",
                 pair_of(go::seed_op), 1));
  REQUIRE(a);
  CHECK_FALSE(check_claims(*a, 10).empty());
}

TEST_CASE("jwt: faults of accounts are named", "[auth][jwt]") {
  auto faults = [](std::string nats) {
    auto a = decode_account_jwt(encode_jwt(about(go::pub_acc),
                                           R"({"type":"account","version":2,"limits":{"imports":-1,"exports":-1,"wildcards":true},)"
                                               + nats + "}",
                                           pair_of(go::seed_op), 1));
    REQUIRE(a);
    const claim_faults all = check_claims(*a, 10);
    return all.empty() ? "" : all.front();
  };
  CHECK(faults(R"("tags":[])").empty());
  CHECK(faults(R"("exports":[{"subject":"a.*","type":"stream"},{"subject":"a.b","type":"stream"}])")
        == R"(stream export subject "a.*" already exports "a.b")");
  CHECK(faults(R"("exports":[{"subject":"a","type":"stream","account_token_position":1}])")
        == "Account Token Position can only be used with wildcard subjects: a");
  CHECK(faults(R"("exports":[{"subject":"a.*","type":"stream","account_token_position":1}])")
        == "Account Token Position 1 matches 'a' but must match a * in: a.*");
  CHECK(faults(R"("imports":[{"subject":"a..b","account":"X","type":"stream"}])")
        == "subject \"a..b\" cannot contain consecutive `.`");
  CHECK(faults(R"("mappings":{"a":[{"subject":"b","weight":60},{"subject":"c","weight":60}]})")
        == R"(Mapping "a" exceeds 100% among all of it's weighted to mappings)");
  CHECK(faults(R"("signing_keys":["nonsense"])") == R"("nonsense" is not a valid account signing key)");
  CHECK(faults(R"("authorization":{"auth_users":["x"]})")
        == R"(AuthUser "x" is not a valid user public key)");
  CHECK(faults(R"("default_permissions":{"pub":{"allow":["a b"]}})")
        == R"(Permission Subject "a b" is not allowed to contain queue)");
}

TEST_CASE("jwt: files with decoration", "[auth][jwt]") {
  const std::string creds = "-----BEGIN NATS USER JWT-----\n" + std::string(go::user)
                            + "\n------END NATS USER JWT------\n\n*** IMPORTANT ***\r\n"
                              "-----BEGIN USER NKEY SEED-----\r\n"
                            + go::seed_user + "\r\n------END USER NKEY SEED------\r\n";
  CHECK(find_decorated_jwt(creds) == go::user);
  CHECK(find_decorated_seed(creds) == go::seed_user);
  CHECK(find_decorated_jwt(std::string("  ") + go::user + "\n") == go::user);
  CHECK(find_decorated_seed(go::seed_user) == go::seed_user);
  CHECK_FALSE(find_decorated_jwt("nothing of the kind"));
  CHECK_FALSE(find_decorated_seed(go::user));
  CHECK_FALSE(find_decorated_jwt(""));
}

TEST_CASE("jwt: base64url", "[auth][jwt]") {
  for (const char* text : {"", "f", "fo", "foo", "\xff\xfe\xfd"})
    CHECK(base64url_decode(base64url_encode(text)) == text);
  CHECK(base64url_encode("\xff\xfe\xfd") == "__79");
  CHECK_FALSE(base64url_decode("a"));
  CHECK_FALSE(base64url_decode("ab=="));
  CHECK_FALSE(base64url_decode("a+b/"));
}
