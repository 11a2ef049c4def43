#pragma once
/// \file
/// When to ask the allocator for what was freed, so that it goes back to the system: a pure rule,
/// asked by each reactor once per interval.

#include <cstddef>
#include <cstdint>
#include <utility>

namespace troupe {

class heap_return {
public:
  /// Less is not worth the walk over the heap.
  static constexpr size_t worth_bytes = 4 * 1024 * 1024;
  /// Fewer large blocks per interval: the traffic that needed the memory has ebbed.
  static constexpr uint64_t ebbed_blocks = 16;
  /// While large traffic goes on, its own blocks would only be asked for again. But it may be less
  /// than what was there before, and end never: after so many intervals the memory goes anyway.
  static constexpr unsigned most_waits = 8;

  /// \param large_taken  large blocks taken so far, by all reactors
  /// \param freed_bytes  freed since memory was last handed back
  bool due(uint64_t large_taken, size_t freed_bytes) {
    const bool ebbed = large_taken - std::exchange(large_taken_, large_taken) < ebbed_blocks;
    if (freed_bytes < worth_bytes) {
      waits_ = 0;
      return false;
    }
    if (!ebbed && ++waits_ < most_waits) return false;
    waits_ = 0;
    return true;
  }

private:
  uint64_t large_taken_ = 0;
  unsigned waits_ = 0;
};

} // namespace troupe
