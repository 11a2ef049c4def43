// The process's malloc: glibc's, which a heap profile may look at.
//
// Every library of the process allocates through these, operator new among them. Without a profiling
// port each costs one load and a branch more. A sanitizer brings its own: then there is no profile.
#include "actors/main/profile_hooks.hpp"

#include "http/heap_profile.hpp"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

using troupe::http::heap_is_sampled;
using troupe::http::note_allocation;
using troupe::http::note_release;

} // namespace

extern "C" {

// Exported by glibc for those who put themselves before it.
void* __libc_malloc(size_t bytes);                // NOLINT: its names
void* __libc_calloc(size_t count, size_t bytes);  // NOLINT
void* __libc_realloc(void* memory, size_t bytes); // NOLINT
void __libc_free(void* memory);                   // NOLINT

void* malloc(size_t bytes) {
  void* memory = __libc_malloc(bytes);
  if (heap_is_sampled()) [[unlikely]]
    note_allocation(memory, bytes);
  return memory;
}

void* calloc(size_t count, size_t bytes) {
  void* memory = __libc_calloc(count, bytes);
  if (heap_is_sampled()) [[unlikely]]
    note_allocation(memory, count * bytes);
  return memory;
}

void* realloc(void* memory, size_t bytes) {
  if (!heap_is_sampled()) [[likely]]
    return __libc_realloc(memory, bytes);
  note_release(memory);
  void* moved = __libc_realloc(memory, bytes);
  note_allocation(moved, bytes);
  return moved;
}

void free(void* memory) {
  if (heap_is_sampled()) [[unlikely]]
    note_release(memory);
  __libc_free(memory);
}
}

namespace troupe {
bool watch_heap() {
  http::sample_heap();
  return true;
}
} // namespace troupe

#else

namespace troupe {
bool watch_heap() { return false; }
} // namespace troupe

#endif
