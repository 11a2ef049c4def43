// Who holds memory: a sample of what was allocated, by the stack that asked for it.
//
// Whoever allocates calls `note_allocation` and `note_release` while `heap_is_sampled` (in the
// process: actors/main/allocation_hooks.cpp). One allocation in about 512 KiB is kept, chosen as Go
// and gperftools do, so that pprof can tell the whole from it. Off it costs one load and branch.
// Thread: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace troupe::http {

inline constexpr int64_t heap_sample_bytes = 512 * 1024;

namespace detail {
extern std::atomic<bool> heap_sampled; // NOLINT: a hook knows nothing else
}

inline bool heap_is_sampled() noexcept {
  return detail::heap_sampled.load(std::memory_order_relaxed);
}

/// From now on, for the rest of the process. `every`: bytes between two samples, on average.
void sample_heap(int64_t every = heap_sample_bytes);

/// After `memory` was got; null is nothing.
void note_allocation(void* memory, size_t bytes) noexcept;
/// Before `memory` is given back.
void note_release(void* memory) noexcept;

/// What was seen so far, as "heap profile: ..." in the format heap_v2 of gperftools, which
/// `go tool pprof` reads: what is in use and what was ever allocated, for each stack.
std::string heap_profile();

} // namespace troupe::http
