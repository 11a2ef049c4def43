// What the options of the log mean: format, levels of single subsystems.
//
// Pure. A subsystem is a folder whose code logs: "session", "node", "http", ... Its level is the
// least that is logged: `warn` keeps errors and warnings, `trace` everything.
#pragma once

#include "protocol/result.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::config {

enum class log_level : uint8_t { trace, debug, info, warn, error, fatal };

/// Folders below actors/ that log, then those beside it; the last one stands for all others.
inline constexpr std::array<std::string_view, 17> log_subsystems = {
    "auth", "cluster", "jetstream", "main",   "node",    "observe", "ocsp", "raft", "reactor",
    "routing", "session", "system", "websocket", "config", "http", "storage", "other"};

/// Its place in `log_subsystems`; that of "other" when it is not there.
constexpr uint8_t subsystem_index(std::string_view name) {
  for (size_t i = 0; i < log_subsystems.size(); ++i)
    if (log_subsystems[i] == name) return static_cast<uint8_t>(i);
  return log_subsystems.size() - 1;
}

/// One for each subsystem that differs from the rest; by place in `log_subsystems`.
using log_level_overrides = std::vector<std::pair<uint8_t, log_level>>;

/// Reads "session=trace, node=warn". `malformed` names the part that is wrong and what may stand
/// there.
result<log_level_overrides> parse_log_level_override(std::string_view text);

/// "text" or "" is false, "json" is true.
result<bool> parse_log_format(std::string_view text);

} // namespace troupe::config
