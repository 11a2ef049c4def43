// An open-addressing hash table of 32-bit ids; the keys live in the objects that the ids name.
//
// A slot is 8 bytes: 32 bits of hash and the id, so that growing never touches the objects. Linear
// probing, load up to 0.8, deletion by shifting back. Growing and shrinking is spread over the
// following changes, so that a table of millions never stalls its reactor: while that lasts, the
// former array is searched second and its moved slots are marked.
//
// Owned by one thread. Invariants: id 0 = free slot; ids below moved_mark; each id at most once. An
// insert that finds no memory changes nothing; erase needs none.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace troupe::routing {

class id_table {
public:
  static constexpr uint32_t moved_mark = 0xffffffff;

  size_t size() const { return size_; }
  size_t bytes() const { return (current_.slot_count() + former_.slot_count()) * sizeof(slot); }

  /// The id under `hash` for which same(id) holds, 0 if there is none.
  template <class Same>
  uint32_t find(uint32_t hash, Same&& same) const {
    if (size_ == 0) return 0;
    if (const uint32_t id = current_.find(hash, same)) return id;
    return former_.slots ? former_.find(hash, same) : 0;
  }

  void prefetch(uint32_t hash) const {
    if (current_.slots) __builtin_prefetch(&current_.slots[current_.home(hash)]);
  }

  /// Adds an id that is not there.
  void insert(uint32_t hash, uint32_t id) {
    if (!current_.slots) grow(min_bits);
    move_some();
    if ((size_ + 1) * 5 > current_.slot_count() * 4) grow(current_.bits + 1);
    current_.insert(hash, id);
    ++size_;
  }

  /// Removes an id that is there.
  void erase(uint32_t hash, uint32_t id) {
    if (!current_.erase(hash, id)) former_.mark_moved(hash, id);
    if (--size_ == 0) {
      if (current_.bits > min_bits) current_ = {};
      former_ = {};
      return;
    }
    move_some();
    if (!former_.slots && current_.bits > min_bits && size_ * 8 < current_.slot_count()) {
      array smaller = array::of(std::max(min_bits, current_.bits - 2));
      if (smaller.slots) move_to(std::move(smaller));
    }
  }

private:
  static constexpr uint32_t min_bits = 4;
  static constexpr size_t moved_per_change = 64;

  struct slot {
    uint32_t hash;
    uint32_t id;
  };
  struct release {
    void operator()(slot* p) const { std::free(p); }
  };

  struct array {
    std::unique_ptr<slot[], release> slots;
    uint32_t bits = 0;

    size_t slot_count() const { return slots ? size_t{1} << bits : 0; }
    size_t mask() const { return (size_t{1} << bits) - 1; }
    size_t home(uint32_t hash) const { return hash >> (32 - bits); }

    /// Without slots if there is no memory.
    static array of(uint32_t bits) {
      // Zeroed pages come from the system one by one, when they are first touched.
      auto* zeroed = static_cast<slot*>(std::calloc(size_t{1} << bits, sizeof(slot)));
      return {std::unique_ptr<slot[], release>(zeroed), bits};
    }

    template <class Same>
    uint32_t find(uint32_t hash, Same&& same) const {
      for (size_t i = home(hash);; i = (i + 1) & mask()) {
        const slot& s = slots[i];
        if (s.id == 0) return 0;
        if (s.hash == hash && s.id != moved_mark && same(s.id)) return s.id;
      }
    }

    void insert(uint32_t hash, uint32_t id) {
      size_t i = home(hash);
      while (slots[i].id != 0)
        i = (i + 1) & mask();
      slots[i] = {hash, id};
    }

    bool erase(uint32_t hash, uint32_t id) {
      size_t hole = home(hash);
      for (; slots[hole].id != id; hole = (hole + 1) & mask())
        if (slots[hole].id == 0) return false;
      for (size_t i = (hole + 1) & mask(); slots[i].id != 0; i = (i + 1) & mask()) {
        // An entry may fill the hole if its home is not between the hole and itself.
        if (((i - home(slots[i].hash)) & mask()) >= ((i - hole) & mask())) {
          slots[hole] = slots[i];
          hole = i;
        }
      }
      slots[hole] = {0, 0};
      return true;
    }

    void mark_moved(uint32_t hash, uint32_t id) {
      size_t i = home(hash);
      while (slots[i].id != id)
        i = (i + 1) & mask();
      slots[i].id = moved_mark;
    }
  };

  void grow(uint32_t bits) {
    array larger = array::of(bits);
    if (!larger.slots) throw std::bad_alloc();
    move_to(std::move(larger));
  }

  void move_to(array next) {
    while (former_.slots)
      move_some();
    former_ = std::move(current_);
    current_ = std::move(next);
    next_moved_ = 0;
    if (former_.slot_count() <= 1024)
      while (former_.slots)
        move_some();
  }

  void move_some() {
    if (!former_.slots) return;
    const size_t end = std::min(former_.slot_count(), next_moved_ + moved_per_change);
    for (; next_moved_ < end; ++next_moved_) {
      slot& s = former_.slots[next_moved_];
      if (s.id == 0 || s.id == moved_mark) continue;
      current_.insert(s.hash, s.id);
      s.id = moved_mark;
    }
    if (next_moved_ == former_.slot_count()) former_ = {};
  }

  array current_;
  array former_;          // being emptied, or without slots
  size_t next_moved_ = 0; // slots of former_ before this one are moved
  size_t size_ = 0;
};

} // namespace troupe::routing
