#include "actors/reactor/reactor.hpp"

#include <caf/actor_system.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <exception>
#include <system_error>

#include "actors/reactor/driver_pool.hpp"

namespace troupe {

namespace {

thread_local reactor* running = nullptr;

constexpr size_t events_per_poll = 256;
constexpr size_t messages_per_resume = 1000;
constexpr uint32_t wake_slot = UINT32_MAX;
constexpr size_t idle_pool_bytes = 512 * 1024;
constexpr size_t give_back_bytes = 4 * 1024 * 1024;
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
    : index_(index), pool_(pool), timers_(steady_now()), trim_timer_(trim_buffers, this),
      now_(steady_now()) {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_fd_ < 0 || wake_fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "reactor: epoll or eventfd");
  epoll_event ev{};
  ev.events = EPOLLIN | EPOLLET;
  ev.data.u64 = wake_slot;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &ev);
}

reactor::~reactor() {
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

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

void reactor::wake() {
  uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  (void)!::write(wake_fd_, &one, sizeof one);
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
  for (slot& s : slots_)
    if (s.owner) caf::intrusive_ptr_release(std::exchange(s.owner, nullptr));
  retire();
  leave();
}

uint32_t reactor::watch(int fd, uint32_t events, io_handler* handler, caf::resumable* owner) {
  if (free_slot_ == UINT32_MAX) {
    slots_.emplace_back();
    slots_.back().next_free = UINT32_MAX;
    free_slot_ = static_cast<uint32_t>(slots_.size() - 1);
  }
  uint32_t index = free_slot_;
  slot& s = slots_[index];
  free_slot_ = s.next_free;
  s.handler = handler;
  s.owner = owner;
  caf::intrusive_ptr_add_ref(owner);
  epoll_event ev{};
  ev.events = events;
  ev.data.u64 = (uint64_t{s.generation} << 32) | index;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &ev) != 0) {
    int why = errno;
    unwatch(index, fd);
    throw std::system_error(why, std::generic_category(), "cannot watch a socket");
  }
  return index;
}

void reactor::rewatch(uint32_t index, int fd, uint32_t events) {
  epoll_event ev{};
  ev.events = events;
  ev.data.u64 = (uint64_t{slots_[index].generation} << 32) | index;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &ev);
}

void reactor::unwatch(uint32_t index, int fd) {
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  slot& s = slots_[index];
  s.handler = nullptr;
  ++s.generation;
  release_later(std::exchange(s.owner, nullptr));
  s.next_free = free_slot_;
  free_slot_ = index;
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

bool reactor::poll(int timeout_ms, std::atomic<bool>* asleep) {
  epoll_event events[events_per_poll];
  int n = ::epoll_wait(epoll_fd_, events, events_per_poll, timeout_ms);
  if (asleep) asleep->store(false, std::memory_order_relaxed);
  now_ = steady_now();
  for (int i = 0; i < n; ++i) {
    auto index = static_cast<uint32_t>(events[i].data.u64);
    auto generation = static_cast<uint32_t>(events[i].data.u64 >> 32);
    if (index == wake_slot && generation == 0) continue;
    // A handler closed earlier in this loop has left its slot: the event is stale.
    if (slots_[index].generation == generation && slots_[index].handler)
      contained("socket", [&] { slots_[index].handler->on_io(events[i].events); });
  }
  return n > 0;
}

bool reactor::turn(int timeout_ms, std::atomic<bool>* asleep) {
  bool worked = has_work();
  nanos began = worked ? now_ = steady_now() : nanos::zero();
  if (worked) run_jobs();
  worked |= poll(worked ? 0 : timeout_ms, asleep);
  if (began == nanos::zero()) began = now_;
  contained("timer", [&] { worked |= timers_.advance(now_) > 0; });
  if (has_work()) run_jobs();
  finish_turn(began, worked);
  return worked;
}

bool reactor::turn_without_sockets() {
  now_ = steady_now();
  bool worked = has_work();
  if (worked) run_jobs();
  contained("timer", [&] { worked |= timers_.advance(now_) > 0; });
  finish_turn(now_, worked);
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
         || buffer_pool::freed_bytes() >= give_back_bytes;
}

void reactor::trim_buffers(void* self, nanos now) {
  auto& r = *static_cast<reactor*>(self);
  if (r.read_block_ && r.read_block_->size_class == buffer_pool::wide_read_class) {
    // Who still needs a wide one takes it from the pool again.
    r.read_block_.reset();
    r.read_offset_ = 0;
  }
  r.buffers_.trim();
  // The allocator keeps what is freed below its top. Once the traffic that needed it has ebbed, a
  // large sum is worth asking it to return.
  uint64_t taken = buffer_pool::large_taken();
  bool ebbed = taken - std::exchange(r.large_taken_, taken) < 16;
  if (ebbed && buffer_pool::freed_bytes() >= give_back_bytes) {
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
