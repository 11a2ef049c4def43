// Where the threads of this process spend their processor time: samples of their stacks.
//
// Every thread that exists at the start gets a timer of its own that counts its processor time, so
// an idle process is not woken. The result is a profile as google-pprof and `go tool pprof` read
// it: 64-bit words (header, samples, trailer), then /proc/self/maps as text.
// Source: https://gperftools.github.io/gperftools/cpuprofile-fileformat.html
#pragma once

#include "protocol/result.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

namespace troupe::http {

class cpu_profiler {
public:
  static constexpr int samples_per_second = 100;
  static constexpr std::chrono::seconds longest{300};

  /// Takes samples for so long, then returns the profile. Blocks; one at a time in the process.
  /// Errors: `limit_exceeded` for a span that is not above 0 and at most `longest`; `unavailable`
  /// while another runs, or when the system refuses a timer.
  result<std::string> take(std::chrono::milliseconds span);

  /// Ends a `take` under way early, and every later one at once. Any thread.
  void cancel();

private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool cancelled_ = false;
};

} // namespace troupe::http
