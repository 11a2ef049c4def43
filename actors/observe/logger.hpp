// The log: lines in the NATS server's format, or JSON, written by a thread of its own.
//
//   [4711] 2026/11/22 21:13:00.745694 [INF] Server is ready
//
// Any thread may log and none is ever blocked by it: a line is formatted by the caller and put on a
// queue bounded in lines and bytes. When it is full the line is counted and lost, and the count is
// reported once there is room. A disabled debug or trace call costs one relaxed load.
// Before start() and after stop() lines go straight to standard error.
//
// Each line belongs to a subsystem, the folder of the file that logs it, found at compile time.
#pragma once

#include "config/log_options.hpp"
#include "protocol/result.hpp"

#include <fmt/core.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace troupe::config {
struct server_options;
}

namespace troupe::log {

using level = config::log_level;

/// A place in config::log_subsystems.
enum class subsystem : uint8_t {};

/// The folder after the last "actors/", or "http", "config", "storage"; else "other".
constexpr subsystem subsystem_of(std::string_view file) {
  auto index = [](std::string_view name) { return subsystem{config::subsystem_index(name)}; };
  if (auto at = file.rfind("actors/"); at != file.npos) {
    auto rest = file.substr(at + 7);
    auto end = rest.find('/');
    return index(end == rest.npos ? rest.substr(0, rest.find('.')) : rest.substr(0, end));
  }
  for (std::string_view folder : {"http", "config", "storage"})
    for (auto at = file.rfind('/'); at != file.npos && at > 0; at = file.rfind('/', at - 1))
      if (file.substr(0, at).ends_with(folder)) return index(folder);
  return index("other");
}

/// Where lines go: the file when there is one, else the remote syslog, else the local one, else
/// standard error.
struct settings {
  bool debug = false;
  bool trace = false;
  bool timestamps = true;
  bool utc = false;
  bool json = false; // an object a line instead of the NATS server's format
  config::log_level_overrides overrides;
  std::string file;
  int64_t file_bytes_max = 0; // rename when larger, 0: never
  int64_t files_max = 0;      // files kept, the current one included, 0: all
  bool syslog = false;
  std::string remote_syslog; // udp://host:port, tcp://host:port, unix:///path
  std::vector<std::string> local_syslogs = {"/dev/log", "/var/run/syslog", "/var/run/log"};
};

/// Of options that config::validate() has found good.
settings settings_of(const config::server_options& options);

/// Opens the sink and starts the thread. Errors: `unavailable` with the NATS server's text.
result<void> start(const settings& s);

/// Changes sink, format and levels of a running log; on an error everything stays as it was. Lines
/// logged before go to the old sink, later ones to the new one. Opens files and sockets, which may
/// take a second: not for reactors.
result<void> configure(const settings& s);

/// Closes and opens the log file again, after somebody moved it away. Does not wait.
void reopen();

/// Waits until every line logged so far has been written, five seconds at most.
void flush();

/// Writes what is queued, two seconds at most, and ends the thread. Last in the stop order.
void stop();

/// Lines lost so far because the queue was full.
uint64_t dropped();

namespace detail {

// By subsystem, a bit for each level that is logged. Written by configure() alone.
extern std::array<std::atomic<uint8_t>, config::log_subsystems.size()> masks;
extern std::atomic<bool> any_debug;
void write(level l, subsystem from, fmt::string_view format, fmt::format_args args);

/// A format string, checked at compile time, and whose it is.
template <class... T>
struct located {
  template <class S>
  requires std::is_convertible_v<const S&, std::string_view>
  FMT_CONSTEVAL located(const S& s, const char* file = __builtin_FILE())
      : text(s), from(subsystem_of(file)) {}

  fmt::format_string<T...> text;
  subsystem from;
};

template <class... T>
using located_for = located<std::type_identity_t<T>...>;

} // namespace detail

inline bool enabled(level l, subsystem from) {
  auto mask = detail::masks[static_cast<size_t>(from)].load(std::memory_order_relaxed);
  return (mask >> static_cast<unsigned>(l)) & 1;
}

/// Whether any subsystem logs at debug level: a cheap reason not to prepare a line.
inline bool debug_enabled() { return detail::any_debug.load(std::memory_order_relaxed); }

template <class... T>
void info(detail::located_for<T...> f, T&&... args) {
  if (enabled(level::info, f.from))
    detail::write(level::info, f.from, f.text, fmt::make_format_args(args...));
}

template <class... T>
void warn(detail::located_for<T...> f, T&&... args) {
  if (enabled(level::warn, f.from))
    detail::write(level::warn, f.from, f.text, fmt::make_format_args(args...));
}

template <class... T>
void error(detail::located_for<T...> f, T&&... args) {
  if (enabled(level::error, f.from))
    detail::write(level::error, f.from, f.text, fmt::make_format_args(args...));
}

/// Only logs; whoever decides that the process ends calls stop() and exits.
template <class... T>
void fatal(detail::located_for<T...> f, T&&... args) {
  detail::write(level::fatal, f.from, f.text, fmt::make_format_args(args...));
}

template <class... T>
void debug(detail::located_for<T...> f, T&&... args) {
  if (enabled(level::debug, f.from))
    detail::write(level::debug, f.from, f.text, fmt::make_format_args(args...));
}

template <class... T>
void trace(detail::located_for<T...> f, T&&... args) {
  if (enabled(level::trace, f.from))
    detail::write(level::trace, f.from, f.text, fmt::make_format_args(args...));
}

/// A trace line written whatever the levels say: the caller knows that this connection is traced.
template <class... T>
void traced(detail::located_for<T...> f, T&&... args) {
  detail::write(level::trace, f.from, f.text, fmt::make_format_args(args...));
}

} // namespace troupe::log
