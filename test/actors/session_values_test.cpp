// The small values of a session: the flow gate and the table of subscriptions.
#include <map>
#include <random>
#include <string>

#include "actors/routing/shard_core.hpp"
#include "actors/session/flow_gate.hpp"
#include "actors/session/round_core.hpp"
#include "actors/session/write_deadline.hpp"
#include "actors/session/sid_table.hpp"
#include "test/catch.hpp"

using namespace troupe;
using verdict = flow_gate::verdict;

TEST_CASE("flow gate: holds producers from a short backlog on while the consumer reads",
          "[session][flow]") {
  flow_gate gate(64 * 1024 * 1024);
  CHECK(gate.quick_limit() == flow_gate::soft_high);
  CHECK(gate.on_queued(flow_gate::soft_high) == verdict::pass);
  CHECK(gate.on_queued(flow_gate::soft_high + 1) == verdict::hold);
  CHECK_FALSE(gate.on_drained(flow_gate::soft_low + 1));
  CHECK(gate.on_drained(flow_gate::soft_low));
}

TEST_CASE("flow gate: a lagging consumer holds nobody before three quarters of its limit",
          "[session][flow]") {
  constexpr int64_t limit = 64 * 1024 * 1024;
  flow_gate gate(limit);
  gate.on_hold_expired();
  CHECK(gate.lagging());
  CHECK(gate.on_queued(flow_gate::soft_high + 1) == verdict::pass);
  CHECK(gate.on_queued(limit / 4 * 3) == verdict::pass);
  CHECK(gate.on_queued(limit / 4 * 3 + 1) == verdict::hard_hold);
  CHECK(gate.on_queued(limit) == verdict::hard_hold);
  CHECK(gate.on_queued(limit + 1) == verdict::overflow);
  CHECK_FALSE(gate.on_drained(limit / 2));
  CHECK(gate.lagging());
  CHECK(gate.on_drained(0));
  CHECK_FALSE(gate.lagging());
  CHECK(gate.on_queued(flow_gate::soft_high + 1) == verdict::hold);
}

TEST_CASE("flow gate: its marks shrink with a small limit", "[session][flow]") {
  flow_gate gate(1024);
  CHECK(gate.quick_limit() == 256);
  CHECK(gate.on_queued(257) == verdict::hold);
  CHECK(gate.on_queued(769) == verdict::hard_hold);
  CHECK(gate.on_queued(1025) == verdict::overflow);
  CHECK_FALSE(gate.on_drained(129));
  CHECK(gate.on_drained(128));
}

TEST_CASE("write deadline: a window covers what waited when it began", "[session][flow]") {
  using std::chrono::seconds;
  write_deadline d;
  const nanos limit = seconds(10);
  d.begin(seconds(1), 1000, false);
  CHECK(d.due(limit) == seconds(11));
  CHECK(d.judge(seconds(10), limit) == write_deadline::verdict::in_time);
  CHECK(d.judge(seconds(11), limit) == write_deadline::verdict::stuck);
  d.on_written(1);
  CHECK(d.judge(seconds(11), limit) == write_deadline::verdict::late);
  d.on_written(998);
  CHECK_FALSE(d.done());
  CHECK(d.judge(seconds(20), limit) == write_deadline::verdict::late);
  d.on_written(5000);
  CHECK(d.done());
  CHECK(d.judge(seconds(20), limit) == write_deadline::verdict::in_time);
}

TEST_CASE("write deadline: what the first flush wrote before it blocked counts", "[session][flow]") {
  using std::chrono::seconds;
  write_deadline d;
  d.begin(seconds(0), 10, true);
  CHECK(d.judge(seconds(2), seconds(2)) == write_deadline::verdict::late);
  d.begin(seconds(2), 10, false);
  CHECK(d.judge(seconds(3), seconds(2)) == write_deadline::verdict::in_time);
  CHECK(d.judge(seconds(4), seconds(2)) == write_deadline::verdict::stuck);
}

namespace {

/// A table and a map that must agree.
struct table_model {
  routing::shard_core shard{0};
  sid_table table;
  std::map<std::string, routing::subscription*> map;
  std::mt19937 random;

  std::string sid() {
    auto n = std::to_string(random() % 300);
    return random() % 4 == 0 ? "a-rather-long-subscription-id-" + n : n;
  }
  void step(bool filling) {
    std::string id = sid();
    auto found = map.find(id);
    if (found != map.end() && random() % 4 < (filling ? 1u : 3u)) {
      table.erase(found->second);
      shard.unsubscribe(found->second);
      map.erase(found);
    } else if (found == map.end() && random() % 4 < (filling ? 3u : 1u)) {
      auto* sub = shard.subscribe(nullptr, "x", "", id);
      table.insert(sub);
      map.emplace(id, sub);
    }
  }
  bool agrees() {
    for (int i = 0; i < 20; ++i) {
      std::string id = sid();
      auto found = map.find(id);
      if (table.find(id) != (found == map.end() ? nullptr : found->second)) return false;
    }
    size_t n = 0;
    table.for_each([&](const routing::subscription& s) {
      n += map.count(std::string(s.sid()));
    });
    return table.size() == map.size() && n == map.size();
  }
};

} // namespace

TEST_CASE("round: everybody is visited, also those of a round that is wanted meanwhile", "[session][core]") {
  std::map<uint64_t, int> all{{1, 0}, {5, 0}, {9, 0}};
  round_core round;
  size_t at_most = 2;
  const auto visit = [&](int& n) {
    ++n;
    return --at_most > 0;
  };
  const auto some = [&] {
    at_most = 2;
    return round.go_on(all, visit);
  };
  CHECK_FALSE(round.under_way());
  round.want();
  CHECK_FALSE(some());
  CHECK(all == std::map<uint64_t, int>{{1, 1}, {5, 1}, {9, 0}});
  all.erase(9);
  all.emplace(12, 0);
  round.want();
  round.want();
  CHECK(round.again());
  CHECK(some());
  CHECK(all == std::map<uint64_t, int>{{1, 1}, {5, 1}, {12, 1}});
  CHECK(round.under_way());
  CHECK_FALSE(round.again());
  CHECK_FALSE(some());
  CHECK(some());
  CHECK(all == std::map<uint64_t, int>{{1, 2}, {5, 2}, {12, 2}});
  CHECK_FALSE(round.under_way());
  all.clear();
  round.want();
  CHECK(some());
}

TEST_CASE("sid table: agrees with a map under random use", "[session][sid]") {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    table_model m;
    m.random.seed(seed);
    for (int i = 0; i < 4000; ++i) {
      m.step(i / 500 % 2 == 0);
      if (i % 10 == 0 && !m.agrees()) FAIL("seed " << seed << " step " << i);
    }
    auto all = m.table.take_all();
    CHECK(all.size() == m.map.size());
    CHECK(m.table.size() == 0);
    CHECK(m.table.find(m.sid()) == nullptr);
  }
}

TEST_CASE("sid table: looked at in parts, what stays is seen once while others come and go",
          "[session][sid]") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    table_model m;
    m.random.seed(seed);
    for (int i = 0; i < 400; ++i) m.step(true);
    std::map<std::string, int> stays;
    for (auto& [id, sub] : m.map)
      if (id.back() % 2 == 0) stays.emplace(id, 0);
    size_t place = 0;
    int parts = 0;
    do {
      size_t in_one = 0;
      place = m.table.visit_some(place, 16, [&](const routing::subscription& sub) {
        ++in_one;
        if (auto it = stays.find(std::string(sub.sid())); it != stays.end()) ++it->second;
      });
      CHECK(in_one < 100);
      ++parts;
      // New ones, so that it grows; of the old ones half go.
      for (int i = 0; i < 8; ++i) {
        const std::string id = "new-" + std::to_string(parts * 8 + i) + "1";
        m.table.insert(m.map.emplace(id, m.shard.subscribe(nullptr, "x", "", id)).first->second);
      }
      if (auto goes = m.map.find(m.sid()); goes != m.map.end() && !stays.contains(goes->first)) {
        m.table.erase(goes->second);
        m.shard.unsubscribe(goes->second);
        m.map.erase(goes);
      }
    } while (place != 0);
    CHECK(parts > 10);
    for (auto& [id, times] : stays)
      if (times != 1) FAIL("seed " << seed << ": " << id << " seen " << times << " times");
  }
}

TEST_CASE("sid table: an empty one finds nothing and gives nothing", "[session][sid]") {
  sid_table table;
  CHECK(table.find("1") == nullptr);
  CHECK(table.visit_some(7, 100, [](const routing::subscription&) {}) == 0);
  CHECK(table.take_all().empty());
}
