// What other threads hand to a reactor: a lock-free list, many producers, one consumer.
#pragma once

#include <atomic>
#include <utility>

namespace troupe {

template <class T>
class mpsc_inbox {
public:
  mpsc_inbox() = default;
  mpsc_inbox(const mpsc_inbox&) = delete;
  mpsc_inbox& operator=(const mpsc_inbox&) = delete;
  ~mpsc_inbox() {
    drain([](T&) {});
  }

  /// Any thread. Sequentially consistent, so that a reader that saw it empty before announcing
  /// its sleep cannot miss the push (see driver::sleep).
  void push(T value) {
    auto* n = new item{std::move(value), head_.load(std::memory_order_relaxed)};
    while (!head_.compare_exchange_weak(n->next, n, std::memory_order_seq_cst,
                                        std::memory_order_relaxed)) {
    }
  }

  bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }

  /// The consumer's thread: calls `f(T&)` for all that is there, oldest first.
  template <class F>
  void drain(F f) {
    item* list = head_.exchange(nullptr, std::memory_order_acq_rel);
    item* ordered = nullptr;
    while (list) {
      item* next = list->next;
      list->next = ordered;
      ordered = list;
      list = next;
    }
    while (ordered) {
      f(ordered->value);
      delete std::exchange(ordered, ordered->next);
    }
  }

private:
  struct item {
    T value;
    item* next;
  };
  std::atomic<item*> head_{nullptr};
};

} // namespace troupe
