// Where finished log lines end up. Used by the logger's thread only.
#pragma once

#include "actors/observe/logger.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::log {

using wall_time = std::chrono::system_clock::time_point;

/// "[pid] date time [INF] text\n" as the settings want it.
std::string format_line(level l, wall_time at, std::string_view text, const settings& s,
                        bool colors);

class sink {
public:
  virtual ~sink() = default;
  virtual void write(level l, wall_time at, std::string_view text) = 0;
  /// True when there is a file, which has been opened again.
  virtual bool reopen() { return false; }
};

/// Opens the sink the settings name.
result<std::unique_ptr<sink>> open_sink(const settings& s);

} // namespace troupe::log
