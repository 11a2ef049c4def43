#include "actors/reactor/reactor.hpp"

#include <caf/actor_system.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <malloc.h>
#include <sys/epoll.h>
#include <time.h>

#include <bit>
#include <exception>

#include "actors/reactor/driver_pool.hpp"

namespace troupe {

namespace {

thread_local reactor* running = nullptr;

constexpr size_t events_per_poll = 256;
constexpr size_t messages_per_resume = 1000;
constexpr size_t idle_pool_bytes = 512 * 1024;
constexpr nanos trim_every = std::chrono::milliseconds(500);

} // namespace

nanos steady_now() {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return nanos(int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec);
}

reactor* reactor::current() { return running; }

void reactor::enter() {
  running = this;
  buffer_pool::set_current(&buffers_);
}

void reactor::leave() {
  running = nullptr;
  buffer_pool::set_current(nullptr);
}

reactor::reactor(reactor_index index, driver_pool& pool)
    : index_(index), pool_(pool), sockets_(index), timers_(steady_now()), trim_timer_(trim_buffers, this),
      now_(steady_now()) {}

reactor::~reactor() = default;

void reactor::exec_later(caf::resumable* job) {
  if (job->subtype() != caf::resumable::io_actor) {
    system().scheduler().enqueue(job);
    return;
  }
  if (running == this) {
    run_queue_.push_back(job);
    return;
  }
  put_in({.job = job, .to = {}, .message = {}});
}

void reactor::hand_over(caf::strong_actor_ptr to, caf::mailbox_element_ptr message) {
  put_in({.job = nullptr, .to = std::move(to), .message = std::move(message)});
}

void reactor::put_in(parcel p) {
  inbox_.push(std::move(p));
  if (abandoned_.load()) [[unlikely]]
    return discard_inbox();
  pool_.wake_if_asleep(*this);
}

void reactor::wait_for_link(reactor_index target, link_waiter& waiter) {
  if (link_waiters_.size() <= target) link_waiters_.resize(target + size_t{1});
  link_waiters_[target].push_back(&waiter);
  pool_.link_waiting(index_, target).store(true);
  // It may have drained before the flag was up; then nobody else will say so.
  if (pool_.in_flight(index_, target).load() <= link_low_bytes) link_opened(target);
}

void reactor::stop_waiting(link_waiter& waiter) {
  for (auto& list : link_waiters_) std::erase(list, &waiter);
}

void reactor::link_opened(reactor_index target) {
  opened_links_.fetch_or(uint64_t{1} << target);
  if (running != this) pool_.wake_if_asleep(*this);
}

void reactor::tell_link_waiters() {
  for (uint64_t opened = opened_links_.exchange(0); opened; opened &= opened - 1) {
    auto target = static_cast<reactor_index>(std::countr_zero(opened));
    if (target >= link_waiters_.size()) continue;
    std::vector<link_waiter*> list;
    list.swap(link_waiters_[target]);
    for (link_waiter* waiter : list)
      contained("link", [&] { waiter->link_opened(target); });
  }
}

size_t reactor::take_inbox() {
  size_t messages = 0;
  inbox_.drain([&](parcel& p) {
    if (p.job) return run_queue_.push_back(p.job);
    ++messages;
    p.to->enqueue(std::move(p.message), this);
  });
  return messages;
}

/// After the end, by whoever put something in. A message left here would hold its sender, and CAF's
/// system does not end before the last detached actor is destroyed.
void reactor::discard_inbox() {
  const caf::detail::sync_request_bouncer bounce{caf::exit_reason::user_shutdown};
  inbox_.drain([&](parcel& p) {
    if (p.job) caf::intrusive_ptr_release(p.job);
    else bounce(*p.message);
  });
}

void reactor::run_jobs() {
  if (opened_links_.load() != 0) tell_link_waiters();
  // Enough for each actor to handle all that has just come, whoever it was for. Only what is queued
  // now: an actor that keeps messaging itself must not starve the sockets.
  const size_t at_most = messages_per_resume + take_inbox();
  for (size_t n = run_queue_.size(); n > 0 && !run_queue_.empty(); --n) {
    caf::resumable* job = run_queue_.front();
    run_queue_.pop_front();
    switch (job->resume(this, at_most)) {
      case caf::resumable::resume_later: run_queue_.push_back(job); break;
      case caf::resumable::awaiting_message: caf::intrusive_ptr_release(job); break;
      case caf::resumable::done:
      case caf::resumable::shutdown_execution_unit: caf::intrusive_ptr_release(job); break;
    }
  }
}

void reactor::abandon() {
  enter();
  abandoned_.store(true);
  // Nobody is left to resume; whoever waits for an answer hears that there is none.
  take_inbox();
  for (caf::resumable* job : std::exchange(run_queue_, {})) caf::intrusive_ptr_release(job);
  while (auto* owner = sockets_.take_owner()) caf::intrusive_ptr_release(owner);
  retire();
  leave();
}

buffer* reactor::read_block(size_t min_room) {
  // Without a wish for room a read is in progress: its bytes keep their place.
  if (min_room > 0 && read_block_ && read_offset_ != 0 && read_block_.sole_owner())
    read_offset_ = 0;
  if (!read_block_ || read_block_->capacity - read_offset_ < min_room) {
    uint8_t c = buffer_pool::read_class;
    while (c < buffer_pool::class_count && buffer_pool::class_bytes[c] - sizeof(buffer) < min_room) ++c;
    // Only a control line longer than usual (max_control_line raised) needs more than a block.
    read_block_ = c < buffer_pool::class_count ? buffers_.take(c) : buffer_pool::take_large(min_room);
    read_offset_ = 0;
  }
  return read_block_.get();
}

void reactor::publish_now() {
  while (run_hooks(publish_, spare_publish_)) {
  }
}

template <class F>
void reactor::contained(const char* where, F&& call) {
  try {
    call();
  } catch (const std::exception& e) {
    pool_.tell_failure(index_, where, e.what());
  } catch (...) {
    pool_.tell_failure(index_, where, "unknown exception");
  }
}

bool reactor::run_hooks(std::vector<turn_hook*>& list, std::vector<turn_hook*>& spare) {
  if (list.empty()) return false;
  list.swap(spare);
  for (turn_hook* hook : spare) {
    hook->queued = false;
    contained("end of a turn", [hook] { hook->at_turn_end(); });
  }
  spare.clear();
  return true;
}

void reactor::flush_all_early() {
  publish_now();  // interest first: the flush may carry a PONG
  for (size_t i = 0; i < early_.size(); ++i) {
    early_[i]->queued_early = false;
    contained("early flush", [hook = early_[i]] { hook->at_turn_end(); });
  }
  early_.clear();
}

void reactor::hear(const epoll_event& event) {
  if (auto* handler = sockets_.handler_of(event))
    contained("socket", [&] { handler->on_io(event.events); });
}

bool reactor::poll(int timeout_ms, std::atomic<bool>* asleep) {
  epoll_event events[events_per_poll];
  const int n = sockets_.wait(events, events_per_poll, timeout_ms);
  if (asleep) asleep->store(false, std::memory_order_relaxed);
  now_ = steady_now();
  for (int i = 0; i < n; ++i) hear(events[i]);
  return n > 0;
}

bool reactor::turn(int timeout_ms, std::atomic<bool>* asleep) {
  return turn_with([&](bool worked) { return poll(worked ? 0 : timeout_ms, asleep); });
}

bool reactor::turn_shared(std::span<const epoll_event> events, bool own_set_ready) {
  return turn_with([&](bool) {
    now_ = steady_now();
    for (const epoll_event& event : events) {
      const auto [owner, direct] = socket_set::describe(event);
      if (direct && owner == index_) hear(event);
    }
    if (own_set_ready) poll(0, nullptr);
    return own_set_ready || !events.empty();
  });
}

template <class Sockets>
bool reactor::turn_with(Sockets&& sockets) {
  bool worked = has_work();
  nanos began = worked ? now_ = steady_now() : nanos::zero();
  if (worked) run_jobs();
  worked |= sockets(worked);
  if (began == nanos::zero()) began = now_;
  contained("timer", [&] { worked |= timers_.advance(now_) > 0; });
  if (has_work()) run_jobs();
  finish_turn(began, worked);
  return worked;
}

void reactor::finish_turn(nanos began, bool worked) {
  run_early_flushes();
  // Flushing may close a connection, which may change interest: publish again before the next.
  do {
    publish_now();
  } while (run_hooks(flush_, spare_flush_) || !publish_.empty());
  retire();
  if (!trim_timer_.armed() && holds_spare_memory()) timers_.arm(trim_timer_, now_ + trim_every);
  if (worked) busy_ += steady_now() - began;
}

bool reactor::holds_spare_memory() const {
  return buffers_.allocated_bytes() > idle_pool_bytes
         || buffer_pool::freed_bytes() >= heap_return::worth_bytes;
}

void reactor::trim_buffers(void* self, nanos now) {
  auto& r = *static_cast<reactor*>(self);
  if (r.read_block_ && r.read_block_->size_class == buffer_pool::wide_read_class) {
    // Who still needs a wide one takes it from the pool again.
    r.read_block_.reset();
    r.read_offset_ = 0;
  }
  r.buffers_.trim();
  // The allocator keeps what is freed below its top.
  if (r.heap_return_.due(buffer_pool::large_taken(), buffer_pool::freed_bytes())) {
    buffer_pool::forget_freed();
    ::malloc_trim(0);
  }
  if (r.holds_spare_memory()) r.timers_.arm(r.trim_timer_, now + trim_every);
}

void reactor::retire() {
  while (!retired_.empty()) {
    retired_.swap(spare_retired_);
    for (caf::resumable* owner : spare_retired_) caf::intrusive_ptr_release(owner);
    spare_retired_.clear();
  }
}

} // namespace troupe
