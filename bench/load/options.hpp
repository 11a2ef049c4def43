// The command line of troupe-load.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "bench/load/net.hpp"

namespace troupe::bench {

struct options {
  std::string scenario;
  endpoint server;
  /// The server's process, for CPU time and memory; 0 leaves those figures out (0).
  pid_t pid = 0;
  /// Payload bytes, at least 16.
  size_t size = 128;
  /// A run ends after this time, or after `messages` publishes when that is not 0.
  double seconds = 2.0;
  uint64_t messages = 0;
  /// Unmeasured part at the front.
  double warmup = 0.3;
  /// Bytes that may be published and not yet delivered, summed over all subscribers; 0: scenario's.
  uint64_t window = 0;
  uint64_t seed = 1;
  /// Connections or requesters or threads, by scenario; 0: the scenario's default.
  unsigned connections = 0;
  /// Requests in flight per requester.
  unsigned in_flight = 1;
  /// Threads of each side (publishers, subscribers); 0: half of the cores.
  unsigned threads = 0;
  /// reqrep: threads that connect and disconnect meanwhile.
  unsigned storm = 0;
};

/// Each runs one scenario and returns the report line.
std::string run_throughput(const options& opt);
std::string run_request_reply(const options& opt);
std::string run_idle(const options& opt);
std::string run_subscriptions(const options& opt);
std::string run_churn(const options& opt); // and "handshake"

} // namespace troupe::bench
