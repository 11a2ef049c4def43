// Spans of time in Go's spelling: "1h30m", "500ms", "1.5s". Pure.
#pragma once

#include "protocol/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace troupe::config {

/// Reads a span; an error's context is Go's message.
result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Writes a span as Go does: "2m0s", "1.5s", "320µs", "0s".
std::string format_duration(std::chrono::nanoseconds span);

} // namespace troupe::config
