// Where finished log lines end up: standard error, a file, a syslog. Used by the log's thread only.
#pragma once

#include "actors/observe/logger.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::log {

using wall_time = std::chrono::system_clock::time_point;

/// One line before it has a format.
struct record {
  level l = level::info;
  subsystem from{};
  wall_time at{};
  std::string text;
};

/// "[pid] date time [INF] text\n" or a JSON object, as the settings want it. Control characters
/// other than tabs and line ends are escaped: a client must not steer an operator's terminal.
std::string format_line(const record& r, const settings& s, bool colors);

class sink {
public:
  virtual ~sink() = default;
  virtual void write(const record& r) = 0;
  /// True when there is a file, which has been opened again.
  virtual bool reopen() { return false; }
  /// Called twice a second while it has something left to send.
  virtual void tick() {}
  virtual bool wants_tick() const { return false; }
};

/// Opens the sink the settings name.
result<std::unique_ptr<sink>> open_sink(const settings& s);

// -- what sinks share --------------------------------------------------------------------------------

/// Set when the log ends: whoever waits for a reader that does not read gives up soon.
extern std::atomic<bool> hurry;

/// Writes all of it, waiting for a slow pipe, or until `hurry`. 0, or the errno of the failure;
/// `written` tells how far it came.
int write_all(int fd, std::string_view bytes, size_t& written);

/// The cause in words, small letters first as Go writes it: "no space left on device".
std::string why(int error_number);

/// A line of the log about itself.
record own_record(level l, std::string text);

/// Straight to standard error, for what cannot be logged.
void complain(const std::string& text);

result<std::unique_ptr<sink>> open_file_sink(const settings& s);
result<std::unique_ptr<sink>> open_syslog_sink(const settings& s);

} // namespace troupe::log
