// The timer wheel against a naive model: a list of deadlines, looked through from the front.
#include "actors/reactor/timer_wheel.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <random>

#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t none = UINT64_MAX;

/// A wheel and the list of ticks at which its timers are due; says when they disagree.
class wheel_model {
public:
  static constexpr size_t timers = 40;

  explicit wheel_model(uint32_t seed, nanos start)
      : random_(seed), now_(start), tick_(static_cast<uint64_t>(start / 1ms)), wheel_(start) {
    for (size_t i = 0; i < timers; ++i) entries_.emplace_back(this);
  }

  void step() {
    switch (below(4)) {
      case 0: arm(pick(), now_ + span()); break;
      case 1: arm(pick(), now_ + span() - 5ms); break;
      case 2:
        if (below(3) == 0) cancel(pick());
        break;
      default: advance(now_ + span()); break;
    }
    check_next_deadline();
  }
  bool ok() const { return ok_; }
  size_t fired() const { return fired_; }

private:
  struct entry {
    explicit entry(wheel_model* m) : model(m), t(fire, this) {}
    wheel_model* model;
    uint64_t due = none;
    timer t;
  };

  uint64_t below(uint64_t n) { return random_() % n; }
  entry& pick() { return entries_[below(timers)]; }
  nanos span() {
    switch (below(6)) {
      case 0: return nanos(static_cast<int64_t>(below(3'000'000)));
      case 1: return 1ms * static_cast<int64_t>(below(70));
      case 2: return 1ms * static_cast<int64_t>(below(10'000));
      case 3: return 1ms * static_cast<int64_t>(below(36'000'000));
      case 4: return 1h * static_cast<int64_t>(below(24 * 365));
      default: return below(8) == 0 ? 1h * static_cast<int64_t>(below(24 * 365 * 5)) : 64ms;
    }
  }

  void arm(entry& e, nanos deadline) {
    uint64_t ceiling = (static_cast<uint64_t>(deadline.count()) + 999'999) / 1'000'000;
    e.due = std::max(ceiling, tick_ + 1);
    wheel_.arm(e.t, deadline);
    ok_ &= e.t.armed();
  }
  void cancel(entry& e) {
    e.due = none;
    e.t.cancel();
    ok_ &= !e.t.armed();
  }
  uint64_t first_due() const {
    uint64_t first = none;
    for (const entry& e : entries_) first = std::min(first, e.due);
    return first;
  }

  void advance(nanos now) {
    if (now < now_) return;
    now_ = now;
    size_t before = fired_;
    size_t said = wheel_.advance(now);
    tick_ = static_cast<uint64_t>(now / 1ms);
    ok_ &= said == fired_ - before && (first_due() == none || first_due() > tick_);
  }
  void check_next_deadline() {
    nanos next = wheel_.next_deadline();
    if (first_due() == none) {
      ok_ &= next == nanos::max();
      return;
    }
    ok_ &= next <= 1ms * static_cast<int64_t>(first_due()) && next > now_ - 1ms;
  }

  static void fire(void* owner, nanos now) {
    auto& e = *static_cast<entry*>(owner);
    auto& m = *e.model;
    // In order, not early, once.
    m.ok_ &= e.due != none && e.due == m.first_due() && now == m.now_ && !e.t.armed();
    m.ok_ &= e.due <= static_cast<uint64_t>(now / 1ms);
    m.tick_ = e.due;
    e.due = none;
    ++m.fired_;
    if (m.below(4) == 0) m.arm(e, 1ms * static_cast<int64_t>(m.tick_) + m.span());
    if (m.below(6) == 0) m.arm(m.pick(), 1ms * static_cast<int64_t>(m.tick_) + m.span());
    if (m.below(8) == 0) m.cancel(m.pick());
  }

  std::mt19937 random_;
  nanos now_;
  uint64_t tick_;
  timer_wheel wheel_;
  std::deque<entry> entries_;
  size_t fired_ = 0;
  bool ok_ = true;
};

struct counter {
  int fired = 0;
  static void fire(void* self, nanos) { ++static_cast<counter*>(self)->fired; }
};

} // namespace

TEST_CASE("timer wheel: agrees with a sorted list under random use", "[reactor][timer]") {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    wheel_model model(seed, nanos(1'234'567) * seed);
    for (int i = 0; i < 1500 && model.ok(); ++i) model.step();
    INFO("seed " << seed);
    REQUIRE(model.ok());
    REQUIRE(model.fired() > 50);
  }
}

TEST_CASE("timer wheel: a deadline fires at the first tick that is not before it",
          "[reactor][timer]") {
  timer_wheel wheel(0ns);
  counter c;
  timer t(counter::fire, &c);
  wheel.arm(t, 1500us);
  CHECK(wheel.advance(1999us) == 0);
  CHECK(wheel.advance(2ms) == 1);
  CHECK(c.fired == 1);
  CHECK(wheel.advance(10s) == 0);
}

TEST_CASE("timer wheel: a deadline in the past fires at the next advance", "[reactor][timer]") {
  timer_wheel wheel(10s);
  counter c;
  timer t(counter::fire, &c);
  wheel.arm(t, 1s);
  CHECK(wheel.next_deadline() <= 10s + 1ms);
  CHECK(wheel.advance(10s + 1ms) == 1);
}

TEST_CASE("timer wheel: deadlines beyond its span fire in their time", "[reactor][timer]") {
  constexpr nanos year = 24h * 365;
  for (nanos far : {2 * year, 3 * year, 7 * year, 30 * year}) {
    timer_wheel wheel(77ms);
    counter c;
    timer t(counter::fire, &c);
    wheel.arm(t, 77ms + far);
    CHECK(wheel.advance(76ms + far) == 0);
    CHECK(wheel.advance(77ms + far) == 1);
  }
}

TEST_CASE("timer wheel: waiting for next_deadline again and again arrives in few steps",
          "[reactor][timer]") {
  timer_wheel wheel(123ms);
  counter c;
  timer t(counter::fire, &c);
  wheel.arm(t, 123ms + 50h);
  int steps = 0;
  while (c.fired == 0 && ++steps < 64) wheel.advance(wheel.next_deadline());
  CHECK(c.fired == 1);
  CHECK(steps <= 6);
  CHECK(wheel.next_deadline() == nanos::max());
}

TEST_CASE("timer wheel: a timer that dies is not fired", "[reactor][timer]") {
  timer_wheel wheel(0ns);
  counter c;
  {
    timer t(counter::fire, &c);
    wheel.arm(t, 5ms);
  }
  CHECK(wheel.advance(1s) == 0);
  CHECK(c.fired == 0);
  CHECK(wheel.next_deadline() == nanos::max());
}

TEST_CASE("timer wheel: arming again moves the deadline", "[reactor][timer]") {
  timer_wheel wheel(0ns);
  counter c;
  timer t(counter::fire, &c);
  wheel.arm(t, 5ms);
  wheel.arm(t, 500ms);
  CHECK(wheel.advance(499ms) == 0);
  wheel.arm(t, 505ms);
  CHECK(wheel.advance(504ms) == 0);
  CHECK(wheel.advance(505ms) == 1);
}
