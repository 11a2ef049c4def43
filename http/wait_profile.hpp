// Who waits for locks that others hold: sums by the stack that waited.
//
// Whoever takes locks calls `note_wait` while `waits_are_noted` (in the process:
// actors/main/lock_hooks.cpp). Two profiles come of it: "mutex" has every wait, "block" only what
// the rate lets through, as Go's SetBlockProfileRate does. Thread: any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace troupe::http {

namespace detail {
extern std::atomic<bool> waits_noted; // NOLINT: a hook knows nothing else
}

inline bool waits_are_noted() noexcept {
  return detail::waits_noted.load(std::memory_order_relaxed);
}

/// From now on, for the rest of the process.
void note_waits();

/// One wait in so many nanoseconds of waiting goes into "block"; 1: all, 0 or less: none. Any time.
void set_block_rate(int64_t nanoseconds);

void note_wait(std::chrono::nanoseconds waited) noexcept;

/// As "--- contentionz 1 ---", which `go tool pprof` reads: count and nanoseconds for each stack.
std::string mutex_profile();
std::string block_profile();

} // namespace troupe::http
