// A shard against its model, by seed: the same seed gives the same steps.
#include "test/actors/routing_model.hpp"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "test/catch.hpp"

using namespace troupe::routing;
using troupe::routing::test::pair_of_shards;

namespace {

class random_steps {
public:
  random_steps(uint32_t seed, bool cache) : random_(seed), pair_(cache) {}

  pair_of_shards& pair() { return pair_; }

  std::string step() {
    auto& subs = pair_.expected.subs;
    switch (below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      if (subs.size() > 150) return pair_.unsubscribe_every(1 + below(3), 0);
      return pair_.subscribe(subject(), queue(), sid());
    case 5:
    case 6:
    case 7:
      return subs.empty() ? "" : pair_.unsubscribe(below(subs.size()));
    case 8:
      return below(20) == 0 ? pair_.unsubscribe_every(1 + below(4), below(2)) : "";
    case 9:
    case 10:
      return pair_.apply(static_cast<troupe::reactor_index>(below(5)), subject(), queue(),
                         below(4));
    case 11:
      return below(10) == 0 ? pair_.forget(static_cast<troupe::reactor_index>(below(5))) : "";
    case 12:
      return pair_.take_changes(below(3) == 0 ? below(5) : SIZE_MAX);
    case 13:
      return pair_.reverse_match(subject());
    case 14:
      return watch();
    case 15:
      return below(10) == 0 ? pair_.check_all() : "";
    default:
      return pair_.match(subject());
    }
  }

private:
  size_t below(size_t n) { return random_() % n; }

  std::string token() {
    static const char* const some[] = {"a", "b", "c",  "*",  "*",
                                       ">", "",  "a*", "*>", "a-token-longer-than-any-inline-room"};
    const size_t at = below(34);
    return some[at < 10 ? at : at % 5];
  }
  std::string subject() {
    std::string s = token();
    for (size_t more = below(4); more > 0; --more)
      s += "." + token();
    if (below(8) == 0) s += ".>";
    return s;
  }
  std::string queue() {
    static const char* const some[] = {"", "", "", "q", "workers", "another-queue-group-of-length"};
    return some[below(6)];
  }
  std::string sid() { return std::string(1 + below(20), static_cast<char>('0' + below(10))); }

  std::string watch() {
    const std::string s = subject();
    const std::string q = queue();
    if (pair_.watches(s, q)) return pair_.unwatch(s, q);
    if (below(3) == 0) pair_.watch(s, q);
    return {};
  }

  std::mt19937 random_;
  pair_of_shards pair_;
};

void run(uint32_t seed, bool cache, int steps) {
  INFO("seed " << seed << ", cache " << cache);
  random_steps run(seed, cache);
  for (int i = 0; i < steps; ++i) {
    const std::string bad = run.step();
    if (bad.empty()) continue;
    INFO("step " << i);
    REQUIRE(bad == "");
  }
  REQUIRE(run.pair().check_all() == "");
  REQUIRE(run.pair().clear() == "");
}

} // namespace

TEST_CASE("a shard does what a linear scan does, whatever the order of changes") {
  for (uint32_t seed = 1; seed <= 10; ++seed)
    run(seed, true, 3500);
}

TEST_CASE("a shard without a cache does what a linear scan does") {
  for (uint32_t seed = 100; seed <= 103; ++seed)
    run(seed, false, 4000);
}

TEST_CASE("two shards that tell each other their changes know each other's interest") {
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return random() % n; };
  static const char* const filters[] = {"a", "a.b", "a.*", "a.>", "*.b", ">", "x.y.z", "x.*.z"};
  static const char* const queues[] = {"", "", "q", "r"};
  shard_core shards[2] = {shard_core(0), shard_core(1)};
  troupe::routing::test::model models[2];
  for (int step = 0; step < 6000; ++step) {
    const size_t at = below(2);
    auto& subs = models[at].subs;
    if (below(2) == 0 || subs.empty()) {
      const std::string subject = filters[below(8)];
      const std::string queue = queues[below(4)];
      subs.push_back({shards[at].subscribe(nullptr, subject, queue, "1"), subject, queue, "1"});
    } else {
      const size_t gone = below(subs.size());
      shards[at].unsubscribe(subs[gone].real);
      subs.erase(subs.begin() + static_cast<std::ptrdiff_t>(gone));
    }
    if (below(500) == 0) { // one of them restarts
      models[at].subs.clear();
      std::destroy_at(&shards[at]);
      std::construct_at(&shards[at], static_cast<troupe::reactor_index>(at));
      shards[1 - at].forget(static_cast<troupe::reactor_index>(at));
      for (const interest_change& c : shards[1 - at].all_local_interest())
        shards[at].apply(static_cast<troupe::reactor_index>(1 - at), c);
    }
    if (below(5) != 0) continue;
    for (const size_t from : {0u, 1u})
      for (const interest_change& c : shards[from].take_interest_changes())
        shards[1 - from].apply(static_cast<troupe::reactor_index>(from), c);
    for (const size_t i : {0u, 1u}) {
      models[i].remote.clear();
      models[i].remote[1 - i] = models[1 - i].local_interest();
      for (const char* subject : {"a", "a.b", "a.c", "q.b", "x.y.z", "x.q.z", "none.at.all"})
        REQUIRE(models[i].difference(shards[i].match(subject), subject) == "");
    }
  }
}
