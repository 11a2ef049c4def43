// Operator mode in the configuration. Texts and places are those of the NATS server 2.15 for the
// same file.
#include "config/load.hpp"
#include "test/catch.hpp"
#include "test/protocol/jwt_vectors.hpp"

using namespace troupe;
using namespace troupe::config;
namespace go = troupe::test::go;

namespace {

const std::string strict_operator = std::string("operator: ") + go::operator_ + "\n";
const std::string plain_operator = std::string("operator: ") + go::v1operator + "\n";

load_result loaded(const std::string& text) {
  parse_environment world;
  world.read_file = [](const std::string& path) -> result<std::string> {
    if (path == "op.jwt")
      return "-----BEGIN NATS OPERATOR JWT-----\n" + std::string(go::operator_)
             + "\n------END NATS OPERATOR JWT------\n";
    return error{errc::unavailable, "open " + path + ": no such file or directory"};
  };
  auto tree = parse(text, "t.conf", world);
  REQUIRE_FALSE(tree.failure);
  server_options base;
  base.allow_unsupported = true;
  return load(tree.root, base, &world);
}

std::string refusal(const std::string& text) {
  auto out = loaded(text);
  REQUIRE(out.ok());
  auto ok = validate(out.options);
  return ok ? "" : ok.error().context;
}

} // namespace

TEST_CASE("load: an operator from a file or in line, with its system account", "[config]") {
  for (const std::string& text : {strict_operator, std::string("operators: [op.jwt]\n")}) {
    auto out = loaded(text);
    REQUIRE(out.ok());
    auto& o = out.options;
    CHECK(o.operators.jwts == std::vector<std::string>{go::operator_});
    CHECK(o.system_account == go::pub_other);
    CHECK(o.operators.resolver.kind == resolver_kind::url);
    CHECK(o.operators.resolver.url == "http://localhost:9090/jwt/v1/accounts");
    CHECK(validate(o));
  }
  auto named = loaded(strict_operator + "system_account: ABC\nresolver: MEMORY\n");
  CHECK(named.options.system_account == "ABC");
  CHECK(named.options.operators.resolver.kind == resolver_kind::memory);
}

TEST_CASE("load: resolvers of every kind", "[config]") {
  auto resolver = [](const std::string& text) {
    auto out = loaded(text);
    CHECK(out.to_string().empty());
    return out.options.operators.resolver;
  };
  auto url = resolver("resolver: URL(\"http://127.0.0.1:80/jwt\")");
  CHECK(url.kind == resolver_kind::url);
  CHECK(url.url == "http://127.0.0.1:80/jwt");
  auto full = resolver(R"(resolver: { type: full, dir: "d", allow_delete: true, hard_delete: true,
                                      interval: "2m", limit: 7, timeout: "1s", other: 1 })");
  CHECK(full.kind == resolver_kind::full);
  CHECK(full.dir == "d");
  CHECK(full.allow_delete);
  CHECK(full.hard_delete);
  CHECK(full.interval == 2min);
  CHECK(full.limit == 7);
  CHECK(full.timeout == 1s);
  auto cache = resolver(R"(account_resolver: { type: cache, dir: "d", ttl: "1h" })");
  CHECK(cache.kind == resolver_kind::cache);
  CHECK(cache.ttl == 1h);
  CHECK(cache.timeout == 1900ms);
  auto preload = resolver("resolver: MEM\nresolver_preload: { " + std::string(go::pub_other) + ": "
                          + go::other + " }");
  CHECK(preload.preload.at(go::pub_other) == go::other);
}

TEST_CASE("load: what is wrong about operators is named in the server's words", "[config]") {
  const std::string bad_resolver =
      "error parsing account resolver, should be MEM or  URL(\"url\") or a map containing dir and "
      "type state=[FULL|CACHE])\n";
  struct golden {
    std::string text, report;
  };
  for (const golden& g : std::vector<golden>{
           {"operator: nope.jwt", "t.conf:1:0: error parsing operator JWT: open nope.jwt: no such "
                                  "file or directory\n"},
           {"operator: 7", "t.conf:1:0: error parsing operators: unsupported type int64\n"},
           {"operator: eyJhbc", "t.conf:1:0: error parsing operator JWT: expected 3 chunks\n"},
           {"operator: " + std::string(go::account),
            "t.conf:1:0: error parsing operator JWT: not operator claim\n"},
           {"resolver: foo", "t.conf:1:0: " + bad_resolver},
           {"resolver: { type: strange }", "t.conf:1:0: " + bad_resolver},
           {"resolver: 7", "t.conf:1:0: error parsing operator resolver, wrong type int64\n"},
           {"resolver: { type: cache, dir: d, allow_delete: true, hard_delete: true, interval: "
            "\"1m\" }",
            "t.conf:1:0: CACHE does not accept sync\nt.conf:1:0: CACHE does not accept "
            "allow_delete\nt.conf:1:0: CACHE does not accept hard_delete\n"},
           {"resolver: { type: full, dir: d, ttl: \"1m\", hard_delete: true }",
            "t.conf:1:0: FULL does not accept ttl\nt.conf:1:0: hard_delete has no effect without "
            "delete\n"},
           {"resolver: { type: full, dir: d, timeout: \"0s\" }",
            "t.conf:1:0: Fetch timeout 0s is too smal\n"},
           {"resolver_preload: 7",
            "t.conf:1:0: preload should be a map of account_public_key:account_jwt\n"},
           {"x: 1", "t.conf:1:0: unknown field \"x\"\n"},
           {"trusted: 7", "t.conf:1:0: error parsing trusted: unsupported type int64\n"},
           {"trusted: x",
            "t.conf:1:0: trust key \"x\" required to be a valid public operator nkey\n"},
           {"resolver_pinned_accounts: 7",
            "t.conf:1:0: error parsing resolver_pinned_accounts: unsupported type int64\n"},
       }) {
    INFO(g.text);
    CHECK(loaded(g.text).to_string() == g.report);
  }
  auto preload = loaded("\nresolver_preload: { a: 7, b: x }").to_string();
  CHECK(preload == "t.conf:2:21: preload map value should be a string JWT\n"
                   "t.conf:2:27: invalid account JWT\n");
}

TEST_CASE("validate: what does not go with operators", "[config]") {
  const std::string memory = strict_operator + "resolver: MEM\n";
  CHECK(refusal(memory).empty());
  CHECK(refusal(plain_operator) == "operators require an account resolver to be configured");
  CHECK(refusal("default_sentinel: x") == "default sentinel requires operators and accounts");
  CHECK(refusal(memory + "default_sentinel: x") == "default sentinel JWT not valid");
  CHECK(refusal(memory + "default_sentinel: " + go::v1user)
        == "default sentinel must be a bearer token");
  CHECK(refusal(memory + "default_sentinel: " + go::user).empty());
  CHECK(refusal(memory + "default_sentinel: " + go::scoped).empty());
  CHECK(refusal(memory + "accounts: { A: {} }")
        == "operators do not allow Accounts to be configured directly");
  CHECK(refusal(memory + "authorization: { users: [ { user: a, password: b } ] }")
        == "operators do not allow users to be configured directly");
  CHECK(refusal(memory + "trusted: " + go::pub_op)
        == "conflicting options for 'TrustedKeys' and 'TrustedOperators'");
  CHECK(refusal(memory + "system_account: " + go::pub_acc)
        == "system_account in config and operator JWT must be identical");
  CHECK(refusal(plain_operator + "resolver: { type: full, dir: d }")
        == "using nats based account resolver - the system account needs to be specified in "
           "configuration or the operator jwt");
  CHECK(refusal(memory + "resolver_pinned_accounts: x")
        == "pinned account key \"x\" is not a valid public account nkey");
  CHECK(refusal(memory + "no_auth_user: x") == "no_auth_user not compatible with Trusted Operator");
  CHECK(refusal(strict_operator + "resolver: URL(http://h/x)\nresolver_preload: { "
                + go::pub_other + ": " + go::other + " }")
        == "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR");
  auto out = loaded(memory);
  auto newer = validate_operators(out.options, "2.8.4");
  REQUIRE_FALSE(newer);
  CHECK(newer.error().context
        == "operator " + std::string(go::pub_op)
               + " expected minor version 9 > server minor version 8");
}
