// Shows the thread sanitizer the order that CAF gives hand-overs between threads.
//
// Debian's libcaf is not instrumented: a message pushed into a mailbox on one thread and taken out
// on another looks to the sanitizer as if nothing ordered the two, and so does an object that
// several threads let go of. In a sanitizer build the functions here take the place of those of
// libcaf where that happens (symbols of the executable come first) and state the order that they
// guarantee. What travels inside a message needs no note of its own. Without the sanitizer this
// file is empty.
#if defined(__SANITIZE_THREAD__)

#include <caf/actor_control_block.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/memory_managed.hpp>
#include <caf/ref_counted.hpp>
#include <caf/scheduled_actor.hpp>

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

namespace {

/// What this thread did so far comes before whatever follows `taken_over` of the same.
void handed_over(const caf::memory_managed* p) {
  __tsan_release(const_cast<caf::memory_managed*>(p));
}
void taken_over(const caf::memory_managed* p) {
  __tsan_acquire(const_cast<caf::memory_managed*>(p));
}

/// libcaf's own function of that name, behind the one here.
template <class F>
F original(const char* name) {
  void* found = ::dlsym(RTLD_NEXT, name);
  if (!found) {
    std::fprintf(stderr, "handover.cpp: libcaf has no %s\n", name);
    std::abort();
  }
  return reinterpret_cast<F>(found);
}

} // namespace

namespace caf {

// Counts: whoever lets go of the last reference comes after whoever let go before.

void ref_counted::deref() const noexcept {
  if (rc_.fetch_sub(1, std::memory_order_acq_rel) == 1) request_deletion(true);
}

void intrusive_ptr_release_weak(actor_control_block* x) {
  if (x->weak_refs.fetch_sub(1, std::memory_order_acq_rel) == 1) x->block_dtor(x);
}

void intrusive_ptr_release(actor_control_block* x) {
  if (x->strong_refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  x->data_dtor(x->get());
  intrusive_ptr_release_weak(x);
}

// Mailboxes: whoever takes a message out comes after whoever put it in.

void scheduled_actor::enqueue(mailbox_element_ptr what, execution_unit* host) {
  using function = void (*)(scheduled_actor*, mailbox_element_ptr, execution_unit*);
  static const auto libcaf = original<function>(
    "_ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEE"
    "PNS_14execution_unitE");
  handed_over(what.get());
  libcaf(this, std::move(what), host);
}

intrusive::task_result scheduled_actor::mailbox_visitor::operator()(mailbox_element& x) {
  using function = intrusive::task_result (*)(mailbox_visitor*, mailbox_element&);
  static const auto libcaf =
    original<function>("_ZN3caf15scheduled_actor15mailbox_visitorclERNS_15mailbox_elementE");
  taken_over(&x);
  return libcaf(this, x);
}

void blocking_actor::enqueue(mailbox_element_ptr what, execution_unit* host) {
  using function = void (*)(blocking_actor*, mailbox_element_ptr, execution_unit*);
  static const auto libcaf = original<function>(
    "_ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEE"
    "PNS_14execution_unitE");
  handed_over(what.get());
  libcaf(this, std::move(what), host);
}

intrusive::task_result blocking_actor::mailbox_visitor::operator()(mailbox_element& x) {
  using function = intrusive::task_result (*)(mailbox_visitor*, mailbox_element&);
  static const auto libcaf =
    original<function>("_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE");
  taken_over(&x);
  return libcaf(this, x);
}

// An actor that ends throws away what it had not taken out.
void memory_managed::request_deletion(bool) const noexcept {
  taken_over(this);
  delete this;
}

} // namespace caf

#endif
