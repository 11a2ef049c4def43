// When reactors leave driver 0 and when they come home, on virtual time.
#include "actors/reactor/driver_policy.hpp"

#include <random>

#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// A policy and its clock; loads are in shares of one driver.
struct virtual_load {
  explicit virtual_load(unsigned reactors) : policy(reactors, config), count(reactors) {}

  void sample(std::vector<double> shares) {
    now += config.window;
    std::vector<nanos> busy(count);
    for (size_t i = 0; i < shares.size(); ++i)
      busy[i] = nanos(static_cast<int64_t>(shares[i] * static_cast<double>(config.window.count())));
    policy.sample(now, {.elapsed = config.window, .ran = ran, .sleeps = sleeps, .busy = busy});
  }
  void samples(int n, const std::vector<double>& shares) {
    while (n-- > 0) sample(shares);
  }
  /// Runs one load for a while.
  void run(nanos span, const std::vector<double>& shares) {
    samples(static_cast<int>(span / config.window), shares);
  }
  unsigned away() const {
    unsigned n = 0;
    for (unsigned r = 0; r < count; ++r) n += policy.spread(static_cast<reactor_index>(r));
    return n;
  }

  driver_policy_config config;
  driver_policy policy;
  unsigned count;
  nanos now = 1s;
  nanos ran = config.window;  // in each sample
  int64_t sleeps = 0;
};

} // namespace

TEST_CASE("driver policy: everything stays home at low load", "[reactor][policy]") {
  virtual_load load(4);
  load.run(10s, {0.1, 0.2, 0.2, 0.2});
  CHECK(load.away() == 0);
  CHECK_FALSE(load.policy.any_spread());
}

TEST_CASE("driver policy: the busiest reactor leaves a saturated driver first",
          "[reactor][policy]") {
  virtual_load load(4);
  const int enough = static_cast<int>(load.config.spread_windows);
  load.samples(enough - 1, {0.2, 0.2, 0.4, 0.15});
  CHECK(load.away() == 0);  // no trend yet
  load.samples(1, {0.2, 0.2, 0.4, 0.15});
  CHECK(load.away() == 1);
  CHECK(load.policy.spread(2));
  CHECK_FALSE(load.policy.spread(0));
}

TEST_CASE("driver policy: a driver that sleeps between its turns is not saturated, however long they took",
          "[reactor][policy]") {
  virtual_load load(2);
  load.ran = load.config.window / 2;
  load.sleeps = load.config.window / load.config.sleep_interval + 1;
  load.run(10s, {0.5, 0.5});
  CHECK(load.away() == 0);

  SECTION("unless it ran nearly all the time") { load.ran = load.config.window; }
  SECTION("unless it was kept from running") { load.sleeps = 1; }
  load.run(20ms, {0.5, 0.5});
  CHECK(load.away() == 1);
}

TEST_CASE("driver policy: a lasting load spreads all busy reactors but the first",
          "[reactor][policy]") {
  virtual_load load(4);
  const int enough = static_cast<int>(load.config.spread_windows);
  load.samples(enough, {0.25, 0.25, 0.25, 0.25});
  load.samples(enough, {0.3, 0.3, 0.9, 0.3});
  load.samples(enough, {0.45, 0.9, 0.9, 0.45});
  CHECK(load.away() == 3);
  CHECK_FALSE(load.policy.spread(0));
}

TEST_CASE("driver policy: the only busy reactor is never moved", "[reactor][policy]") {
  for (size_t busy : {size_t{0}, size_t{1}, size_t{2}}) {
    virtual_load load(3);
    std::vector<double> shares(3, 0.01);
    shares[busy] = 0.97;
    load.run(5s, shares);
    CHECK(load.away() == 0);
  }
}

TEST_CASE("driver policy: a single peak moves nothing", "[reactor][policy]") {
  virtual_load load(2);
  for (int i = 0; i < 100; ++i) {
    load.samples(1, {0.5, 0.5});
    load.samples(1, {0.3, 0.3});
  }
  CHECK(load.away() == 0);
}

TEST_CASE("driver policy: after a calm all come home", "[reactor][policy]") {
  virtual_load load(3);
  load.run(1s, {0.5, 0.5, 0.5});
  CHECK(load.away() > 0);
  load.run(load.config.gather_after - 4ms, {0.1, 0.1, 0.05});
  CHECK(load.policy.any_spread());
  load.run(20ms, {0.1, 0.1, 0.05});
  CHECK_FALSE(load.policy.any_spread());
  CHECK(load.away() == 0);
}

TEST_CASE("driver policy: a load between the two thresholds changes nothing",
          "[reactor][policy]") {
  virtual_load home(2), spread(2);
  spread.run(1s, {0.5, 0.5});
  REQUIRE(spread.away() == 1);
  home.run(10s, {0.3, 0.3});
  spread.run(10s, {0.3, 0.3});
  CHECK(home.away() == 0);
  CHECK(spread.away() == 1);
}

TEST_CASE("driver policy: a calm that is interrupted begins anew", "[reactor][policy]") {
  virtual_load load(2);
  load.run(1s, {0.5, 0.5});
  for (int i = 0; i < 20; ++i) {
    load.run(load.config.gather_after - 4ms, {0.1, 0.1});
    load.samples(1, {0.3, 0.3});
  }
  CHECK(load.away() == 1);
}

TEST_CASE("driver policy: samples without time are no samples", "[reactor][policy]") {
  virtual_load load(2);
  std::vector<nanos> busy{1ms, 1ms};
  for (int i = 0; i < 10; ++i) load.policy.sample(load.now, {.elapsed = 0ns, .ran = 0ns, .sleeps = 0, .busy = busy});
  CHECK(load.away() == 0);
}

TEST_CASE("driver policy: reactor 0 stays home under any load", "[reactor][policy]") {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> share(0, 1);
  virtual_load load(5);
  for (int i = 0; i < 20'000; ++i) {
    double scale = i / 500 % 3 == 0 ? 0.05 : 1;
    load.sample({scale * share(random), scale * share(random), scale * share(random),
                 scale * share(random), scale * share(random)});
    if (load.policy.spread(0) || load.policy.any_spread() != (load.away() > 0)) FAIL("step " << i);
  }
}
