// Decides which driver (thread) runs which reactor, from how busy each reactor was, and driver 0.
//
// At low load driver 0 runs every reactor: a request and its reply then never wait for a thread
// to wake, and an idle node has one sleeping thread. When driver 0 saturates, reactors with work
// move to drivers of their own, the busiest first, up to one per reactor. When the load that was
// spread would fit one driver with room to spare for a while, reactors come home.
//
// A busy time goes on while another thread has the core, for instance one that was just sent
// something. So a driver is saturated only if it also ran nearly all the time, or would have: it
// hardly slept.
//
// Pure: times and the clock come in as values. Used by driver 0 only.
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
  nanos sleep_interval = std::chrono::milliseconds(1);  // ... or, kept from running, when it does
                                                        // not sleep more often than this
  unsigned spread_windows = 4;                   // ... for so many samples in a row
  double worth_moving = 0.08;                    // a reactor below this share stays home
  double gather_below = 0.45;                    // all load together, in shares of one driver
  nanos gather_after = std::chrono::milliseconds(50);  // ... for so long
};

/// What happened since the last sample.
struct driver_load {
  nanos elapsed;
  nanos ran;             // processor time of driver 0
  int64_t sleeps;        // how often driver 0 had nothing to do
  std::span<const nanos> busy;  // by reactor
};

class driver_policy {
public:
  driver_policy(unsigned reactors, driver_policy_config config);

  /// Whether reactor `r` has left driver 0 for the driver of its own number.
  bool spread(reactor_index r) const { return spread_[r]; }
  bool any_spread() const { return spread_count_ > 0; }

  void sample(nanos now, const driver_load& load);

private:
  bool saturated(const driver_load& load, double home) const;
  void maybe_spread(const driver_load& load);
  void gather();

  driver_policy_config config_;
  std::vector<bool> spread_;
  unsigned spread_count_ = 0;
  unsigned saturated_samples_ = 0;
  nanos calm_since_ = nanos(-1);
};

} // namespace troupe
