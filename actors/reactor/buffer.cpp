#include "actors/reactor/buffer.hpp"

#include <cstdlib>
#include <new>

namespace troupe {

namespace {

thread_local buffer_pool* current_pool = nullptr;
std::atomic<uint64_t> large_blocks_taken{0};
std::atomic<size_t> bytes_freed{0};

buffer* allocate(size_t total_bytes, uint8_t size_class, buffer_pool* home) {
  void* memory = std::malloc(total_bytes);
  if (!memory) throw std::bad_alloc();
  auto* b = new (memory) buffer;
  b->refs.store(1, std::memory_order_relaxed);
  b->capacity = static_cast<uint32_t>(total_bytes - sizeof(buffer));
  b->home = home;
  b->next = nullptr;
  b->size_class = size_class;
  return b;
}

void free_list(buffer* b) {
  while (b) {
    buffer* next = b->next;
    std::free(b);
    b = next;
  }
}

} // namespace

void buffer::release() {
  if (refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (home) return home->give_back(this);
  bytes_freed.fetch_add(capacity, std::memory_order_relaxed);
  std::free(this);
}

buffer_pool* buffer_pool::current() { return current_pool; }
void buffer_pool::set_current(buffer_pool* pool) { current_pool = pool; }

buffer_pool::~buffer_pool() {
  for (buffer* list : free_) free_list(list);
  free_list(returned_.load(std::memory_order_acquire));
}

buffer_ref buffer_pool::take(uint8_t size_class) {
  if (!free_[size_class] && returned_.load(std::memory_order_relaxed)) collect_returned();
  buffer* b = free_[size_class];
  if (!b) {
    allocated_ += class_bytes[size_class];
    return buffer_ref(allocate(class_bytes[size_class], size_class, this));
  }
  free_[size_class] = b->next;
  if (--resting_[size_class] < unused_[size_class]) unused_[size_class] = resting_[size_class];
  b->refs.store(1, std::memory_order_relaxed);
  return buffer_ref(b);
}

buffer_ref buffer_pool::take_large(size_t bytes) {
  large_blocks_taken.fetch_add(1, std::memory_order_relaxed);
  return buffer_ref(allocate(bytes + sizeof(buffer), 0, nullptr));
}

void buffer_pool::give_back(buffer* b) {
  if (current_pool == this) {
    b->next = free_[b->size_class];
    free_[b->size_class] = b;
    ++resting_[b->size_class];
    return;
  }
  b->next = returned_.load(std::memory_order_relaxed);
  while (!returned_.compare_exchange_weak(b->next, b, std::memory_order_release,
                                          std::memory_order_relaxed)) {
  }
}

void buffer_pool::collect_returned() {
  buffer* b = returned_.exchange(nullptr, std::memory_order_acquire);
  while (b) {
    buffer* next = b->next;
    b->next = free_[b->size_class];
    free_[b->size_class] = b;
    ++resting_[b->size_class];
    b = next;
  }
}

uint64_t buffer_pool::large_taken() { return large_blocks_taken.load(std::memory_order_relaxed); }
size_t buffer_pool::freed_bytes() { return bytes_freed.load(std::memory_order_relaxed); }
void buffer_pool::forget_freed() { bytes_freed.store(0, std::memory_order_relaxed); }

size_t buffer_pool::resting_bytes() const {
  size_t sum = 0;
  for (size_t c = 0; c < class_count; ++c) sum += resting_[c] * class_bytes[c];
  return sum;
}

size_t buffer_pool::trim() {
  size_t freed = 0;
  for (size_t c = 0; c < class_count; ++c) {
    for (size_t n = unused_[c]; n > 0 && free_[c]; --n) {
      buffer* b = free_[c];
      free_[c] = b->next;
      --resting_[c];
      freed += class_bytes[c];
      std::free(b);
    }
  }
  allocated_ -= freed;
  bytes_freed.fetch_add(freed, std::memory_order_relaxed);
  collect_returned();
  for (size_t c = 0; c < class_count; ++c) unused_[c] = resting_[c];
  return freed;
}

} // namespace troupe
