// The threads that run reactors, and the switch between them by load (driver_policy).
//
// Driver 0 starts with every reactor; driver k sleeps until the policy gives it reactor k, and
// hands it back when the load has ebbed. A driver with several reactors waits on all their epoll
// sets through one outer set; with one it waits on that directly.
//
// Sleeping: a driver announces its sleep, looks once more at its reactors' inboxes, then blocks.
// Whoever pushes into an inbox looks at the owner's flag afterwards. Both sides use sequentially
// consistent operations, so one of them sees the other. Hand-over: the old driver stores the new
// owner before it wakes it, and the new one looks at the inbox after it took over.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/reactor/driver_policy.hpp"
#include "actors/reactor/reactor.hpp"

namespace troupe {

/// How much one reactor may have in flight to another before its producers pause.
inline constexpr int64_t link_high_bytes = 2 * 1024 * 1024;
inline constexpr int64_t link_low_bytes = 512 * 1024;

class driver_pool {
public:
  explicit driver_pool(unsigned reactors, driver_policy_config policy = {});
  ~driver_pool();

  void attach(caf::actor_system& sys);
  /// Told, on the reactor's thread, of what a handler threw and did not catch: what it left undone
  /// is unknown, so whoever owns the node stops it. Before `start`.
  using failure_listener = std::function<void(reactor_index, const char* where, const char* what)>;
  void hear_failures(failure_listener listener) { on_failure_ = std::move(listener); }
  void tell_failure(reactor_index r, const char* where, const char* what);
  void start();
  /// Ends the threads after their current turn. Actors must be gone by then.
  void stop();

  unsigned size() const { return static_cast<unsigned>(reactors_.size()); }
  reactor& at(reactor_index r) { return *reactors_[r]; }

  /// Any thread: after a push into `r`'s inbox.
  void wake_if_asleep(reactor& r);

  /// Bytes handed from one reactor to another and not yet dealt with.
  std::atomic<int64_t>& in_flight(reactor_index from, reactor_index to) {
    return links_[from * reactors_.size() + to].bytes;
  }
  /// Set by `from` when it pauses producers for this link; cleared by `to` when it tells `from`.
  std::atomic<bool>& link_waiting(reactor_index from, reactor_index to) {
    return links_[from * reactors_.size() + to].waiting;
  }

  /// Drivers that run at least one reactor now (for monitoring and tests).
  unsigned active_drivers() const { return active_.load(std::memory_order_relaxed); }

private:
  struct driver {
    unsigned index = 0;
    int outer_fd = -1;
    std::vector<reactor*> owned;
    std::atomic<bool> asleep{false};
    std::atomic<uint32_t> signal{0};  // changes when a parked driver has something to do
    std::mutex mutex;                 // guards incoming
    std::vector<reactor*> incoming;
    std::atomic<bool> has_incoming{false};
    std::thread thread;
  };
  struct alignas(64) link {
    std::atomic<int64_t> bytes{0};
    std::atomic<bool> waiting{false};
  };

  struct thread_usage {
    nanos ran{};
    int64_t sleeps = 0;
  };
  static thread_usage usage_of_this_thread();

  void run(driver& d);
  void wait_and_turn(driver& d);
  int sleep_timeout_ms(driver& d, nanos now) const;
  bool anything_pending(const driver& d) const;
  void adopt(driver& d);
  void give(driver& from, reactor& r, unsigned to);
  /// After a change of what `d` owns: with one reactor it waits on that one's set.
  void share_sockets(driver& d);
  void rebalance(driver& d);
  void wake(driver& d);

  failure_listener on_failure_;
  std::vector<std::unique_ptr<reactor>> reactors_;
  std::vector<std::unique_ptr<driver>> drivers_;
  std::vector<link> links_;
  driver_policy policy_;
  driver_policy_config policy_config_;
  nanos sampled_at_{};
  thread_usage usage_;  // of driver 0, then
  std::vector<nanos> busy_sample_;
  std::vector<std::atomic<int64_t>> busy_total_;  // per reactor, written by its driver
  std::vector<std::atomic<bool>> wanted_home_;    // policy's wish, read by driver k
  std::atomic<unsigned> active_{1};
  std::atomic<bool> stopping_{false};
};

} // namespace troupe
