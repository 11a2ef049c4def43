// What a run measures: the server's CPU time and memory, clocks, percentiles, and the report line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace troupe::bench {

/// Monotonic clock, nanoseconds.
uint64_t now_ns();

/// CPU time of the calling thread, nanoseconds.
uint64_t thread_cpu_ns();

/// Looks at another process: the server. With pid 0 every figure is 0.
class server_probe {
public:
  explicit server_probe(pid_t pid) : pid_(pid) {}

  /// User and system time of all threads so far. From the process's CPU clock (nanoseconds);
  /// /proc/<pid>/stat, with its ticks of 10 ms, is the fall-back.
  uint64_t cpu_ns() const;
  uint64_t rss_bytes() const { return status_kib("VmRSS:") * 1024; }
  uint64_t peak_rss_bytes() const { return status_kib("VmHWM:") * 1024; }

private:
  uint64_t status_kib(std::string_view key) const;
  pid_t pid_;
};

/// The `q` quantile (0 .. 1) of `samples`, which it reorders; 0 when there are none.
uint32_t quantile(std::vector<uint32_t>& samples, double q);

/// Builds one JSON object on one line.
class report {
public:
  report& text(std::string_view key, std::string_view value);
  report& count(std::string_view key, uint64_t value);
  report& number(std::string_view key, double value);
  std::string line() const { return "{" + body_ + "}"; }

private:
  void key(std::string_view name);
  std::string body_;
};

} // namespace troupe::bench
