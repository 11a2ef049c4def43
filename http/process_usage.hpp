// Memory and processor time of this process, from the operating system.
#pragma once

#include "http/endpoints/varz.hpp"

#include <chrono>

namespace troupe::http {

/// Measures the processor share between calls. One thread.
class usage_meter {
public:
  process_usage measure();

private:
  std::chrono::steady_clock::time_point last_at_{};
  std::chrono::nanoseconds last_cpu_{0};
  double percent_ = 0;
};

} // namespace troupe::http
