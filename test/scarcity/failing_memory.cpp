#include "test/scarcity/failing_memory.hpp"

#include <cstdlib>

namespace {

constexpr uint64_t off = UINT64_MAX;
thread_local uint64_t left = off;
thread_local bool failed = false;

bool refused() {
  if (left == off) return false;
  if (left-- != 0) return false;
  left = off;
  failed = true;
  return true;
}

void* granted(void* p) {
  if (!p) throw std::bad_alloc();
  return p;
}

} // namespace

void troupe::test::failing_memory::after(uint64_t granted) {
  left = granted;
  failed = false;
}

bool troupe::test::failing_memory::end() {
  left = off;
  return std::exchange(failed, false);
}

// --- the allocation functions of this executable -------------------------------------------------

void* operator new(size_t size) { return granted(refused() ? nullptr : std::malloc(size)); }
void* operator new[](size_t size) { return granted(refused() ? nullptr : std::malloc(size)); }
void* operator new(size_t size, std::align_val_t align) {
  const auto to = static_cast<size_t>(align);
  return granted(refused() ? nullptr : std::aligned_alloc(to, (size + to - 1) / to * to));
}
// All of them, so that what one gives the other frees: a sanitizer has its own for those that are left out.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return refused() ? nullptr : std::malloc(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return refused() ? nullptr : std::malloc(size); }
void* operator new[](size_t size, std::align_val_t align) { return operator new(size, align); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }

// The linker sends the calls of calloc here (--wrap, test/CMakeLists.txt).
extern "C" {
void* __real_calloc(size_t count, size_t size);
void* __wrap_calloc(size_t count, size_t size);
void* __wrap_calloc(size_t count, size_t size) { return refused() ? nullptr : __real_calloc(count, size); }
}
