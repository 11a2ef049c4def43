// What every client session of a node obeys; one immutable value, replaced whole by a reload.
#pragma once

#include <chrono>
#include <cstdint>

#include "protocol/limits.hpp"

namespace troupe {

using nanos = std::chrono::nanoseconds;

/// Which listener a connection came to: decides the stages between its socket and its session.
enum class listener_kind : uint8_t { client, websocket };

struct session_settings {
  uint32_t max_control_line = default_max_control_line_bytes;
  int64_t max_payload = default_max_payload_bytes;
  int64_t max_pending = default_max_pending_bytes;
  int64_t max_subscriptions = 0;  // per connection, 0: no limit
  uint32_t max_sub_tokens = 0;    // 0: no limit
  bool headers = true;
  bool auth_required = false;
  /// First operations other than CONNECT are let in as this user.
  bool has_no_auth_user = false;
  /// Users show JWTs; without it what CONNECT says there is dropped.
  bool operator_mode = false;
  bool no_fast_producer_stall = false;
  bool trace = false;
  bool trace_headers_only = false;  // payload lines of traces show headers, not bodies
  int64_t max_traced_msg_len = 0;

  nanos auth_timeout = std::chrono::seconds(2);
  nanos ping_interval = std::chrono::minutes(2);
  int64_t ping_max = 2;
  nanos write_deadline = std::chrono::seconds(10);
  bool close_on_write_timeout = true;
};

} // namespace troupe
