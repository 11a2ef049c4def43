#include "actors/reactor/driver_policy.hpp"

#include <algorithm>

namespace troupe {

namespace {

double share_of(nanos part, nanos whole) {
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

} // namespace

driver_policy::driver_policy(unsigned reactors, driver_policy_config config)
    : config_(config), spread_(reactors, false) {}

void driver_policy::sample(nanos now, const driver_load& load) {
  if (load.elapsed <= nanos::zero()) return;
  double home = 0, all = 0;
  for (size_t r = 0; r < spread_.size(); ++r) {
    double share = share_of(load.busy[r], load.elapsed);
    all += share;
    if (!spread_[r]) home += share;
  }
  saturated_samples_ = saturated(load, home) ? saturated_samples_ + 1 : 0;
  if (saturated_samples_ >= config_.spread_windows) maybe_spread(load);

  if (spread_count_ == 0 || all >= config_.gather_below) {
    calm_since_ = nanos(-1);
  } else if (calm_since_ < nanos::zero()) {
    calm_since_ = now;
  } else if (now - calm_since_ >= config_.gather_after) {
    gather();
  }
}

bool driver_policy::saturated(const driver_load& load, double home) const {
  return home >= config_.spread_above
         && (share_of(load.ran, load.elapsed) >= config_.spread_above
             || load.sleeps * config_.sleep_interval <= load.elapsed);
}

void driver_policy::maybe_spread(const driver_load& load) {
  const std::span<const nanos> busy = load.busy;
  // Reactor 0 never leaves driver 0. Moving the only busy reactor would gain nothing.
  nanos threshold(static_cast<int64_t>(config_.worth_moving * static_cast<double>(load.elapsed.count())));
  size_t pick = 0, candidates = busy[0] >= threshold ? 1 : 0;
  for (size_t r = 1; r < spread_.size(); ++r) {
    if (spread_[r] || busy[r] < threshold) continue;
    ++candidates;
    if (pick == 0 || busy[r] > busy[pick]) pick = r;
  }
  if (pick == 0 || candidates < 2) return;
  spread_[pick] = true;
  ++spread_count_;
  saturated_samples_ = 0;
}

void driver_policy::gather() {
  std::fill(spread_.begin(), spread_.end(), false);
  spread_count_ = 0;
  calm_since_ = nanos(-1);
}

} // namespace troupe
