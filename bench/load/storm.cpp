// Scenarios "churn" (for a time) and "handshake" (a number).
#include "bench/load/storm.hpp"

#include <algorithm>
#include <limits>
#include <sys/resource.h>

#include "bench/load/channel.hpp"
#include "bench/load/stats.hpp"

namespace troupe::bench {

namespace {

constexpr unsigned churn_threads = 8;
constexpr uint64_t handshakes = 5'000;

uint64_t own_cpu_ns() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  const auto ns = [](const timeval& t) { return uint64_t(t.tv_sec) * 1'000'000'000u + uint64_t(t.tv_usec) * 1000u; };
  return ns(u.ru_utime) + ns(u.ru_stime);
}

} // namespace

storm::storm(const options& opt, unsigned threads, uint64_t count, uint64_t deadline_ns)
    : opt_(opt), count_(count ? count : std::numeric_limits<uint64_t>::max()),
      deadline_ns_(count ? std::numeric_limits<uint64_t>::max() : deadline_ns) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this, i] { run(i); });
}

void storm::join() {
  for (std::thread& t : threads_) t.join();
  threads_.clear();
}

void storm::stop() {
  stop_ = true;
  join();
}

uint64_t storm::done() const {
  if (!error_.empty()) throw load_error("storm: " + error_);
  return samples_.size();
}

void storm::run(unsigned thread) {
  std::vector<uint32_t> mine;
  try {
    while (!stop_ && begun_.fetch_add(1) < count_) {
      const uint64_t start = now_ns();
      if (start >= deadline_ns_) break;
      // A new source address every 4,000 connections: closed ones hold their port for a minute.
      const channel wire(opt_.server, 1 + thread * 1000 + static_cast<unsigned>(mine.size() / 4000));
      mine.push_back(static_cast<uint32_t>(std::min<uint64_t>(now_ns() - start, ~0u)));
    }
  } catch (const std::exception& e) {
    stop_ = true;
    const std::lock_guard lock(mutex_);
    if (error_.empty()) error_ = e.what();
  }
  const std::lock_guard lock(mutex_);
  samples_.insert(samples_.end(), mine.begin(), mine.end());
}

std::string run_churn(const options& opt) {
  const bool by_number = opt.scenario == "handshake";
  const unsigned threads = opt.connections ? opt.connections : churn_threads;
  const uint64_t wanted = opt.messages ? opt.messages : by_number ? handshakes : 0;
  const server_probe probe(opt.pid);
  const uint64_t cpu_before = probe.cpu_ns();
  const uint64_t own_before = own_cpu_ns();
  const uint64_t start = now_ns();
  storm s(opt, threads, wanted, start + static_cast<uint64_t>(opt.seconds * 1e9));
  s.join();
  const double seconds = static_cast<double>(now_ns() - start) / 1e9;
  const uint64_t cpu = probe.cpu_ns() - cpu_before;
  const uint64_t done = s.done();
  const auto count = static_cast<double>(std::max<uint64_t>(1, done));
  report out;
  out.text("scenario", opt.scenario).count("size", 0).count("connections", done);
  out.number("rate", count / seconds).number("seconds", seconds);
  out.number("p50_us", quantile(s.samples(), 0.5) / 1e3);
  out.number("p99_us", quantile(s.samples(), 0.99) / 1e3);
  out.number("p999_us", quantile(s.samples(), 0.999) / 1e3);
  out.number("server_cpu_s", static_cast<double>(cpu) / 1e9);
  out.number("cpu_ns_per_msg", static_cast<double>(cpu) / count);
  out.number("load_cpu_ns_per_msg", static_cast<double>(own_cpu_ns() - own_before) / count);
  out.count("rss_bytes", probe.rss_bytes());
  return out.line();
}

} // namespace troupe::bench
