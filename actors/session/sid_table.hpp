// The subscriptions of one connection by the client's sid: open addressing over pointers, eight
// bytes a slot, no tombstones. An idle client holds no memory here. One reactor only.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/routing/subscription.hpp"

namespace troupe {

class sid_table {
public:
  using entry = routing::subscription*;

  size_t size() const { return size_; }
  entry find(std::string_view sid) const {
    if (size_ == 0) return nullptr;
    for (size_t i = home(sid);; i = next(i)) {
      if (!slots_[i]) return nullptr;
      if (slots_[i]->sid() == sid) return slots_[i];
    }
  }

  /// For the next insert(), which then needs no memory.
  void make_room() {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  }
  /// `sub`'s sid must not be in the table.
  void insert(entry sub) {
    make_room();
    place(sub);
    ++size_;
  }

  void erase(entry sub) {
    size_t i = home(sub->sid());
    while (slots_[i] != sub) i = next(i);
    slots_[i] = nullptr;
    --size_;
    // Move up whoever the gap would hide.
    for (size_t j = next(i); slots_[j]; j = next(j)) {
      size_t wanted = home(slots_[j]->sid());
      bool between = i <= j ? (i < wanted && wanted <= j) : (i < wanted || wanted <= j);
      if (between) continue;
      slots_[i] = slots_[j];
      slots_[j] = nullptr;
      i = j;
    }
  }

  /// All entries; the table is empty afterwards and holds no memory. Needs none either.
  std::vector<entry> take_all() {
    std::erase(slots_, nullptr);
    size_ = 0;
    return std::exchange(slots_, {});
  }

  template <class F>
  void for_each(F f) const {
    for (entry e : slots_)
      if (e) f(*e);
  }

  /// Visits some entries: begins with `place` 0, ends after the bucket with which at least `slots`
  /// slots have been looked at, and returns where to go on, 0 when all have been visited. Entries may
  /// come and go between calls: those that stay are visited once. Buckets are counted with their bits
  /// backwards, so that those visited before the table grew are, both halves of each, behind `place`.
  template <class F>
  size_t visit_some(size_t place, size_t slots, F f) const {
    if (size_ == 0) return 0;
    size_t looked_at = 0;
    do {
      const size_t bucket = place & (slots_.size() - 1);
      ++looked_at;
      for (size_t i = bucket; slots_[i]; i = next(i), ++looked_at)
        if (home(slots_[i]->sid()) == bucket) f(*slots_[i]);
      size_t bit = slots_.size() / 2;
      for (place = bucket; place & bit; bit /= 2) place ^= bit;
      place |= bit;
    } while (place != 0 && looked_at < slots);
    return place;
  }

private:
  size_t home(std::string_view sid) const {
    uint64_t h = 0xcbf29ce484222325;
    for (char c : sid) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    h ^= h >> 29;
    return h & (slots_.size() - 1);
  }
  size_t next(size_t i) const { return (i + 1) & (slots_.size() - 1); }
  void place(entry sub) {
    size_t i = home(sub->sid());
    while (slots_[i]) i = next(i);
    slots_[i] = sub;
  }
  void grow() {
    std::vector<entry> old(slots_.empty() ? 4 : slots_.size() * 2);
    old.swap(slots_);
    for (entry e : old)
      if (e) place(e);
  }

  std::vector<entry> slots_;
  size_t size_ = 0;
};

} // namespace troupe
