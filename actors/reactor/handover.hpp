// Makes hand-overs between threads visible to the thread sanitizer.
//
// Debian's libcaf is not instrumented: a message pushed into a mailbox on one thread and taken out
// on another looks to the sanitizer as if nothing ordered the two, and so does an object that
// several threads let go of. In a sanitizer build handover.cpp takes the place of the few functions
// of libcaf where that happens, and states the order that they guarantee; these notes do the same
// for what passes otherwise. Without the sanitizer all of it is nothing.
#pragma once

#include <caf/execution_unit.hpp>
#include <caf/invoke_message_result.hpp>
#include <caf/mailbox_element.hpp>

#include <utility>

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace troupe {

/// What this thread did so far comes before whatever follows `taken_over(p)`.
inline void handed_over([[maybe_unused]] const void* p) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(const_cast<void*>(p));
#endif
}

inline void taken_over([[maybe_unused]] const void* p) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(const_cast<void*>(p));
#endif
}

/// An actor whose mailbox is such a hand-over, message by message.
template <class Base>
class ordered_mailbox : public Base {
public:
  using Base::Base;
  using Base::enqueue;
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit* eu) override {
    handed_over(x.get());
    Base::enqueue(std::move(x), eu);
  }
  caf::invoke_message_result consume(caf::mailbox_element& x) override {
    taken_over(&x);
    return Base::consume(x);
  }
};

} // namespace troupe
