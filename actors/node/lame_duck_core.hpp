// The timetable of lame duck mode: after a grace period clients are closed one by one, spread over
// the rest of the duration with random gaps, so that they do not all reconnect at once.
// Pure: times and random numbers come in as values. Source: the Go server's lame duck mode.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace troupe {

class lame_duck_core {
public:
  using nanos = std::chrono::nanoseconds;

  struct step {
    nanos wait;    // before closing
    size_t close;  // clients to close then
  };

  lame_duck_core(nanos duration, nanos grace, size_t clients)
      : grace_(grace), left_(clients) {
    nanos spread = std::max(duration - grace, nanos(1));
    auto n = static_cast<int64_t>(std::max<size_t>(clients, 1));
    gap_ = std::min<nanos>(spread / n, std::chrono::seconds(1));
    if (gap_ < shortest_gap) {
      // Too many for one by one: close several at each step.
      gap_ = shortest_gap;
      batch_ = static_cast<size_t>((n * gap_.count() + spread.count() - 1) / spread.count());
    }
  }

  bool done() const { return left_ == 0; }
  /// The next step; `random` is any number. Call until done().
  step next(uint64_t random) {
    nanos wait = grace_;
    if (begun_) {
      auto half = gap_ / 2;
      wait = half + nanos(static_cast<int64_t>(random % static_cast<uint64_t>(half.count() + 1)));
    }
    begun_ = true;
    size_t n = std::min(batch_, left_);
    left_ -= n;
    return {wait, n};
  }

private:
  // Below this the timers of the actor system cannot follow.
  static constexpr nanos shortest_gap = std::chrono::milliseconds(2);

  nanos grace_;
  nanos gap_{};
  size_t left_;
  size_t batch_ = 1;
  bool begun_ = false;
};

} // namespace troupe
