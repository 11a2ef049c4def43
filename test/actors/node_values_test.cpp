// The pure values of the node: timetable of lame duck mode, restart budget, back-off.
#include <random>

#include "actors/node/backoff.hpp"
#include "actors/node/lame_duck_core.hpp"
#include "actors/reactor/restart_budget.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using nanos = std::chrono::nanoseconds;

TEST_CASE("accept backoff: doubles from ten milliseconds to one second", "[node][backoff]") {
  accept_backoff b;
  for (auto expected : {10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms})
    CHECK(b.next() == expected);
  b.reset();
  CHECK(b.next() == 10ms);
}

namespace {

struct timetable {
  nanos total{};
  nanos longest_gap{}, shortest_gap = nanos::max();
  size_t closed = 0, steps = 0;
};

timetable run(lame_duck_core core, uint64_t (*random)()) {
  timetable t;
  while (!core.done()) {
    auto step = core.next(random());
    t.total += step.wait;
    if (t.steps > 0) {
      t.longest_gap = std::max(t.longest_gap, step.wait);
      t.shortest_gap = std::min(t.shortest_gap, step.wait);
    }
    t.closed += step.close;
    ++t.steps;
  }
  return t;
}

std::mt19937_64 generator(11);
uint64_t any() { return generator(); }
uint64_t largest() { return UINT64_MAX; }

} // namespace

TEST_CASE("lame duck core: closes everybody within the duration", "[node][lameduck]") {
  for (size_t clients : {1, 2, 7, 100, 1000, 30'000, 65'536, 1'000'000}) {
    for (auto [duration, grace] : {std::pair<nanos, nanos>{2min, 10s}, {30s, 10s}, {4s, 1s}}) {
      timetable t = run({duration, grace, clients}, any);
      INFO(clients << " clients");
      CHECK(t.closed == clients);
      CHECK(t.total >= grace);
      CHECK(t.total <= duration);
      CHECK(t.longest_gap <= 1s);
    }
  }
}

TEST_CASE("lame duck core: begins after the grace period and leaves half to whole gaps",
          "[node][lameduck]") {
  lame_duck_core core(110s, 10s, 200);
  CHECK(core.next(any()).wait == 10s);
  while (!core.done()) {
    auto step = core.next(any());
    CHECK(step.wait >= 250ms);
    CHECK(step.wait <= 500ms);
    CHECK(step.close == 1);
  }
}

TEST_CASE("lame duck core: few clients leave at most a second apart", "[node][lameduck]") {
  timetable t = run({2min, 10s, 5}, any);
  CHECK(t.steps == 5);
  CHECK(t.total <= 10s + 4s);
  CHECK(t.shortest_gap >= 500ms);
}

TEST_CASE("lame duck core: very many leave in batches", "[node][lameduck]") {
  timetable t = run({31s, 1s, 300'000}, largest);
  CHECK(t.closed == 300'000);
  CHECK(t.steps < 300'000);
  CHECK(t.shortest_gap >= 1ms);
  CHECK(t.total <= 31s);
}

TEST_CASE("lame duck core: a grace period as long as the duration closes all at its end",
          "[node][lameduck]") {
  timetable t = run({10s, 10s, 50}, any);
  CHECK(t.closed == 50);
  CHECK(t.steps == 1);
  CHECK(t.total == 10s);
}

TEST_CASE("restart budget: is spent after so many restarts and refills with time",
          "[node][supervision]") {
  restart_budget budget(3, 60s);
  CHECK(budget.spend(0s));
  CHECK(budget.spend(10s));
  CHECK(budget.spend(20s));
  CHECK_FALSE(budget.spend(30s));
  CHECK_FALSE(budget.spend(59s));
  CHECK(budget.spend(60s));
  CHECK_FALSE(budget.spend(69s));
  CHECK(budget.spend(70s));
  CHECK(budget.total() == 5);
}

TEST_CASE("restart budget: of nothing allows nothing", "[node][supervision]") {
  restart_budget budget(0, 60s);
  CHECK_FALSE(budget.spend(0s));
  CHECK(budget.total() == 0);
}
