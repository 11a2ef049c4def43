// The parts below a shard: the slab, the hash table of ids, and what the index holds in memory.
#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "actors/routing/id_table.hpp"
#include "actors/routing/shard_core.hpp"
#include "actors/routing/slab.hpp"
#include "test/catch.hpp"

using namespace troupe::routing;

TEST_CASE("a slab keeps objects in place, reuses ids and gives its memory back") {
  struct item {
    item(std::string t, uint64_t n) : text(std::move(t)), number(n) {}
    std::string text;
    uint64_t number;
  };
  slab<item> items;
  std::map<uint32_t, std::pair<item*, uint64_t>> alive;
  std::mt19937 random(3);
  for (uint64_t i = 1; i <= 40000; ++i) {
    if (random() % 3 != 0 || alive.empty()) {
      const uint32_t id = items.create(std::string(30, 'x'), i);
      REQUIRE(id != 0);
      REQUIRE(alive.emplace(id, std::pair{&items[id], i}).second);
    } else {
      const auto gone = std::next(alive.begin(),
                                  static_cast<long>(random() % std::min<size_t>(alive.size(), 50)));
      REQUIRE(items[gone->first].number == gone->second.second);
      items.destroy(gone->first);
      alive.erase(gone);
    }
  }
  size_t visited = 0;
  items.visit_ids([&](uint32_t id) {
    ++visited;
    REQUIRE(&items[id] == alive.at(id).first);
    REQUIRE(items[id].number == alive.at(id).second);
  });
  CHECK(visited == alive.size());
  CHECK(items.size() == alive.size());
  while (alive.size() > 1) {
    items.destroy(alive.begin()->first);
    alive.erase(alive.begin());
  }
  items.destroy(alive.begin()->first);
  CHECK(items.size() == 0);
  CHECK(items.bytes() < 2000);
  items.create("left to the destructor, and long enough for the heap", 1u);
}

TEST_CASE("a slab looked at in parts shows once what stays while others come and go") {
  slab<uint64_t> items;
  std::vector<uint32_t> ids;
  for (uint64_t i = 0; i < 5000; ++i) ids.push_back(items.create(i));
  std::map<uint64_t, int> seen;
  uint32_t from = 0;
  size_t parts = 0;
  do {
    size_t in_one = 0;
    from = items.visit_some(from, 100, [&](uint32_t id) {
      ++seen[items[id]];
      ++in_one;
    });
    CHECK((in_one == 100 || from == 0));
    // Of every three one goes, from both ends; its slot is taken by a newcomer.
    if (parts < 16) {
      items.destroy(ids[parts * 3]);
      items.destroy(ids[4999 - parts * 3]);
      items.create(10000 + parts);
    }
    ++parts;
  } while (from != 0);
  CHECK(parts >= 50);
  for (uint64_t i = 49; i < 4950; ++i)
    if (seen[i] != 1) FAIL(i << " was seen " << seen[i] << " times");
  CHECK(items.visit_some(0, 0, [](uint32_t) {}) == ids[1]);
  CHECK(slab<uint64_t>().visit_some(0, 10, [](uint32_t) {}) == 0);
}

TEST_CASE("the table of ids finds what is in it while it grows and shrinks") {
  id_table table;
  std::map<uint32_t, uint32_t> hash_of; // by id
  std::mt19937 random(5);
  const auto holds = [&](uint32_t id) {
    return table.find(hash_of.at(id), [&](uint32_t at) { return at == id; }) == id;
  };
  const auto add = [&](uint32_t id) {
    // Some of the hashes are the same for many, some differ only in the lower bits.
    const uint32_t hash =
        random() % 4 == 0 ? 0xabcd0000u + id % 7 : static_cast<uint32_t>(random());
    hash_of[id] = hash;
    table.insert(hash, id);
  };
  uint32_t next = 1;
  for (const size_t goal : {3000u, 500u, 20000u, 10u, 4000u, 0u}) {
    while (hash_of.size() != goal) {
      if (hash_of.size() < goal) {
        add(next++);
      } else {
        const auto gone = std::next(
            hash_of.begin(), static_cast<long>(random() % std::min<size_t>(hash_of.size(), 30)));
        table.erase(gone->second, gone->first);
        hash_of.erase(gone);
      }
      if (!hash_of.empty()) REQUIRE(holds(hash_of.rbegin()->first));
      if (random() % 512 == 0)
        for (const auto& [id, hash] : hash_of)
          REQUIRE(holds(id));
    }
    CHECK(table.size() == goal);
  }
  CHECK(table.bytes() <= 128);
  CHECK(table.find(1, [](uint32_t) { return true; }) == 0);
}

TEST_CASE("shapes of filters are read correctly") {
  CHECK(shape_of("a.b.c").valid);
  CHECK(shape_of("a.b.c").literal);
  CHECK(shape_of("a.b.c").tail == 0);
  CHECK_FALSE(shape_of("a.*.c").literal);
  CHECK(shape_of("a.*.c").tail == 4);
  CHECK(shape_of("a.*").tail == 3);
  CHECK(shape_of(">").valid);
  CHECK_FALSE(shape_of(">.a").valid);
  CHECK_FALSE(shape_of("a..b").valid);
}

TEST_CASE("filters overlap if some subject matches both") {
  CHECK(filters_overlap("a.*", "*.b"));
  CHECK(filters_overlap("a.>", "a.b.c"));
  CHECK(filters_overlap(">", "a"));
  CHECK_FALSE(filters_overlap("a.>", "a"));
  CHECK_FALSE(filters_overlap("a.*", "a.b.c"));
  CHECK_FALSE(filters_overlap("a.*.x", "a.b.y"));
}

TEST_CASE("a hundred thousand subscriptions stay within their memory and leave nothing behind") {
  constexpr size_t count = 100000;
  shard_core local(0);
  shard_core peer(1);
  std::vector<subscription*> subs;
  for (size_t i = 0; i < count; ++i) {
    char subject[64];
    std::snprintf(subject, sizeof subject, "orders.eu%02zu.%08zu", i % 97, i);
    subs.push_back(local.subscribe(nullptr, subject, "", std::to_string(i)));
  }
  const auto tell = [&] {
    local.visit_interest_changes([&](std::string_view subject, std::string_view queue,
                                     uint32_t weight) { peer.apply(0, subject, queue, weight); });
  };
  tell();
  CHECK(peer.match("orders.eu00.00000000").remote_plain == 1);
  const double each = static_cast<double>(local.usage().bytes + peer.usage().bytes) / count;
  INFO("bytes per subscription on both reactors, its text included: " << each);
  CHECK(each < 204); // 220 with 20 bytes of text, 16 of them for the connection's own table
  std::shuffle(subs.begin(), subs.end(), std::mt19937(1));
  local.unsubscribe_all(subs);
  tell();
  for (const shard_core* shard : {&local, &peer}) {
    const index_usage u = shard->usage();
    CHECK(u.nodes + u.branches + u.subscriptions + u.groups + u.names == 0);
    CHECK(u.bytes < 10000);
  }
}
