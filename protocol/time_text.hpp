// Times and durations as the Go server writes them in JSON and in its logs.
//
// Pure. Times are nanoseconds since 1970-01-01T00:00:00Z (years 1678 to 2262), durations are
// nanoseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

/// What Go writes for a time that was never set.
inline constexpr std::string_view zero_time_text = "0001-01-01T00:00:00Z";

/// RFC 3339 in UTC with as many decimals as needed: "2026-01-02T15:04:05.12Z".
std::string rfc3339_nano(int64_t unix_ns);

/// Go's time.Duration text: "0s", "1.5ms", "2h0m5.25s".
std::string go_duration_text(int64_t duration_ns);

/// Whole seconds in the largest units: "5s", "3m20s", "1d2h3m4s", "1y2d3h4m5s". Monitoring's
/// uptime and idle texts. Negative durations read with a minus at each part, as in Go.
std::string uptime_text(int64_t duration_ns);

} // namespace troupe
