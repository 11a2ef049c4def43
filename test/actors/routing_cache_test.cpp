// The cache of match results: what stays, what goes, and how much it may hold.
#include "actors/routing/shard_core.hpp"

#include <string>
#include <utility>
#include <vector>

#include "test/catch.hpp"

using namespace troupe::routing;

namespace {

/// Whether matching `subject` now is answered from the cache.
bool is_cached(shard_core& shard, const std::string& subject) {
  shard.match("another.subject.in.between");
  const uint64_t hits = shard.get_stats().cache_hits;
  shard.match(subject);
  return shard.get_stats().cache_hits == hits + 1;
}

void warm(shard_core& shard, const std::string& subject) {
  shard.match("another.subject.in.between");
  shard.match(subject);
  shard.match("another.subject.in.between");
  shard.match(subject);
}

} // namespace

TEST_CASE("a change of a literal filter voids the result of its subject only") {
  shard_core shard(0);
  shard.subscribe(nullptr, "a.>", "", "1");
  warm(shard, "a.b");
  warm(shard, "a.c");
  subscription* s = shard.subscribe(nullptr, "a.b", "", "2");
  CHECK_FALSE(is_cached(shard, "a.b"));
  CHECK(is_cached(shard, "a.c"));
  CHECK(shard.match("a.b").plain.size() == 2);
  shard.unsubscribe(s);
  CHECK(shard.match("a.b").plain.size() == 1);
  CHECK(is_cached(shard, "a.c"));
}

TEST_CASE("inbox filters that come and go leave the results of others alone") {
  shard_core shard(0);
  shard.subscribe(nullptr, "svc.echo", "", "1");
  warm(shard, "svc.echo");
  warm(shard, "x");
  for (int i = 0; i < 100; ++i) {
    const std::string inbox = "_INBOX." + std::to_string(i);
    subscription* s = shard.subscribe(nullptr, inbox + ".*", "", "2");
    CHECK(shard.match(inbox + ".1").plain.size() == 1);
    shard.unsubscribe(s);
    CHECK(shard.match(inbox + ".1").empty());
  }
  CHECK(is_cached(shard, "svc.echo"));
  CHECK(is_cached(shard, "x"));
}

TEST_CASE("a wildcard filter voids the results that it may match") {
  for (const char* filter : {">", "*", "*.b", "a.>", "a.*", "*.>", "a.b.>", "a.b.*", "a.*.c"}) {
    INFO(filter);
    shard_core shard(0);
    for (const char* subject : {"a", "a.b", "a.b.c"})
      warm(shard, subject);
    subscription* s = shard.subscribe(nullptr, filter, "", "1");
    size_t found = 0;
    for (const char* subject : {"a", "a.b", "a.b.c"})
      found += shard.match(subject).plain.size();
    size_t expected = 0;
    for (const char* subject : {"a", "a.b", "a.b.c"})
      expected += shard.num_interest(subject).first;
    CHECK(found == expected);
    CHECK(found > 0);
    for (const char* subject : {"a", "a.b", "a.b.c"})
      warm(shard, subject);
    shard.unsubscribe(s);
    for (const char* subject : {"a", "a.b", "a.b.c"})
      CHECK(shard.match(subject).empty());
  }
}

TEST_CASE("subjects seen once do not push out those that come again") {
  shard_core shard(0);
  std::vector<std::string> hot;
  for (int i = 0; i < 16; ++i)
    hot.push_back("hot." + std::to_string(i));
  for (int round = 0; round < 3; ++round)
    for (const std::string& s : hot)
      warm(shard, s);
  for (int i = 0; i < 20000; ++i)
    shard.match("_INBOX." + std::to_string(i));
  size_t kept = 0;
  for (const std::string& s : hot)
    kept += is_cached(shard, s);
  CHECK(kept >= 15);
  CHECK(shard.get_stats().num_cache <= 16384);
}

TEST_CASE("the cache grows to hold a working set and stays within its bound") {
  shard_core shard(0);
  std::vector<std::string> set;
  for (int i = 0; i < 1500; ++i)
    set.push_back("set." + std::to_string(i));
  for (int round = 0; round < 30; ++round)
    for (const std::string& s : set)
      shard.match(s);
  const auto before = shard.get_stats();
  for (const std::string& s : set)
    shard.match(s);
  CHECK(shard.get_stats().cache_hits - before.cache_hits > 1300);
  for (int i = 0; i < 100000; ++i)
    shard.match("more." + std::to_string(i / 2 % 20000));
  CHECK(shard.get_stats().num_cache <= 16384);
  CHECK(shard.cache_bytes() < 8u << 20);
}

TEST_CASE("a working set is kept although each of its subjects comes rarely") {
  shard_core shard(0);
  uint32_t state = 1;
  const auto matches = [&](int n) {
    for (; n > 0; --n) {
      state = state * 1664525 + 1013904223;
      shard.match("set." + std::to_string((state >> 8) % 10000));
    }
  };
  CHECK(shard.cache_bytes() < 10'000);
  matches(400'000);
  const auto before = shard.get_stats();
  matches(10'000);
  CHECK(shard.get_stats().cache_hits - before.cache_hits > 8'000);
}

TEST_CASE("results stay whole while the epoch stands still") {
  for (const bool cache : {true, false}) {
    shard_core shard(0, cache);
    shard.subscribe(nullptr, "a.*", "", "1");
    shard.subscribe(nullptr, "a.>", "q", "2");
    shard.subscribe(nullptr, "a.*", "q", "3");
    struct held {
      const match_result* result;
      subscription* const* plain;
      uint64_t epoch;
    };
    std::vector<held> all;
    uint64_t changes = 0;
    for (int i = 0; i < 5000; ++i) {
      const uint64_t before = shard.epoch();
      const match_result& r = shard.match((i % 3 ? "a." : "b.") + std::to_string(i % 700));
      changes += shard.epoch() != before;
      all.push_back({&r, r.plain.data(), shard.epoch()});
      for (size_t j = all.size(); j-- > 0 && all[j].epoch == shard.epoch();) {
        REQUIRE(all[j].plain == all[j].result->plain.data());
        REQUIRE(all[j].result->plain.size() == (j % 3 ? 1 : 0));
        REQUIRE(all[j].result->queues.size() == (j % 3 ? 1 : 0));
      }
    }
    CHECK(changes < 5000 / 16); // whoever keeps results profits
  }
}

TEST_CASE("large results do not make the cache hold more than its bound") {
  shard_core shard(0);
  for (int i = 0; i < 3000; ++i)
    shard.subscribe(nullptr, "wide.>", "", "1");
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 1500; ++i)
      REQUIRE(shard.match("wide." + std::to_string(i)).plain.size() == 3000);
  CHECK(shard.cache_bytes() < 24u << 20);
}

TEST_CASE("the epoch changes with every change and with nothing else") {
  shard_core shard(0);
  uint64_t last = shard.epoch();
  const auto changed = [&] { return std::exchange(last, shard.epoch()) != shard.epoch(); };
  subscription* s = shard.subscribe(nullptr, "a", "", "1");
  CHECK(changed());
  shard.match("a");
  shard.match("b");
  shard.has_interest("a");
  shard.take_interest_changes();
  CHECK_FALSE(changed());
  shard.apply(1, {"a", "", 1});
  CHECK(changed());
  shard.apply(1, {"a", "", 1});
  CHECK_FALSE(changed());
  shard.forget(1);
  CHECK(changed());
  shard.unsubscribe(s);
  CHECK(changed());
}
