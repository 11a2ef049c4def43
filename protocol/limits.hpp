// The bounds of the client protocol, with the Go server's defaults (spec core 1.6).
#pragma once

#include <algorithm>
#include <cstdint>

namespace troupe {

inline constexpr uint32_t default_max_control_line_bytes = 4096;
inline constexpr uint32_t default_max_payload_bytes = 1024 * 1024;
inline constexpr uint32_t warn_max_payload_bytes = 8 * 1024 * 1024;
inline constexpr int64_t default_max_pending_bytes = 64 * 1024 * 1024;
inline constexpr int32_t default_max_connections = 64 * 1024;
inline constexpr uint32_t max_closed_clients_kept = 10000;

/// In the limits of users and accounts, as is every negative number.
inline constexpr int64_t no_limit = -1;
/// The stricter of two such limits.
constexpr int64_t narrower_limit(int64_t a, int64_t b) {
  if (a < 0) return b;
  return b < 0 ? a : std::min(a, b);
}

} // namespace troupe
