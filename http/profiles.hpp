// All profiles of the process by their name, for the profiling port and for PROFILEZ.
//
//   cpu          where processor time goes; takes the span that is asked for
//   heap, allocs who holds memory, and who ever asked for it; while a profiling port is set
//   mutex, block who waited for a lock; while a profiling port is set
//   goroutine    the threads and their stacks, as text; also as threads and threadcreate
//
// Thread: any. `take` blocks for as long as it takes.
#pragma once

#include "http/cpu_profile.hpp"
#include "http/pages.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace troupe::http {

class profiles {
public:
  explicit profiles(pages& from) : pages_(from) {}

  /// Errors: `not_found` for another name, `unavailable` for one that is not taken now, and those of
  /// a CPU profile.
  result<std::string> take(std::string_view name, std::chrono::milliseconds span = {});
  /// Ends what blocks. Any thread.
  void cancel() { cpu_.cancel(); }

private:
  pages& pages_;
  cpu_profiler cpu_;
};

} // namespace troupe::http
