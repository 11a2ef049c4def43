// Timers of one reactor: a hierarchical wheel of millisecond ticks.
//
// Arming, re-arming and cancelling cost a few instructions and no allocation: the node lives in
// its owner. Pure: time comes in as an argument, so tests run it on virtual time. One reactor only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace troupe {

using nanos = std::chrono::nanoseconds;

struct timer_link {
  timer_link* prev = nullptr;
  timer_link* next = nullptr;
};

/// One timer, embedded in its owner. Cancels itself when destroyed.
class timer : private timer_link {
public:
  using callback = void (*)(void* owner, nanos now);

  timer(callback fn, void* owner) : fn_(fn), owner_(owner) {}
  ~timer() { cancel(); }
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

  bool armed() const { return next != nullptr; }
  void cancel();

private:
  friend class timer_wheel;
  uint64_t tick_ = 0;
  callback fn_;
  void* owner_;
};

class timer_wheel {
public:
  static constexpr nanos tick = std::chrono::milliseconds(1);

  explicit timer_wheel(nanos now);

  /// Fires `t` once at the first `advance` at or after `deadline` (rounded up to a tick).
  void arm(timer& t, nanos deadline);
  /// Fires everything due up to `now`, in order of ticks; returns how many fired.
  size_t advance(nanos now);
  /// A moment not later than the next deadline, or nanos::max() when nothing is armed.
  nanos next_deadline() const;

private:
  // 64^6 ms is over two years; a later deadline waits in the last slot and is looked at again.
  static constexpr unsigned level_bits = 6, levels = 6;
  static constexpr unsigned slots = 1u << level_bits;

  void link(timer& t);
  void cascade(unsigned level);
  size_t fire_slot(unsigned slot, nanos now);

  timer_link heads_[levels][slots];
  // Bit per slot: set when something is linked, cleared when the slot is found empty.
  mutable uint64_t occupied_[levels] = {};
  uint64_t now_tick_;
};

} // namespace troupe
