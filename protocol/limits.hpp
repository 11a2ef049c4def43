// The bounds of the client protocol, with the Go server's defaults (spec core 1.6).
#pragma once

#include <cstdint>

namespace troupe {

inline constexpr uint32_t default_max_control_line_bytes = 4096;
inline constexpr uint32_t default_max_payload_bytes = 1024 * 1024;
inline constexpr uint32_t warn_max_payload_bytes = 8 * 1024 * 1024;
inline constexpr int64_t default_max_pending_bytes = 64 * 1024 * 1024;
inline constexpr int32_t default_max_connections = 64 * 1024;
inline constexpr uint32_t max_closed_clients_kept = 10000;

} // namespace troupe
