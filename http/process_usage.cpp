#include "http/process_usage.hpp"

#include <cmath>
#include <ctime>
#include <fstream>
#include <unistd.h>

namespace troupe::http {

process_usage usage_meter::measure() {
  using namespace std::chrono;
  process_usage out;
  std::ifstream statm("/proc/self/statm");
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  if (statm >> total_pages >> resident_pages)
    out.memory_bytes = resident_pages * sysconf(_SC_PAGESIZE);

  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  auto cpu = seconds{spent.tv_sec} + nanoseconds{spent.tv_nsec};
  auto now = steady_clock::now();
  auto wall = now - last_at_;
  // Shorter spans say nothing: keep the last answer.
  if (last_at_ == steady_clock::time_point{} || wall >= milliseconds{500}) {
    if (last_at_ != steady_clock::time_point{}) {
      auto share = duration<double>(cpu - last_cpu_) / duration<double>(wall);
      percent_ = std::round(share * 1000) / 10;
    }
    last_at_ = now;
    last_cpu_ = cpu;
  }
  out.cpu_percent = percent_;
  out.cpu_seconds = duration<double>(cpu).count();
  return out;
}

} // namespace troupe::http
