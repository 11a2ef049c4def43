// The publishing side of a throughput run: connections that send their pools round and round.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/load/channel.hpp"
#include "bench/load/flow.hpp"
#include "bench/load/stream_counter.hpp"
#include "bench/load/topology.hpp"

namespace troupe::bench {

struct publisher {
  publisher(channel connection, message_pool messages)
      : wire(std::move(connection)), pool(std::move(messages)) {}

  channel wire;
  message_pool pool;
  stream_counter incoming{0};
  uint64_t published = 0;

  /// Progress of the current phase.
  enum class state : uint8_t { publishing, pinging, done };
  state now = state::publishing;
  uint64_t phase_messages = 0;
  uint64_t pongs_wanted = 0;
  uint64_t done_ns = 0;

  /// Block of the pool that is next or being sent; `begun` once its deliveries are counted as
  /// expected, although the socket may not have taken a byte of it yet.
  size_t block = 0;
  bool begun = false;
  size_t sent = 0;
  uint32_t round = 0;
  bool writable = true;
  std::string control; // PING and PONG to send between blocks
};

/// How long a phase lasts: until `deadline_ns`, or `messages` publishes per publisher if not 0.
struct phase_limit {
  uint64_t deadline_ns = 0;
  uint64_t messages = 0;
};

/// Publishes on all of `publishers` until the limit, then waits for the PONG that says that the
/// server has processed everything. Errors go to `shared`. Returns the CPU time it took.
uint64_t run_publishers(const std::vector<publisher*>& publishers, phase_limit limit, flow& shared);

} // namespace troupe::bench
