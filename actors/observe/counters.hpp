// Counters of one reactor, named after events.
//
// Only the reactor's own thread writes, so an increment is a plain load and store without a locked
// instruction; any thread may read. Values of one reactor are not a consistent cut: a reader may
// see the bytes of a message before the message.
#pragma once

#include <atomic>
#include <cstdint>

namespace troupe::observe {

/// A number with a single writer and any readers.
template <class T>
class relaxed {
public:
  void add(T n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(T n) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void set(T n) { value_.store(n, std::memory_order_relaxed); }
  T load() const { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<T> value_{};
};

using relaxed_u64 = relaxed<uint64_t>;
using relaxed_i64 = relaxed<int64_t>;

/// The same event told apart by what kind of peer it happened to.
struct per_kind {
  relaxed_u64 clients, routes, gateways, leafs;
};

/// Padded to its own cache lines: neighbours in an array never share one.
struct alignas(64) reactor_counters {
  // Traffic of every kind of peer; `*_client_*` is the part of client connections.
  relaxed_u64 in_msgs, in_bytes, out_msgs, out_bytes;
  relaxed_u64 in_client_msgs, in_client_bytes, out_client_msgs, out_client_bytes;
  // Traffic handed to other reactors.
  relaxed_u64 forwarded_msgs, forwarded_batches;

  per_kind slow_consumers;    // closed because they did not read
  per_kind stale_connections; // closed because they did not answer PING
  relaxed_u64 stalls;         // times a producer was held back
  relaxed_u64 auth_errors;
  relaxed_u64 failures;       // things that a shard could not do and left out

  relaxed_i64 connections;       // open now
  relaxed_u64 total_connections; // ever accepted
  relaxed_i64 subscriptions;     // live now

  void msg_in(uint64_t n) { in_msgs.add(1), in_bytes.add(n); }
  void msg_out(uint64_t n) { out_msgs.add(1), out_bytes.add(n); }
  void client_msgs_in(uint64_t msgs, uint64_t bytes) {
    in_msgs.add(msgs), in_bytes.add(bytes), in_client_msgs.add(msgs), in_client_bytes.add(bytes);
  }
  void client_msgs_out(uint64_t msgs, uint64_t bytes) {
    out_msgs.add(msgs), out_bytes.add(bytes), out_client_msgs.add(msgs),
        out_client_bytes.add(bytes);
  }
  void connection_opened() { connections.add(1), total_connections.add(1); }
  void connection_closed() { connections.sub(1); }
};

/// Traffic of one account's sessions on one reactor.
struct account_traffic {
  relaxed_u64 in_msgs, in_bytes, out_msgs, out_bytes, slow_consumers;
  relaxed_i64 subscriptions;  // live now
};

/// An account's traffic over several reactors.
struct account_traffic_totals {
  uint64_t in_msgs = 0, in_bytes = 0, out_msgs = 0, out_bytes = 0, slow_consumers = 0;
  int64_t subscriptions = 0;
  account_traffic_totals& operator+=(const account_traffic& t) {
    in_msgs += t.in_msgs.load();
    in_bytes += t.in_bytes.load();
    out_msgs += t.out_msgs.load();
    out_bytes += t.out_bytes.load();
    slow_consumers += t.slow_consumers.load();
    subscriptions += t.subscriptions.load();
    return *this;
  }
};

} // namespace troupe::observe
