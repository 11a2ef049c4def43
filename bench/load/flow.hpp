// What publishers and subscribers of a throughput run share: counts, the window, the first error.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace troupe::bench {

/// Bounds the deliveries that are under way, so that subscribers who lag slow the publishers down
/// here and are not cut off by the server as slow consumers.
class flow {
public:
  explicit flow(uint64_t limit) : limit_(limit) {}

  /// A publisher asks to cause `deliveries` more. Always granted when nothing is under way.
  bool try_acquire(uint64_t deliveries) {
    const uint64_t expected = expected_.load(std::memory_order_relaxed);
    const uint64_t under_way = expected - delivered_.load(std::memory_order_relaxed);
    if (under_way != 0 && under_way + deliveries > limit_) return false;
    expected_.fetch_add(deliveries, std::memory_order_relaxed);
    return true;
  }

  /// A subscriber saw `deliveries` messages arrive at `when`.
  void delivered(uint64_t deliveries, uint64_t when) {
    last_delivery_.store(when, std::memory_order_relaxed);
    delivered_.fetch_add(deliveries, std::memory_order_release);
  }

  uint64_t expected() const { return expected_.load(std::memory_order_relaxed); }
  uint64_t delivered() const { return delivered_.load(std::memory_order_acquire); }
  uint64_t last_delivery_ns() const { return last_delivery_.load(std::memory_order_relaxed); }

  /// Keeps the first error and makes every thread stop.
  void fail(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (error_.empty()) error_ = what;
    failed_.store(true, std::memory_order_release);
  }

  bool failed() const { return failed_.load(std::memory_order_acquire); }
  std::string error() const {
    const std::lock_guard lock(mutex_);
    return error_;
  }

private:
  const uint64_t limit_;
  alignas(64) std::atomic<uint64_t> expected_{0};
  alignas(64) std::atomic<uint64_t> delivered_{0};
  std::atomic<uint64_t> last_delivery_{0};
  alignas(64) std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  std::string error_;
};

} // namespace troupe::bench
