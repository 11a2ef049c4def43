#include "actors/reactor/driver_policy.hpp"

#include <algorithm>

namespace troupe {

driver_policy::driver_policy(unsigned reactors, driver_policy_config config)
    : config_(config), spread_(reactors, false) {}

void driver_policy::sample(nanos now, nanos elapsed, std::span<const nanos> busy) {
  if (elapsed <= nanos::zero()) return;
  double home = 0, all = 0;
  for (size_t r = 0; r < spread_.size(); ++r) {
    double share = static_cast<double>(busy[r].count()) / static_cast<double>(elapsed.count());
    all += share;
    if (!spread_[r]) home += share;
  }
  saturated_ = home >= config_.spread_above ? saturated_ + 1 : 0;
  if (saturated_ >= config_.spread_windows) maybe_spread(busy, elapsed);

  if (spread_count_ == 0 || all >= config_.gather_below) {
    calm_since_ = nanos(-1);
  } else if (calm_since_ < nanos::zero()) {
    calm_since_ = now;
  } else if (now - calm_since_ >= config_.gather_after) {
    gather();
  }
}

void driver_policy::maybe_spread(std::span<const nanos> busy, nanos elapsed) {
  // Reactor 0 never leaves driver 0. Moving the only busy reactor would gain nothing.
  nanos threshold(static_cast<int64_t>(config_.worth_moving * static_cast<double>(elapsed.count())));
  size_t pick = 0, candidates = busy[0] >= threshold ? 1 : 0;
  for (size_t r = 1; r < spread_.size(); ++r) {
    if (spread_[r] || busy[r] < threshold) continue;
    ++candidates;
    if (pick == 0 || busy[r] > busy[pick]) pick = r;
  }
  if (pick == 0 || candidates < 2) return;
  spread_[pick] = true;
  ++spread_count_;
  saturated_ = 0;
}

void driver_policy::gather() {
  std::fill(spread_.begin(), spread_.end(), false);
  spread_count_ = 0;
  calm_since_ = nanos(-1);
}

} // namespace troupe
