// Permissions: rules, the answers a session remembers, responses. Attack cases 17 to 19 by number.
#include <random>
#include <string>
#include <vector>

#include "actors/auth/permission_core.hpp"
#include "test/actors/auth_permission_model.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

using words = std::vector<std::string>;

std::shared_ptr<const permission_set> subscribe_rules(words allow, words deny) {
  config::permissions p;
  p.subscribe = config::subject_permission{std::move(allow), std::move(deny)};
  return permission_set::make(p);
}

std::shared_ptr<const permission_set> publish_rules(words allow, words deny) {
  config::permissions p;
  p.publish = config::subject_permission{std::move(allow), std::move(deny)};
  return permission_set::make(p);
}

permission_state responder(int64_t max, std::chrono::nanoseconds expires, words allow = {}) {
  config::permissions p;
  if (!allow.empty()) p.publish = config::subject_permission{std::move(allow), {}};
  p.responses = config::response_permission{max, expires};
  return permission_state(permission_set::make(p));
}

} // namespace

TEST_CASE("permissions: publish rules, deny wins", "[auth][permissions]") {
  permission_state s(publish_rules({"foo", "bar.*", "deep.>"}, {"bar.no", "deep.*.secret"}));
  for (int round = 0; round < 2; ++round) { // the second from memory
    CHECK(s.may_publish("foo", 0s));
    CHECK_FALSE(s.may_publish("foo.x", 0s));
    CHECK(s.may_publish("bar.x", 0s));
    CHECK_FALSE(s.may_publish("bar", 0s));
    CHECK_FALSE(s.may_publish("bar.x.y", 0s));
    CHECK_FALSE(s.may_publish("bar.no", 0s));
    CHECK(s.may_publish("deep.a.b.c", 0s));
    CHECK_FALSE(s.may_publish("deep.a.secret", 0s));
    CHECK_FALSE(s.may_publish("deep", 0s));
    CHECK_FALSE(s.may_publish("", 0s));
    CHECK_FALSE(s.may_publish("deep..x", 0s));
  }
}

TEST_CASE("permissions: without an allow list all is allowed that is not denied",
          "[auth][permissions]") {
  permission_state s(publish_rules({}, {"private.>", "old queue"}));
  CHECK(s.may_publish("anything.at.all", 0s));
  CHECK_FALSE(s.may_publish("private.x", 0s));
  CHECK_FALSE(s.may_publish("old", 0s)); // a queue means nothing to a publish
  permission_state free(permission_set::make({}));
  CHECK(free.may_publish("x", 0s));
  CHECK(free.may_subscribe(">", ""));
  CHECK_FALSE(free.needs_delivery_filter(">", ""));
}

TEST_CASE("permissions: a list of invalid rules allows nothing", "[auth][permissions]") {
  permission_state p(publish_rules({"a..b", "a b c"}, {}));
  CHECK_FALSE(p.may_publish("a", 0s));
  permission_state s(subscribe_rules({"a..b", "a b c", " "}, {}));
  CHECK_FALSE(s.may_subscribe("a", "b"));
  CHECK_FALSE(s.may_subscribe(">", ""));
}

TEST_CASE("permissions: a wildcard subscription must lie within one allowed filter",
          "[auth][permissions]") {
  permission_state s(subscribe_rules({"foo.*", "bar.>"}, {}));
  CHECK(s.may_subscribe("foo.a", ""));
  CHECK(s.may_subscribe("foo.*", ""));
  CHECK(s.may_subscribe("bar.*.x", ""));
  CHECK(s.may_subscribe("bar.>", ""));
  CHECK_FALSE(s.may_subscribe("*.a", ""));
  CHECK_FALSE(s.may_subscribe(">", ""));
  CHECK_FALSE(s.may_subscribe("foo", ""));
  // The Go server lets this one through, and with it every foo.a.b.
  CHECK_FALSE(s.may_subscribe("foo.>", ""));
}

TEST_CASE("permissions: queue rules of subscriptions", "[auth][permissions]") {
  permission_state s(subscribe_rules({"foo v1", "foo v2.*", "bar", "both", "both only"}, {}));
  CHECK(s.may_subscribe("foo", "v1"));
  CHECK(s.may_subscribe("foo", "v2.beta"));
  CHECK(s.may_subscribe("foo", "v2.*")); // a queue of that very name
  CHECK_FALSE(s.may_subscribe("foo", "v2"));
  CHECK_FALSE(s.may_subscribe("foo", "v3"));
  CHECK_FALSE(s.may_subscribe("foo", ""));
  CHECK(s.may_subscribe("bar", "any"));
  CHECK(s.may_subscribe("both", ""));
  CHECK(s.may_subscribe("both", "only"));
  CHECK_FALSE(s.may_subscribe("both", "other"));

  permission_state d(subscribe_rules({}, {"foo v1", "foo v2.>", "bar"}));
  CHECK(d.may_subscribe("foo", ""));
  CHECK(d.may_subscribe("foo", "v3"));
  CHECK_FALSE(d.may_subscribe("foo", "v1"));
  CHECK_FALSE(d.may_subscribe("foo", "v2.a.b"));
  CHECK_FALSE(d.may_subscribe("bar", ""));
  CHECK_FALSE(d.may_subscribe("bar", "q"));
}

TEST_CASE("attack case 17: a wildcard that overlaps a deny without lying in it is filtered",
          "[auth][permissions][attack]") {
  permission_state s(subscribe_rules({}, {"a.secret.*", "b.*.x"}));
  for (const char* subject : {">", "a.>", "*.secret.>", "a.*.*", "b.y.*", "*.*.*"}) {
    CAPTURE(subject);
    CHECK(s.may_subscribe(subject, ""));
    CHECK(s.needs_delivery_filter(subject, ""));
  }
  CHECK_FALSE(s.needs_delivery_filter("a.*", ""));
  CHECK_FALSE(s.needs_delivery_filter("c.>", ""));
  CHECK_FALSE(s.needs_delivery_filter("a.secret", ""));
  for (int round = 0; round < 2; ++round) {
    CHECK_FALSE(s.may_deliver("a.secret.1", ""));
    CHECK_FALSE(s.may_deliver("b.y.x", ""));
    CHECK(s.may_deliver("a.secret", ""));
    CHECK(s.may_deliver("b.y.z", ""));
  }
  CHECK_FALSE(s.may_subscribe("a.secret.*", ""));
  CHECK_FALSE(s.may_subscribe("a.secret.1", ""));
  CHECK_FALSE(s.may_subscribe("a.secret.>", ""));
}

TEST_CASE("attack case 18: a rule about a queue never lifts a plain deny",
          "[auth][permissions][attack]") {
  permission_state s(subscribe_rules({}, {"foo", "foo v1", "bar.> q1", "bar.x"}));
  CHECK_FALSE(s.may_subscribe("foo", ""));
  CHECK_FALSE(s.may_subscribe("foo", "v1"));
  CHECK_FALSE(s.may_subscribe("foo", "v2"));
  CHECK(s.may_subscribe("bar.*", "q2"));
  CHECK(s.needs_delivery_filter("bar.*", "q2"));
  CHECK_FALSE(s.may_deliver("bar.x", "q2"));
  CHECK(s.may_deliver("bar.y", "q2"));
  CHECK_FALSE(s.may_deliver("bar.y", "q1"));
  CHECK(s.may_deliver("bar.y", ""));
}

TEST_CASE("attack case 19: a queue subscription on a wildcard gets no denied message",
          "[auth][permissions][attack]") {
  permission_state s(subscribe_rules({"foo.>"}, {"foo.secret", "foo.group workers"}));
  CHECK(s.may_subscribe("foo.*", "workers"));
  CHECK(s.needs_delivery_filter("foo.*", "workers"));
  CHECK_FALSE(s.may_deliver("foo.secret", "workers"));
  CHECK_FALSE(s.may_deliver("foo.group", "workers"));
  CHECK(s.may_deliver("foo.group", "others"));
  CHECK(s.may_deliver("foo.open", "workers"));
}

TEST_CASE("permissions: at most 128 answers are remembered, of subjects that are not long",
          "[auth][permissions]") {
  verdict_cache cache;
  CHECK_FALSE(cache.find("a"));
  for (int i = 0; i < 10000; ++i) {
    const std::string subject = "s." + std::to_string(i);
    if (!cache.find(subject)) cache.put(subject, i % 2 == 0);
    CHECK(cache.find(subject) == (i % 2 == 0));
  }
  CHECK(cache.size() == verdict_cache::entries_max);
  for (int i = 0; i < 10000; ++i) { // whatever is still known is right
    if (auto known = cache.find("s." + std::to_string(i))) CHECK(*known == (i % 2 == 0));
  }
  const std::string longest(verdict_cache::subject_bytes_max, 'x');
  cache.put(longest, true);
  CHECK(cache.find(longest) == true);
  cache.put(longest + "x", true);
  CHECK_FALSE(cache.find(longest + "x"));
}

TEST_CASE("permissions: a responder may answer what it was asked, once", "[auth][permissions]") {
  permission_state s = responder(1, 2min);
  CHECK(s.tracks_replies());
  CHECK_FALSE(s.may_publish("reply.1", 0s));
  s.on_delivered("reply.1", 0s);
  s.on_delivered("reply.2", 0s);
  s.on_delivered("", 0s);
  CHECK(s.tracked_replies() == 2);
  CHECK(s.may_publish("reply.1", 1s));
  CHECK_FALSE(s.may_publish("reply.1", 1s));
  CHECK(s.tracked_replies() == 1);
  CHECK_FALSE(s.may_publish("reply.3", 1s));
  s.on_delivered("reply.1", 2s);
  CHECK(s.may_publish("reply.1", 2s));
}

TEST_CASE("permissions: responses expire and are counted", "[auth][permissions]") {
  permission_state s = responder(2, 10s);
  s.on_delivered("r", 0s);
  CHECK(s.may_publish("r", 10s));
  CHECK_FALSE(s.may_publish("r", 10s + 1ns));
  s.on_delivered("r", 20s);
  s.on_delivered("r", 25s); // asked again: counts and lives anew
  CHECK(s.may_publish("r", 35s));
  CHECK(s.may_publish("r", 35s));
  CHECK_FALSE(s.may_publish("r", 35s));

  permission_state forever = responder(-1, -1s);
  forever.on_delivered("r", 0s);
  for (int i = 0; i < 100; ++i)
    CHECK(forever.may_publish("r", 24h * i));

  permission_state usual = responder(0, 0s);
  usual.on_delivered("r", 0s);
  usual.on_delivered("q", 0s);
  CHECK(usual.may_publish("r", 2min));
  CHECK_FALSE(usual.may_publish("r", 2min));
  CHECK_FALSE(usual.may_publish("q", 2min + 1ns));
}

TEST_CASE("permissions: new rules keep what may be answered, unless that rule is another", "[auth][permissions]") {
  permission_state before = responder(2, 10s);
  before.on_delivered("r", 0s);
  CHECK(before.may_publish("r", 1s));
  permission_state after = responder(2, 10s, {"other"});
  after.keep_replies_of(before);
  CHECK(after.may_publish("r", 2s));
  CHECK_FALSE(after.may_publish("r", 3s));  // the second was the last

  before = responder(2, 10s);
  before.on_delivered("r", 0s);
  permission_state once = responder(1, 10s);
  once.keep_replies_of(before);
  CHECK_FALSE(once.may_publish("r", 1s));
}

TEST_CASE("permissions: replies that the rules allow are not tracked", "[auth][permissions]") {
  permission_state s = responder(1, 2min, {"_INBOX.>"});
  s.on_delivered("_INBOX.a", 0s);
  CHECK(s.tracked_replies() == 0);
  CHECK(s.may_publish("_INBOX.a", 0s));
  CHECK(s.may_publish("_INBOX.a", 0s));
  permission_state without(publish_rules({"x"}, {}));
  without.on_delivered("r", 0s);
  CHECK_FALSE(without.tracks_replies());
  CHECK_FALSE(without.may_publish("r", 0s));
}

TEST_CASE("permissions: tracked replies are bounded, the oldest go", "[auth][permissions]") {
  permission_state s = responder(1, -1s);
  const std::string filler(1000, 'x');
  const size_t cost = filler.size() + 8 + permission_state::reply_overhead_bytes;
  const size_t fits = permission_state::reply_budget_bytes / cost;
  auto reply = [&](size_t i) {
    const std::string n = std::to_string(i);
    return filler + std::string(8 - n.size(), '0') + n;
  };
  for (size_t i = 0; i < fits + 10; ++i)
    s.on_delivered(reply(i), 0s);
  CHECK(s.tracked_replies() == fits);
  CHECK_FALSE(s.may_publish(reply(9), 0s));
  CHECK(s.may_publish(reply(10), 0s));
  CHECK(s.may_publish(reply(fits + 9), 0s));
  s.on_delivered(std::string(permission_state::reply_budget_bytes, 'y'), 0s);
  CHECK(s.tracked_replies() <= fits);

  permission_state timed = responder(1, 1s);
  for (size_t i = 0; i < 10000; ++i)
    timed.on_delivered(reply(i), 0s);
  timed.on_delivered("late", 2s);
  CHECK(timed.tracked_replies() == 1);
}

TEST_CASE("permissions: agree with a search of plain lists", "[auth][permissions][model]") {
  std::mt19937 random(4);
  auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  auto filter = [&] {
    std::string s;
    for (unsigned i = 0, n = 1 + below(3); i < n; ++i) {
      const char token = "aabb**>"[below(7)];
      s += (i ? "." : "") + std::string(1, token);
      if (token == '>') break;
    }
    return s;
  };
  auto queue = [&]() -> std::string {
    static const char* const names[] = {"", "", "q", "q.a", "q.*", "r", ">"};
    return names[below(7)];
  };
  std::vector<std::string> literals{"a", "b"};
  for (size_t i = 0; i < 30; ++i)
    for (const char* token : {".a", ".b"})
      literals.push_back(literals[i] + token);
  size_t allowed = 0;
  for (int round = 0; round < 4000; ++round) {
    test::permission_model model;
    for (unsigned i = below(4); i > 0; --i)
      model.allow.emplace_back(filter(), queue());
    for (unsigned i = below(4); i > 0; --i)
      model.deny.emplace_back(filter(), queue());
    const auto subscribe = permission_set::make(model.as_subscribe());
    for (int i = 0; i < 10; ++i) {
      const std::string subject = filter(), group = queue();
      const std::string bad = test::differs(model, *subscribe, subject, group, literals);
      if (!bad.empty()) FAIL(bad);
      allowed += subscribe->subscribes(subject, group);
    }
    std::erase_if(model.allow, [](auto& rule) { return !rule.second.empty(); });
    permission_state publish(permission_set::make(model.as_publish()));
    for (const std::string& literal : literals) {
      if (publish.may_publish(literal, 0s) != model.publishes(literal)) FAIL("publish " + literal);
    }
  }
  CHECK(allowed > 5000); // both answers were common
  CHECK(allowed < 30000);
}
