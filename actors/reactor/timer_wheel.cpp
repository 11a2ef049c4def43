#include "actors/reactor/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace troupe {

void timer::cancel() {
  if (!next) return;
  prev->next = next;
  next->prev = prev;
  prev = next = nullptr;
}

timer_wheel::timer_wheel(nanos now) : now_tick_(static_cast<uint64_t>(now / tick)) {
  for (auto& level : heads_)
    for (auto& head : level) head.prev = head.next = &head;
}

void timer_wheel::arm(timer& t, nanos deadline) {
  t.cancel();
  if (deadline == nanos::max()) return;  // never
  auto ceiling = (deadline + tick - nanos(1)) / tick;
  t.tick_ = std::max(static_cast<uint64_t>(std::max<int64_t>(ceiling, 0)), now_tick_ + 1);
  link(t);
}

void timer_wheel::link(timer& t) {
  uint64_t distance = t.tick_ - now_tick_;
  unsigned level = 0;
  while (level + 1 < levels && distance >= (uint64_t{1} << (level_bits * (level + 1)))) ++level;
  uint64_t place = t.tick_;
  if (distance >= (uint64_t{1} << (level_bits * levels)))
    place = now_tick_ + (uint64_t{1} << (level_bits * levels)) - 1;
  auto slot = (place >> (level_bits * level)) & (slots - 1);
  occupied_[level] |= uint64_t{1} << slot;
  timer_link& head = heads_[level][slot];
  t.prev = head.prev;
  t.next = &head;
  head.prev->next = &t;
  head.prev = &t;
}

void timer_wheel::cascade(unsigned level) {
  timer_link& head = heads_[level][(now_tick_ >> (level_bits * level)) & (slots - 1)];
  timer_link* at = head.next;
  head.prev = head.next = &head;
  while (at != &head) {
    auto* t = static_cast<timer*>(at);
    at = at->next;
    link(*t);
  }
}

size_t timer_wheel::fire_slot(unsigned slot, nanos now) {
  size_t fired = 0;
  timer_link& head = heads_[0][slot];
  while (head.next != &head) {
    auto* t = static_cast<timer*>(head.next);
    t->cancel();
    ++fired;
    t->fn_(t->owner_, now);
  }
  return fired;
}

size_t timer_wheel::advance(nanos now) {
  auto target = static_cast<uint64_t>(now / tick);
  size_t fired = 0;
  while (now_tick_ < target) {
    // Jump over ticks at which nothing can be due.
    nanos next = next_deadline();
    auto next_tick = next == nanos::max() ? target : static_cast<uint64_t>(next / tick);
    now_tick_ = std::clamp(next_tick, now_tick_ + 1, target);
    for (unsigned level = levels - 1; level > 0; --level)
      if ((now_tick_ & ((uint64_t{1} << (level_bits * level)) - 1)) == 0) cascade(level);
    fired += fire_slot(now_tick_ & (slots - 1), now);
  }
  return fired;
}

nanos timer_wheel::next_deadline() const {
  // A slot of level n is due when its cascade runs: at the start of its range.
  uint64_t best = UINT64_MAX;
  for (unsigned level = 0; level < levels; ++level) {
    uint64_t base = now_tick_ >> (level_bits * level);
    while (occupied_[level]) {
      // Distance from the slot after `base` to the next occupied one, around the wheel.
      auto first = static_cast<int>((base + 1) & (slots - 1));
      auto i = static_cast<uint64_t>(std::countr_zero(std::rotr(occupied_[level], first))) + 1;
      auto slot = (base + i) & (slots - 1);
      const timer_link& head = heads_[level][slot];
      if (head.next != &head) {
        best = std::min(best, (base + i) << (level_bits * level));
        break;
      }
      occupied_[level] &= ~(uint64_t{1} << slot);
    }
  }
  return best == UINT64_MAX ? nanos::max() : tick * static_cast<int64_t>(best);
}

} // namespace troupe
