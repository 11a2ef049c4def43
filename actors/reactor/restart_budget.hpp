// How often a child may be restarted before its parent gives up. A pure value.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

namespace troupe {

class restart_budget {
public:
  using nanos = std::chrono::nanoseconds;

  restart_budget(size_t restarts, nanos window) : max_(restarts), window_(window) {}

  /// Takes one restart out of the budget; false: it is spent, escalate to the parent.
  bool spend(nanos now) {
    while (!spent_.empty() && now - spent_.front() >= window_) spent_.pop_front();
    if (spent_.size() >= max_) return false;
    spent_.push_back(now);
    ++total_;
    return true;
  }
  size_t total() const { return total_; }

private:
  size_t max_;
  nanos window_;
  std::deque<nanos> spent_;
  size_t total_ = 0;
};

} // namespace troupe
