#include "actors/ocsp/answer_cache.hpp"
#include "actors/ocsp/peer_core.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr wall_seconds noon{std::chrono::seconds(1'800'000'000)};

ocsp_answer answer(std::chrono::seconds from, std::optional<std::chrono::seconds> until,
                   ocsp_status status = ocsp_status::good) {
  ocsp_answer out;
  out.status = status;
  out.this_update = noon + from;
  if (until) out.next_update = noon + *until;
  return out;
}

kept_answer kept(ocsp_status status, std::string der = "der") {
  return {"CN=a", noon, answer(0s, 1h, status), std::move(der)};
}

} // namespace

TEST_CASE("peer: an answer counts within its times and the skew", "[ocsp]") {
  config::ocsp_peer_options o;
  CHECK(counts(answer(-1h, 1h), o, noon));
  CHECK(counts(answer(-1h, -30s), o, noon));
  CHECK_FALSE(counts(answer(-1h, -31s), o, noon));
  CHECK(counts(answer(30s, 1h), o, noon));
  CHECK_FALSE(counts(answer(31s, 1h), o, noon));
  CHECK(counts(answer(-3630s, std::nullopt), o, noon));
  CHECK_FALSE(counts(answer(-3631s, std::nullopt), o, noon));
  o.cache_ttl = 10s;
  o.allowed_clockskew = 0s;
  CHECK(counts(answer(-10s, std::nullopt), o, noon));
  CHECK_FALSE(counts(answer(-11s, std::nullopt), o, noon));
}

TEST_CASE("peer: options turn rulings round, and say so", "[ocsp]") {
  config::ocsp_peer_options o;
  CHECK(rule_on(ocsp_status::good, o).passes);
  CHECK_FALSE(rule_on(ocsp_status::revoked, o).passes);
  CHECK(rule_on(ocsp_status::unknown, o).reason == "Invalid OCSP response status: unknown");
  for (auto p : {link_problem::unreachable, link_problem::unreadable, link_problem::bad_delegate, link_problem::not_current})
    CHECK_FALSE(rule_on(p, "CN=a", o, false).passes);
  o.allow_when_ca_unreachable = true;
  CHECK(rule_on(link_problem::unreachable, "CN=a", o, false).passes);
  CHECK_FALSE(rule_on(link_problem::unreachable, "CN=a", o, true).passes);
  CHECK_FALSE(rule_on(link_problem::unreadable, "CN=a", o, false).passes);
  o.unknown_is_good = true;
  CHECK(rule_on(ocsp_status::unknown, o).passes);
  CHECK_FALSE(rule_on(ocsp_status::revoked, o).passes);
  o.warn_only = true;
  CHECK(rule_on(ocsp_status::revoked, o).passes);
  CHECK_FALSE(rule_on(ocsp_status::revoked, o).because.empty());
  CHECK(rule_on(link_problem::unreachable, "CN=a", o, true).passes);
}

TEST_CASE("answer cache: counts, rejects, keeps revocations if told to", "[ocsp]") {
  config::ocsp_cache_options o;
  for (bool preserve : {false, true}) {
    o.preserve_revoked = preserve;
    answer_cache cache(o);
    CHECK_FALSE(cache.find("a"));
    cache.put("a", kept(ocsp_status::good));
    cache.put("b", kept(ocsp_status::revoked));
    REQUIRE(cache.find("a"));
    cache.reject("a");
    REQUIRE(cache.find("b"));
    cache.reject("b");
    CHECK_FALSE(cache.find("a"));
    CHECK((cache.find("b") != nullptr) == preserve);
    const auto counts = cache.counts();
    CHECK(counts.good == 0);
    CHECK(counts.revoked == (preserve ? 1 : 0));
    CHECK(counts.answers == counts.revoked);
    CHECK(counts.hits + counts.misses == 5);
  }
  o.local = false;
  answer_cache none(o);
  none.put("a", kept(ocsp_status::good));
  CHECK_FALSE(none.find("a"));
}

TEST_CASE("answer cache: is bounded, the oldest go", "[ocsp]") {
  answer_cache cache({});
  for (size_t i = 0; i < max_kept_answers + 3; ++i) {
    auto one = kept(ocsp_status::good);
    one.cached_at = noon + std::chrono::seconds(i);
    cache.put(std::to_string(i), std::move(one));
    if (i == 5) cache.put("5", kept(ocsp_status::good));
  }
  CHECK(cache.counts().answers == static_cast<int64_t>(max_kept_answers));
  CHECK_FALSE(cache.find("1"));
  CHECK(cache.find(std::to_string(max_kept_answers + 2)));
}

TEST_CASE("answer cache: what is saved is loaded, what is damaged left out", "[ocsp]") {
  answer_cache cache({});
  cache.put("a", kept(ocsp_status::good, std::string("\0\xff der", 6)));
  cache.put("b", kept(ocsp_status::revoked, "x"));
  CHECK(cache.take_changed());
  CHECK_FALSE(cache.take_changed());
  std::string json = cache.to_json();
  answer_cache again({});
  REQUIRE(again.from_json(json));
  CHECK(again.counts().answers == 2);
  CHECK(again.counts().revoked == 1);
  REQUIRE(again.find("a"));
  CHECK(again.find("a")->der == std::string("\0\xff der", 6));
  for (auto bad : {"", "[]", "1", "{\"a\":", "{\"a\":\"b\""}) CHECK_FALSE(again.from_json(bad));
  REQUIRE(again.from_json("{\"a\":{\"resp\":\"AAAA\"},\"b\":null,\"c\":{\"resp\":5}}"));
  CHECK(again.counts().answers == 0);
}
