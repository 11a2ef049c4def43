#include "protocol/time_text.hpp"

#include <chrono>
#include <cstdio>

namespace troupe {
namespace {

constexpr int64_t ns_per_us = 1'000;
constexpr int64_t ns_per_ms = 1'000'000;
constexpr int64_t ns_per_s = 1'000'000'000;
constexpr int64_t ns_per_day = 24 * 3600 * ns_per_s;

/// Appends ".ddd" for `fraction` of `digits` decimals, without the zeros at the end.
void append_fraction(std::string& out, uint64_t fraction, int digits) {
  if (fraction == 0) return;
  std::string text = std::to_string(fraction);
  text.insert(0, static_cast<size_t>(digits) - text.size(), '0');
  text.erase(text.find_last_not_of('0') + 1);
  out += '.';
  out += text;
}

/// Appends `ns` in units of `unit` with decimals.
void append_units(std::string& out, uint64_t ns, uint64_t unit, int digits) {
  out += std::to_string(ns / unit);
  append_fraction(out, ns % unit, digits);
}

} // namespace

std::string rfc3339_nano(int64_t unix_ns) {
  // Division by hand: rounding down to a day would overflow near the earliest time.
  int64_t day = unix_ns / ns_per_day;
  int64_t of_day = unix_ns % ns_per_day;
  if (of_day < 0) {
    of_day += ns_per_day;
    --day;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  const std::chrono::hh_mm_ss time{std::chrono::nanoseconds{of_day}};
  char text[40];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  std::string out{text};
  append_fraction(out, static_cast<uint64_t>(time.subseconds().count()), 9);
  out += 'Z';
  return out;
}

std::string go_duration_text(int64_t duration_ns) {
  if (duration_ns == 0) return "0s";
  const bool negative = duration_ns < 0;
  const uint64_t ns =
      negative ? 0 - static_cast<uint64_t>(duration_ns) : static_cast<uint64_t>(duration_ns);
  std::string out = negative ? "-" : "";
  if (ns < ns_per_us) return out + std::to_string(ns) + "ns";
  if (ns < ns_per_ms) {
    append_units(out, ns, ns_per_us, 3);
    return out + "\xC2\xB5s";
  }
  if (ns < ns_per_s) {
    append_units(out, ns, ns_per_ms, 6);
    return out + "ms";
  }
  const uint64_t seconds = ns / ns_per_s;
  const uint64_t hours = seconds / 3600;
  if (hours > 0) out += std::to_string(hours) + "h";
  if (seconds >= 60) out += std::to_string(seconds / 60 % 60) + "m";
  append_units(out, ns % (60 * static_cast<uint64_t>(ns_per_s)), ns_per_s, 9);
  return out + "s";
}

std::string uptime_text(int64_t duration_ns) {
  const int64_t seconds = duration_ns / ns_per_s;
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  const int64_t days = hours / 24;
  const int64_t years = days / 365;
  std::string out;
  if (years > 0) out += std::to_string(years) + "y";
  if (days > 0) out += std::to_string(years > 0 ? days % 365 : days) + "d";
  if (hours > 0) out += std::to_string(hours % 24) + "h";
  if (minutes > 0) out += std::to_string(minutes % 60) + "m";
  return out + std::to_string(seconds % 60) + "s";
}

} // namespace troupe
