// The unit of ownership: one epoll set, one run queue, one timer wheel, the sockets and actors
// pinned to them. A driver (thread) runs it; at any moment exactly one driver does.
//
// One turn: resume what is queued, read and parse every ready socket, fire timers, then publish
// the batches that this turn gathered for other reactors, then flush every touched socket.
//
// Causality: whoever saw a reply of this node may rely on its effects everywhere. Batches leave
// before sockets are flushed, and `drain_inbound` runs after each socket read and before the
// first match, so a subscription whose PONG was seen is visible to every later publish. Two things
// make that hold: a message from another thread is in the inbox after one atomic step (pushing it
// into the actor's mailbox and scheduling the actor would be two, and a thread that is suspended
// between them hides what others push into the same mailbox), and no socket is flushed within a
// turn unless the batches have left.
//
// All members run on the reactor's current driver unless marked "any thread".
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/execution_unit.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "actors/reactor/buffer.hpp"
#include "actors/reactor/heap_return.hpp"
#include "actors/reactor/inbox.hpp"
#include "actors/reactor/socket_set.hpp"
#include "actors/reactor/timer_wheel.hpp"
#include "protocol/ids.hpp"

namespace troupe {

class driver_pool;

/// Something with a file descriptor. `on_io` runs on the reactor with epoll's event bits.
class io_handler {
public:
  virtual void on_io(uint32_t events) = 0;

protected:
  ~io_handler() = default;
};

/// Work put off to the end of the turn. An object stands in a list at most once.
class turn_hook {
public:
  virtual void at_turn_end() = 0;
  bool queued = false;        // stands in the publish or flush list
  bool queued_early = false;  // stands in the list of early flushes

protected:
  ~turn_hook() = default;
};

/// A session that stopped reading because the link to another reactor is full.
class link_waiter {
public:
  virtual void link_opened(reactor_index target) = 0;

protected:
  ~link_waiter() = default;
};

class reactor final : public caf::execution_unit {
public:
  reactor(reactor_index index, driver_pool& pool);
  ~reactor() override;

  reactor_index index() const { return index_; }
  driver_pool& pool() { return pool_; }
  void attach(caf::actor_system& sys) { system_ = &sys; }

  /// The reactor that this thread runs right now, or nullptr.
  static reactor* current();

  /// The moment this turn began; cheap, so that hot code needs no clock call.
  nanos now() const { return now_; }
  timer_wheel& timers() { return timers_; }
  buffer_pool& buffers() { return buffers_; }

  // -- actors ------------------------------------------------------------------------------------

  /// Any thread. Own (io) actors queue here; foreign ones go to CAF's scheduler.
  void exec_later(caf::resumable* job) override;
  /// Any other thread: hands a message to an actor of this reactor, with a wake-up if it sleeps.
  void hand_over(caf::strong_actor_ptr to, caf::mailbox_element_ptr message);
  /// Handles all that other threads had handed over before the call; only from the I/O path, never
  /// in a resume. What follows from it among actors here is handled too, within bounds.
  void drain_inbound() {
    constexpr int rounds = 16;
    for (int i = 0; i < rounds && (!run_queue_.empty() || !inbox_.empty()); ++i) run_jobs();
  }

  // -- sockets -----------------------------------------------------------------------------------

  /// Starts watching `fd`; the slot names it from then on. `owner` is kept alive until `unwatch`.
  uint32_t watch(int fd, uint32_t events, io_handler* handler, caf::resumable* owner) {
    return sockets_.watch(fd, events, handler, owner);
  }
  void rewatch(uint32_t slot, uint32_t events) { sockets_.rewatch(slot, events); }
  void unwatch(uint32_t slot) { release_later(sockets_.unwatch(slot)); }

  /// The block sockets are read into, with at least `min_room` bytes behind `read_at`.
  buffer* read_block(size_t min_room);
  char* read_at() { return read_block_->data() + read_offset_; }
  size_t read_room() const { return read_block_->capacity - read_offset_; }
  /// `n` bytes were read. If somebody keeps a reference, the next read goes behind them.
  void read_done(size_t n) {
    if (!read_block_.sole_owner()) read_offset_ += n;
  }

  // -- end of turn -------------------------------------------------------------------------------

  void publish_later(turn_hook& hook) { queue_hook(publish_, hook); }
  void flush_later(turn_hook& hook) { queue_hook(flush_, hook); }
  /// Sends the gathered batches now: before any socket is flushed out of turn.
  void publish_now();
  /// Flushes `hook` out of turn, as soon as the publish in progress is done.
  void flush_early(turn_hook& hook) {
    if (hook.queued_early) return;
    early_.push_back(&hook);
    hook.queued_early = true;
  }
  void run_early_flushes() {
    if (!early_.empty()) flush_all_early();
  }
  /// Releases one reference of `owner` when the turn is over.
  void release_later(caf::resumable* owner) { retired_.push_back(owner); }

  // -- back-pressure between reactors ------------------------------------------------------------

  /// `waiter` hears `link_opened` when the link from here to `target` has drained.
  void wait_for_link(reactor_index target, link_waiter& waiter);
  void stop_waiting(link_waiter& waiter);
  /// Any thread: the link from here to `target` has drained.
  void link_opened(reactor_index target);

  // -- driving (driver_pool only) ----------------------------------------------------------------

  /// One turn; returns whether anything happened. Blocks up to `timeout_ms` (as epoll_wait) only
  /// where this reactor is its driver's only one; `asleep` is cleared as soon as that ends.
  bool turn(int timeout_ms, std::atomic<bool>* asleep = nullptr);
  /// One turn of one among several, without waiting: of what the driver's set gave (the events of the
  /// others are skipped), and of the own set if that is ready.
  bool turn_shared(std::span<const epoll_event> events, bool own_set_ready);
  bool has_work() const { return !run_queue_.empty() || !inbox_.empty() || opened_links_.load() != 0; }
  socket_set& sockets() { return sockets_; }
  nanos take_busy() { return std::exchange(busy_, nanos::zero()); }
  void wake() { sockets_.wake(); }
  std::atomic<unsigned>& driver() { return driver_; }
  /// After the last turn: lets go of whoever still has a socket here. Messages that come later are
  /// dropped by who sends them.
  void abandon();
  /// The turn's thread-local context.
  void enter();
  static void leave();

private:
  /// From another thread: an actor to resume, or a message for one.
  struct parcel {
    caf::resumable* job = nullptr;
    caf::strong_actor_ptr to;
    caf::mailbox_element_ptr message;
  };

  static void queue_hook(std::vector<turn_hook*>& list, turn_hook& hook) {
    if (hook.queued) return;
    list.push_back(&hook);
    hook.queued = true;
  }
  /// Nothing that a handler throws may end the thread, or what others have to do in this turn.
  template <class F>
  void contained(const char* where, F&& call);
  bool run_hooks(std::vector<turn_hook*>& list, std::vector<turn_hook*>& spare);
  void put_in(parcel p);
  size_t take_inbox();
  void discard_inbox();
  void run_jobs();
  void tell_link_waiters();
  void flush_all_early();
  bool holds_spare_memory() const;
  static void trim_buffers(void* self, nanos now);
  void hear(const epoll_event& event);
  bool poll(int timeout_ms, std::atomic<bool>* asleep);
  template <class Sockets>
  bool turn_with(Sockets&& sockets);
  void finish_turn(nanos began, bool worked);
  void retire();

  reactor_index index_;
  driver_pool& pool_;
  socket_set sockets_;
  std::atomic<unsigned> driver_{0};

  buffer_pool buffers_;
  timer_wheel timers_;
  heap_return heap_return_;
  timer trim_timer_;  // armed while the pool holds more than an idle reactor needs
  nanos now_{};
  nanos busy_{};

  std::deque<caf::resumable*> run_queue_;
  mpsc_inbox<parcel> inbox_;
  std::atomic<bool> abandoned_{false};  // nobody will take out what is put in

  std::atomic<uint64_t> opened_links_{0};
  std::vector<std::vector<link_waiter*>> link_waiters_;  // by target reactor

  buffer_ref read_block_;
  size_t read_offset_ = 0;

  std::vector<turn_hook*> publish_, flush_, early_;
  std::vector<turn_hook*> spare_publish_, spare_flush_;
  std::vector<caf::resumable*> retired_, spare_retired_;
};

/// The clock of the reactors: steady, in nanoseconds.
nanos steady_now();

} // namespace troupe
