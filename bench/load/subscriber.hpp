// The subscribing side of a throughput run: connections whose deliveries are counted and sampled.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "bench/load/channel.hpp"
#include "bench/load/flow.hpp"
#include "bench/load/stream_counter.hpp"
#include "bench/load/topology.hpp"

namespace troupe::bench {

struct subscriber {
  subscriber(channel connection, size_t message_bytes)
      : wire(std::move(connection)), incoming(message_bytes) {}

  channel wire;
  stream_counter incoming;
  /// The messages to expect, for the check of samples.
  const message_pool* pool = nullptr;
  bool in_order = true;
};

/// Lengths that the check of a sample needs.
struct delivery_shape {
  size_t header_bytes = 0;
  size_t payload_bytes = 0;
};

/// Throws unless `message`, number `number` of its subscriber, is what the pool's publisher sent.
void check_sample(const subscriber& s, const delivery_shape& shape, const char* message,
                  uint64_t number);

/// Receives on all of `subscribers` until `stop`. Errors go to `shared`. Returns the CPU time.
uint64_t run_subscribers(const std::vector<subscriber*>& subscribers, delivery_shape shape,
                         flow& shared, const std::atomic<bool>& stop);

} // namespace troupe::bench
