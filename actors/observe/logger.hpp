// The log: lines in the NATS server's format, written by a thread of its own.
//
//   [4711] 2026/11/22 21:13:00.745694 [INF] Server is ready
//
// Any thread may log and none is ever blocked by it: a line is formatted by the caller and put on a
// bounded lock-free queue. When the queue is full the line is counted and lost, and the count is
// reported once there is room. A disabled debug or trace call costs one relaxed load.
// Before start() and after stop() lines go straight to standard error.
#pragma once

#include "protocol/result.hpp"

#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace troupe::config {
struct server_options;
}

namespace troupe::log {

enum class level : uint8_t { trace, debug, info, warn, error, fatal };

/// Where lines go: the file when there is one, else the remote syslog, else the local one, else
/// standard error.
struct settings {
  bool debug = false;
  bool trace = false;
  bool timestamps = true;
  bool utc = false;
  std::string file;
  int64_t file_bytes_max = 0; // rename when larger, 0: never
  int64_t files_max = 0;      // files kept, the current one included, 0: all
  bool syslog = false;
  std::string remote_syslog; // udp://host:port, tcp://host:port, unix:///path
};

settings settings_of(const config::server_options& options);

/// Opens the sink and starts the thread. Errors: `unavailable` with the NATS server's text.
result<void> start(const settings& s);

/// Changes sink and levels; on an error everything stays as it was. Lines logged before go to the
/// old sink.
result<void> reconfigure(const settings& s);

/// Closes and opens the log file again, after somebody moved it away.
void reopen();

/// Waits until every line logged so far has been written.
void flush();

/// Writes what is queued and ends the thread. Last in the stop order.
void stop();

/// Lines lost so far because the queue was full.
uint64_t dropped();

namespace detail {

extern std::atomic<bool> debug_on;
extern std::atomic<bool> trace_on;
void write(level l, fmt::string_view format, fmt::format_args args);

} // namespace detail

inline bool debug_enabled() { return detail::debug_on.load(std::memory_order_relaxed); }
inline bool trace_enabled() { return detail::trace_on.load(std::memory_order_relaxed); }

template <class... T>
void info(fmt::format_string<T...> format, T&&... args) {
  detail::write(level::info, format, fmt::make_format_args(args...));
}

template <class... T>
void warn(fmt::format_string<T...> format, T&&... args) {
  detail::write(level::warn, format, fmt::make_format_args(args...));
}

template <class... T>
void error(fmt::format_string<T...> format, T&&... args) {
  detail::write(level::error, format, fmt::make_format_args(args...));
}

/// Only logs; whoever decides that the process ends calls stop() and exits.
template <class... T>
void fatal(fmt::format_string<T...> format, T&&... args) {
  detail::write(level::fatal, format, fmt::make_format_args(args...));
}

template <class... T>
void debug(fmt::format_string<T...> format, T&&... args) {
  if (debug_enabled()) detail::write(level::debug, format, fmt::make_format_args(args...));
}

template <class... T>
void trace(fmt::format_string<T...> format, T&&... args) {
  if (trace_enabled()) detail::write(level::trace, format, fmt::make_format_args(args...));
}

} // namespace troupe::log
