#include "bench/load/stats.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace troupe::bench {

namespace {

uint64_t clock_ns(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

// Fields 14 and 15 of /proc/<pid>/stat, counted behind the command's closing parenthesis.
uint64_t stat_cpu_ns(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string all((std::istreambuf_iterator<char>(file)), {});
  const size_t end = all.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream fields(all.substr(end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  uint64_t user = 0;
  uint64_t system = 0;
  fields >> user >> system;
  return (user + system) * (1'000'000'000u / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
}

} // namespace

uint64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }

uint64_t thread_cpu_ns() { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

uint64_t server_probe::cpu_ns() const {
  if (pid_ == 0) return 0;
  clockid_t clock{};
  if (::clock_getcpuclockid(pid_, &clock) == 0) return clock_ns(clock);
  return stat_cpu_ns(pid_);
}

uint64_t server_probe::status_kib(std::string_view key) const {
  if (pid_ == 0) return 0;
  std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, key.size(), key) == 0) return std::stoull(line.substr(key.size()));
  }
  return 0;
}

uint32_t quantile(std::vector<uint32_t>& samples, double q) {
  if (samples.empty()) return 0;
  const auto last = static_cast<double>(samples.size() - 1);
  const auto at = static_cast<std::ptrdiff_t>(q * last + 0.5);
  std::nth_element(samples.begin(), samples.begin() + at, samples.end());
  return samples[static_cast<size_t>(at)];
}

void report::key(std::string_view name) {
  if (!body_.empty()) body_ += ",";
  body_.append("\"").append(name).append("\":");
}

report& report::text(std::string_view name, std::string_view value) {
  key(name);
  body_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') body_ += '\\';
    body_ += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  body_ += '"';
  return *this;
}

report& report::count(std::string_view name, uint64_t value) {
  key(name);
  body_ += std::to_string(value);
  return *this;
}

report& report::number(std::string_view name, double value) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  key(name);
  body_ += digits;
  return *this;
}

} // namespace troupe::bench
