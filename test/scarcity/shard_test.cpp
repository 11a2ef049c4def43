// A shard whose requests for memory fail now and then, against its model: what threw has changed nothing,
// what removes never throws.
#include <random>
#include <string>
#include <vector>

#include "test/actors/routing_model.hpp"
#include "test/catch.hpp"
#include "test/scarcity/failing_memory.hpp"

using namespace troupe::routing;
using troupe::reactor_index;
using troupe::test::survives;

namespace {

class scarce_steps {
public:
  explicit scarce_steps(uint32_t seed) : random_(seed) {}

  /// Empty, or what is wrong.
  std::string step() {
    switch (below(12)) {
    case 0:
    case 1:
    case 2:
    case 3: return subscribe();
    case 4: return model_.subs.empty() ? "" : unsubscribe(1);
    case 5: return below(40) == 0 ? unsubscribe(model_.subs.size()) : "";
    case 6:
    case 7: return apply();
    case 8: return below(20) == 0 ? forget() : "";
    case 9: return take_changes();
    default: return match();
    }
  }
  std::string check() {
    for (int i = 0; i < 30; ++i)
      if (std::string bad = same_result(subject()); !bad.empty()) return bad;
    return {};
  }
  std::string clear() {
    if (std::string bad = unsubscribe(model_.subs.size()); !bad.empty()) return bad;
    for (unsigned r = 1; r < 5; ++r) shard_.forget(static_cast<reactor_index>(r));
    while (shard_.has_interest_changes()) learn();
    const index_usage u = shard_.usage();
    if (u.nodes + u.branches + u.subscriptions + u.groups + u.names != 0) return "leak in the index";
    return peer_.believed.empty() ? "" : "a peer's view at the end";
  }
  int failures() const { return failures_; }

private:
  size_t below(size_t n) { return random_() % n; }
  std::string subject() {
    static const char* const tokens[] = {"a", "b", "c", "d", "*", ">", "a-token-longer-than-any-inline-room"};
    std::string s = tokens[below(7)];
    for (size_t more = below(4); more > 0; --more) s += std::string(".") + tokens[below(7)];
    return below(3) == 0 ? "n" + std::to_string(below(600)) + "." + s : s;
  }
  std::string queue() {
    static const char* const some[] = {"", "", "q", "another-queue-group-of-length"};
    return some[below(4)];
  }
  /// Most calls ask for no memory or for little.
  uint64_t granted() { return below(3) == 0 ? 1000 : below(5); }
  template <class F>
  bool tried(F&& what) {
    const bool done = survives(granted(), what);
    if (!done) ++failures_;
    return done;
  }

  std::string subscribe() {
    const std::string s = subject(), q = queue(), sid(1 + below(20), '7');
    subscription* sub = nullptr;
    if (tried([&] { sub = shard_.subscribe(nullptr, s, q, sid); }) && sub) model_.subs.push_back({sub, s, q, sid});
    return same_result(s);
  }
  std::string unsubscribe(size_t count) {
    std::vector<subscription*> gone;
    for (size_t i = 0; i < count; ++i) {
      const size_t at = below(model_.subs.size());
      gone.push_back(model_.subs[at].real);
      model_.subs.erase(model_.subs.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const bool done = survives(below(4), [&] {
      if (count == 1) shard_.unsubscribe(gone[0]);
      else shard_.unsubscribe_all(gone);
    });
    return done ? "" : "unsubscribe threw";
  }
  std::string apply() {
    const auto from = static_cast<reactor_index>(1 + below(4));
    const std::string s = subject(), q = queue();
    const auto weight = static_cast<uint32_t>(below(4));
    const bool done = tried([&] { shard_.apply(from, s, q, weight); });
    if (done && test::is_filter(s)) model_.set_remote(from, {s, q}, weight);
    return same_result(s);
  }
  std::string forget() {
    const auto from = static_cast<reactor_index>(1 + below(4));
    if (!tried([&] { shard_.forget(from); })) shard_.forget(from);
    model_.remote.erase(from);
    return {};
  }
  void learn() {
    shard_.visit_interest_changes([&](std::string_view s, std::string_view q, uint32_t weight) {
      peer_.learn({std::string(s), std::string(q), weight});
    });
  }
  std::string take_changes() {
    // What was visited before it threw was told; one that waits on is told again, which changes nothing.
    tried([&] { learn(); });
    if (below(4) != 0) return {};
    learn();
    return peer_.believed == model_.local_interest() ? "" : "a peer's view";
  }
  std::string match() {
    const std::string s = subject();
    tried([&] { shard_.match(s); });
    return same_result(s);
  }
  std::string same_result(const std::string& s) {
    const std::string d = model_.difference(shard_.match(s), s);
    return d.empty() ? d : d + ": " + s;
  }

  std::mt19937 random_;
  shard_core shard_{0};
  test::model model_;
  test::peer_view peer_;
  int failures_ = 0;
};

} // namespace

TEST_CASE("memory that runs out leaves a shard as it was") {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    scarce_steps run(seed);
    for (int i = 0; i < 5000; ++i) {
      INFO("step " << i);
      REQUIRE(run.step() == "");
      if (i % 500 == 499) REQUIRE(run.check() == "");
    }
    CHECK(run.failures() > 100);
    REQUIRE(run.clear() == "");
  }
}
