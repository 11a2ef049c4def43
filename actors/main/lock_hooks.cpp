// Our mutexes as a contention profile sees them: the linker leads every pthread_mutex_lock of our own
// code here (--wrap in CMakeLists.txt), with that of Asio, and not that of the shared libraries.
//
// A lock that is free costs what it did; without a profiling port one load and a branch more.
#include <pthread.h>

#include <cerrno>
#include <chrono>

#include "actors/main/profile_hooks.hpp"
#include "http/wait_profile.hpp"

#ifdef TROUPE_WRAPS_LOCKS

extern "C" {

int __real_pthread_mutex_lock(pthread_mutex_t* mutex); // NOLINT: the linker's name

[[gnu::used]] int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) { // NOLINT: the linker's name
  if (!troupe::http::waits_are_noted()) [[likely]]
    return __real_pthread_mutex_lock(mutex);
  const int at_once = ::pthread_mutex_trylock(mutex);
  if (at_once != EBUSY) return at_once;
  const auto before = std::chrono::steady_clock::now();
  const int got = __real_pthread_mutex_lock(mutex);
  troupe::http::note_wait(std::chrono::steady_clock::now() - before);
  return got;
}
}

namespace troupe {
bool watch_locks() {
  http::note_waits();
  return true;
}
} // namespace troupe

#else

namespace troupe {
bool watch_locks() { return false; }
} // namespace troupe

#endif
