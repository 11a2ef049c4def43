// Latency of services: which requests are measured, and the event that tells about one.
//
// Fields and status codes are those of the Go server's ServiceLatency (accounts.go). Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::routing {

/// Header fields by canonical name ("X-B3-Traceid").
using latency_headers = std::map<std::string, std::vector<std::string>>;

struct latency_choice {
  bool measure = false;
  latency_headers headers;  // those that made it so
};

/// Whether a request is measured. `sampling` is per cent, 0: only where its headers ask for it;
/// `chance` is any number that differs from call to call.
latency_choice choose_latency(int sampling, uint64_t chance, std::string_view header_block);

/// What is known of a request and its answer.
struct service_latency {
  using nanoseconds = std::chrono::nanoseconds;

  std::string subject;  // where the event goes, in the exporting account
  int status = 200;
  std::string requestor, responder;  // JSON objects, empty: not known
  nanoseconds requestor_rtt{}, responder_rtt{};
  latency_headers headers;
  int64_t asked_at_ns = 0;  // wall clock
  nanoseconds took{};       // from the request's arrival to the answer's
  nanoseconds system{};     // what the node took to find out about the responder
};

/// The JSON of the event.
std::string latency_event(const service_latency& l, std::string_view id, int64_t now_ns);

} // namespace troupe::routing
