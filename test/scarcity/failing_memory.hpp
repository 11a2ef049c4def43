// Requests for memory of this executable, the n-th of which may fail. For the calling thread only.
//
// Every operator new is seen, that of the shared libraries too, and each calloc of our own objects; malloc
// is not.
#pragma once

#include <cstdint>
#include <new>
#include <utility>

namespace troupe::test {

/// Lets the request after `granted` more fail, once; true if it came to that.
class failing_memory {
public:
  static void after(uint64_t granted);
  /// Ends it; whether a request has failed.
  static bool end();
};

/// Calls `what` with the request after `granted` more failing; false if it threw for that.
template <class F>
bool survives(uint64_t granted, F&& what) {
  failing_memory::after(granted);
  try {
    std::forward<F>(what)();
    failing_memory::end();
    return true;
  } catch (const std::bad_alloc&) {
    failing_memory::end();
    return false;
  } catch (...) {
    failing_memory::end();
    throw;
  }
}

} // namespace troupe::test
