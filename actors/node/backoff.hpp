// How long an accept loop waits after the system refused it a socket: doubling from 10 ms to 1 s,
// as the Go server does. Pure.
#pragma once

#include <algorithm>
#include <chrono>

namespace troupe {

class accept_backoff {
public:
  static constexpr std::chrono::milliseconds first{10}, longest{1000};

  std::chrono::milliseconds next() {
    auto now = delay_;
    delay_ = std::min(delay_ * 2, longest);
    return now;
  }
  void reset() { delay_ = first; }

private:
  std::chrono::milliseconds delay_ = first;
};

} // namespace troupe
