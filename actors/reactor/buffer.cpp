#include "actors/reactor/buffer.hpp"

#include <cstdlib>
#include <new>

namespace troupe {

namespace {

thread_local buffer_pool* current_pool = nullptr;

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
  if (home)
    home->give_back(this);
  else
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
  if (!b) return buffer_ref(allocate(class_bytes[size_class], size_class, this));
  free_[size_class] = b->next;
  --resting_[size_class];
  b->refs.store(1, std::memory_order_relaxed);
  return buffer_ref(b);
}

buffer_ref buffer_pool::take_large(size_t bytes) {
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

void buffer_pool::trim(size_t keep_bytes) {
  collect_returned();
  for (size_t c = 0; c < class_count; ++c) {
    size_t keep = keep_bytes / class_bytes[c];
    while (resting_[c] > keep) {
      buffer* b = free_[c];
      free_[c] = b->next;
      --resting_[c];
      std::free(b);
    }
  }
}

} // namespace troupe
