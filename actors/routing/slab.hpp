// Objects of one type in blocks that never move, named by 32-bit ids.
//
// Ids are half the size of pointers, survive growth and are reused. Blocks start at 16 objects, so
// that a shard with a handful of subscriptions stays small, and reach 4096; there is no doubling of
// memory and no copying. All blocks but the first are given back with the last object.
//
// A create() that throws changes nothing; destroy() needs no memory.
//
// Owned by one thread. Invariants: id 0 names nothing; bit i of live_ is set iff object i exists;
// free slots hold the id of the next free slot in their first four bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define TROUPE_SLAB_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TROUPE_SLAB_POISON 1
#endif
#endif
#ifdef TROUPE_SLAB_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace troupe::routing {

template <class T>
class slab {
public:
  slab() = default;
  slab(const slab&) = delete;
  slab& operator=(const slab&) = delete;
  ~slab() {
    visit_ids([this](uint32_t id) { (*this)[id].~T(); });
#ifdef TROUPE_SLAB_POISON
    for (size_t n = 0; n < blocks_.size(); ++n)
      ASAN_UNPOISON_MEMORY_REGION(blocks_[n].get(), objects_of(n) * sizeof(T));
#endif
  }

  template <class... Args>
  uint32_t create(Args&&... args) {
    uint32_t id = free_;
    uint32_t next_free = 0;
    if (id == 0) {
      id = end_;
      if (block_of(id) >= blocks_.size()) add_block();
      if ((id >> 6) >= live_.size()) live_.push_back(0);
      expose(at(id));
    } else {
      expose(at(id));
      std::memcpy(&next_free, at(id), sizeof next_free);
    }
    construct(at(id), next_free, std::forward<Args>(args)...);
    if (free_ == 0) ++end_;
    free_ = next_free;
    live_[id >> 6] |= uint64_t{1} << (id & 63);
    ++size_;
    return id;
  }

  void destroy(uint32_t id) {
    (*this)[id].~T();
    live_[id >> 6] &= ~(uint64_t{1} << (id & 63));
    if (--size_ == 0) {
      release();
      return;
    }
    std::byte* p = at(id);
    std::memcpy(p, &free_, sizeof free_);
    hide(p);
    free_ = id;
  }

  T& operator[](uint32_t id) { return *std::launder(reinterpret_cast<T*>(at(id))); }
  const T& operator[](uint32_t id) const {
    return *std::launder(reinterpret_cast<const T*>(at(id)));
  }
  void prefetch(uint32_t id) const { __builtin_prefetch(at(id)); }

  size_t size() const { return size_; }
  size_t bytes() const {
    return objects_ * sizeof(T) + live_.capacity() * 8 + blocks_.capacity() * sizeof blocks_[0];
  }

  /// Visits every object in the order of ids: visit(id). Objects may be destroyed meanwhile as long
  /// as one stays alive.
  template <class F>
  void visit_ids(F&& visit) const {
    for (size_t word = 0; word < live_.size(); ++word)
      for (uint64_t bits = live_[word]; bits != 0; bits &= bits - 1)
        visit(static_cast<uint32_t>(word * 64 + std::countr_zero(bits)));
  }

  /// Visits at most `at_most` objects from the id `from` on: visit(id). Returns the id of the next one,
  /// 0 if there is none. Objects may come and go between calls: those that stay are visited once.
  template <class F>
  uint32_t visit_some(uint32_t from, size_t at_most, F&& visit) const {
    uint64_t skipped = (uint64_t{1} << (from & 63)) - 1;
    for (size_t word = from >> 6; word < live_.size(); ++word, skipped = 0)
      for (uint64_t bits = live_[word] & ~skipped; bits != 0; bits &= bits - 1) {
        const auto id = static_cast<uint32_t>(word * 64 + std::countr_zero(bits));
        if (at_most-- == 0) return id;
        visit(id);
      }
    return 0;
  }

private:
  static_assert(sizeof(T) >= sizeof(uint32_t));
  static constexpr uint32_t first_block = 16;
  static constexpr uint32_t full_block = 4096;
  static constexpr uint32_t small_blocks = 9; // 16, 16, 32, 64 ... 2048: ids below 4096

  // Small ids: block w > 0 holds the ids from 8 << w up to twice that.
  static constexpr uint32_t small_block_of(uint32_t id) {
    return static_cast<uint32_t>(std::bit_width(id | (first_block - 1))) - 4;
  }
  static constexpr uint32_t block_of(uint32_t id) {
    return id < full_block ? small_block_of(id) : small_blocks - 1 + (id >> 12);
  }

  std::byte* at(uint32_t id) const {
    if (id >= full_block)
      return blocks_[small_blocks - 1 + (id >> 12)].get() + (id & (full_block - 1)) * sizeof(T);
    const uint32_t block = small_block_of(id);
    const uint32_t first = block == 0 ? 0 : (first_block / 2) << block;
    return blocks_[block].get() + (id - first) * sizeof(T);
  }

  /// Leaves the slot as it was if the object cannot be made.
  template <class... Args>
  static void construct(std::byte* p, uint32_t next_free, Args&&... args) {
    try {
      new (p) T(std::forward<Args>(args)...);
    } catch (...) {
      std::memcpy(p, &next_free, sizeof next_free);
      hide(p);
      throw;
    }
  }

  struct raw_delete {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  using raw_block = std::unique_ptr<std::byte, raw_delete>;

  void add_block() {
    const size_t objects = objects_of(blocks_.size());
    const size_t bytes = objects * sizeof(T);
    blocks_.push_back(
        raw_block(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64}))));
    objects_ += objects;
#ifdef TROUPE_SLAB_POISON
    ASAN_POISON_MEMORY_REGION(blocks_.back().get(), bytes);
#endif
  }

  static constexpr size_t objects_of(size_t block) {
    return block >= small_blocks ? full_block : block == 0 ? first_block : size_t{8} << block;
  }

  // The first block stays: a subscription that comes and goes alone costs no malloc.
  void release() {
#ifdef TROUPE_SLAB_POISON
    for (size_t n = 0; n < blocks_.size(); ++n)
      ASAN_UNPOISON_MEMORY_REGION(blocks_[n].get(), objects_of(n) * sizeof(T));
    if (!blocks_.empty()) ASAN_POISON_MEMORY_REGION(blocks_[0].get(), objects_of(0) * sizeof(T));
#endif
    if (blocks_.size() > 1) {
      blocks_.resize(1);
      blocks_.shrink_to_fit();
      objects_ = objects_of(0);
    }
    if (live_.size() > 1) {
      live_.resize(1);
      live_.shrink_to_fit();
    }
    free_ = 0;
    end_ = 1;
  }

  static void expose([[maybe_unused]] std::byte* p) {
#ifdef TROUPE_SLAB_POISON
    ASAN_UNPOISON_MEMORY_REGION(p, sizeof(T));
#endif
  }
  static void hide([[maybe_unused]] std::byte* p) {
#ifdef TROUPE_SLAB_POISON
    ASAN_POISON_MEMORY_REGION(p, sizeof(T));
#endif
  }

  std::vector<raw_block> blocks_;
  std::vector<uint64_t> live_;
  size_t size_ = 0;
  size_t objects_ = 0; // room in all blocks
  uint32_t free_ = 0;  // head of the list of free slots
  uint32_t end_ = 1;   // first id never used
};

} // namespace troupe::routing
