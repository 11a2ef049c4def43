// The process's memory and locks as the profiles of the profiling port see them.
#pragma once

namespace troupe {

/// Samples the heap from now on. False where this build cannot.
bool watch_heap();

/// Notes from now on who waits for a lock. False where this build cannot.
bool watch_locks();

} // namespace troupe
