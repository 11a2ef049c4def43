// Decides which driver (thread) runs which reactor, from how busy each reactor was.
//
// At low load driver 0 runs every reactor: a request and its reply then never wait for a thread
// to wake, and an idle node has one sleeping thread. When driver 0 saturates, reactors with work
// move to drivers of their own, the busiest first, up to one per reactor. When the load that was
// spread would fit one driver with room to spare for a while, reactors come home.
// Pure: busy times and the clock come in as values. Used by driver 0 only.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "protocol/ids.hpp"

namespace troupe {

using nanos = std::chrono::nanoseconds;

struct driver_policy_config {
  nanos window = std::chrono::milliseconds(2);   // one sample
  double spread_above = 0.80;                    // driver 0 is saturated above this share
  unsigned spread_windows = 2;                   // ... for so many samples in a row
  double worth_moving = 0.08;                    // a reactor below this share stays home
  double gather_below = 0.45;                    // all load together, in shares of one driver
  nanos gather_after = std::chrono::milliseconds(50);  // ... for so long
};

class driver_policy {
public:
  driver_policy(unsigned reactors, driver_policy_config config);

  /// Whether reactor `r` has left driver 0 for the driver of its own number.
  bool spread(reactor_index r) const { return spread_[r]; }
  bool any_spread() const { return spread_count_ > 0; }

  /// One sample: how long each reactor was busy since the last one, `elapsed` ago.
  void sample(nanos now, nanos elapsed, std::span<const nanos> busy);

private:
  void maybe_spread(std::span<const nanos> busy, nanos elapsed);
  void gather();

  driver_policy_config config_;
  std::vector<bool> spread_;
  unsigned spread_count_ = 0;
  unsigned saturated_ = 0;
  nanos calm_since_ = nanos(-1);
};

} // namespace troupe
