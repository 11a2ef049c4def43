// Stacks of callers, and how pprof wants them written.
//
// Source of the formats: google/pprof, profile/legacy_profile.go. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::http {

inline constexpr int stack_frames_max = 32;

/// Return addresses, innermost first.
using call_stack = std::vector<uintptr_t>;

/// Loads what unwinding needs. Once, before the first stack is taken by an allocation or a lock.
void prepare_stacks();

/// The caller's stack without its innermost `skip` frames. Allocates nothing but the vector.
call_stack current_stack(int skip);

/// Appends " @ 0x1 0x2" and the end of the line.
void append_stack(std::string& out, const call_stack& stack);

/// Appends what lies where in memory, the last part of each text format.
void append_memory_map(std::string& out);

/// True while this thread is inside a profiler: what it allocates or waits for there is not counted.
bool& inside_profiler();

} // namespace troupe::http
