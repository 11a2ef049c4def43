// Reference-counted blocks of bytes and the pool each reactor takes them from.
//
// A block is filled by one reactor and may be read, and released, by others: payloads travel by
// reference from the publisher's read block to the subscribers' gathered writes. The count is
// atomic; a block released on a foreign thread goes back to its home pool over a lock-free stack,
// so pools neither drain nor swell when traffic flows one way.
//
// Three pooled sizes serve connections (512 B, 4 KiB, 64 KiB) and two serve reads (128 and 512 KiB).
// Anything else is allocated for the occasion and freed when released.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace troupe {

class buffer_pool;

/// Header of a block; the bytes follow it. Created by `buffer_pool` only.
struct buffer {
  std::atomic<uint32_t> refs;
  uint32_t capacity;  // usable bytes behind the header
  buffer_pool* home;  // nullptr: not pooled, freed on release
  buffer* next;       // free-list link while it rests in a pool
  uint8_t size_class;

  char* data() { return reinterpret_cast<char*>(this + 1); }
  void retain() { refs.fetch_add(1, std::memory_order_relaxed); }
  void release();
};

/// Owning handle of a block.
class buffer_ref {
public:
  buffer_ref() = default;
  /// Takes over one existing reference.
  explicit buffer_ref(buffer* b) : ptr_(b) {}
  static buffer_ref share(buffer* b) {
    b->retain();
    return buffer_ref(b);
  }
  buffer_ref(buffer_ref&& other) noexcept : ptr_(std::exchange(other.ptr_, nullptr)) {}
  buffer_ref& operator=(buffer_ref&& other) noexcept {
    std::swap(ptr_, other.ptr_);
    return *this;
  }
  buffer_ref(const buffer_ref&) = delete;
  buffer_ref& operator=(const buffer_ref&) = delete;
  ~buffer_ref() { reset(); }

  void reset() {
    if (ptr_) std::exchange(ptr_, nullptr)->release();
  }
  buffer* get() const { return ptr_; }
  /// Gives the reference away.
  buffer* detach() { return std::exchange(ptr_, nullptr); }
  buffer* operator->() const { return ptr_; }
  explicit operator bool() const { return ptr_ != nullptr; }
  /// Nobody else refers to the block, so its bytes may be overwritten.
  bool sole_owner() const { return ptr_->refs.load(std::memory_order_acquire) == 1; }

private:
  buffer* ptr_ = nullptr;
};

/// Blocks of one reactor. `take` runs on its thread; `release` of a block on any.
class buffer_pool {
public:
  static constexpr size_t class_count = 5;
  static constexpr size_t class_bytes[class_count] = {512, 4096, 64 * 1024, 128 * 1024,
                                                      512 * 1024};
  static constexpr uint8_t read_class = 3;
  /// For a socket that always has more than the usual block holds.
  static constexpr uint8_t wide_read_class = 4;

  buffer_pool() = default;
  ~buffer_pool();
  buffer_pool(const buffer_pool&) = delete;
  buffer_pool& operator=(const buffer_pool&) = delete;

  /// A block of a pooled size, with one reference.
  buffer_ref take(uint8_t size_class);
  /// A block of at least `bytes`: pooled when it fits, else of its own.
  static buffer_ref take_large(size_t bytes);

  /// Frees the blocks that rested all the time since the last call; returns their bytes. Called
  /// now and then, so that what a burst or a slow reader took goes back to the system.
  size_t trim();
  /// Bytes of the blocks that rest in the free lists.
  size_t resting_bytes() const;
  /// Bytes of all blocks of this pool, in use (here or elsewhere) or resting.
  size_t allocated_bytes() const { return allocated_; }

  /// Of all reactors: how many large blocks were taken so far, and the bytes that large blocks and
  /// `trim` freed since `forget_freed`. For the decision to hand memory back to the system.
  static uint64_t large_taken();
  static size_t freed_bytes();
  static void forget_freed();

  /// The pool of the reactor that this thread runs now; releases there skip the stack.
  static buffer_pool* current();
  static void set_current(buffer_pool* pool);

private:
  friend struct buffer;
  void give_back(buffer* b);
  void collect_returned();

  buffer* free_[class_count] = {};
  size_t allocated_ = 0;
  size_t resting_[class_count] = {};
  size_t unused_[class_count] = {};  // lowest of resting_ since the last trim
  std::atomic<buffer*> returned_{nullptr};
};

} // namespace troupe
