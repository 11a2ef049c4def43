// The way of a line from whoever logs to the log's thread: many producers, one consumer.
//
// Bounded in lines and bytes; neither side ever waits for the other.
#pragma once

#include "actors/observe/log_sink.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <utility>

namespace troupe::log {

/// What the log's thread is asked to do between two lines.
struct command {
  std::unique_ptr<sink> next; // from here on
  bool reopen = false;
  std::promise<void> done;
};

struct line {
  record what;
  std::unique_ptr<command> ask; // then there is no text
};

/// Bounded queue (after D. Vyukov). A slot's ticket says whose turn it is: equal to the position when
/// free, one more when filled.
class line_queue {
public:
  static constexpr size_t lines_max = 8192; // a power of two
  static constexpr size_t bytes_max = 16 * 1024 * 1024;

  line_queue() {
    for (size_t i = 0; i < lines_max; ++i)
      slots_[i].ticket.store(i, std::memory_order_relaxed);
  }

  /// Any thread. False, and `x` untouched: full.
  bool push(line&& x) {
    auto size = x.what.text.size();
    if (bytes_.fetch_add(size, std::memory_order_relaxed) + size > bytes_max) return give_up(size);
    auto at = tail_.load(std::memory_order_relaxed);
    for (;;) {
      auto& slot = slots_[at % lines_max];
      auto ticket = slot.ticket.load(std::memory_order_acquire);
      if (ticket == at) {
        if (!tail_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
        slot.what = std::move(x);
        slot.ticket.store(at + 1, std::memory_order_release);
        return true;
      }
      if (ticket < at) return give_up(size);
      at = tail_.load(std::memory_order_relaxed);
    }
  }

  /// The log's thread.
  bool pop(line& out) {
    auto& slot = slots_[head_ % lines_max];
    if (slot.ticket.load(std::memory_order_acquire) != head_ + 1) return false;
    out = std::exchange(slot.what, {});
    slot.ticket.store(head_ + lines_max, std::memory_order_release);
    ++head_;
    bytes_.fetch_sub(out.what.text.size(), std::memory_order_relaxed);
    return true;
  }

private:
  bool give_up(size_t size) {
    bytes_.fetch_sub(size, std::memory_order_relaxed);
    return false;
  }

  struct slot {
    std::atomic<size_t> ticket{0};
    line what;
  };
  std::array<slot, lines_max> slots_;
  alignas(64) std::atomic<size_t> tail_{0};
  std::atomic<size_t> bytes_{0};
  alignas(64) size_t head_ = 0; // the consumer's
};

} // namespace troupe::log
