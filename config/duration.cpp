#include "config/duration.hpp"

#include "protocol/time_text.hpp"

#include <cstdint>
#include <optional>

namespace troupe::config {

namespace {

constexpr int64_t second = 1'000'000'000;

std::optional<int64_t> unit_ns(std::string_view unit) {
  if (unit == "ns") return 1;
  if (unit == "us" || unit == "\xC2\xB5s" || unit == "\xCE\xBCs") return 1000;
  if (unit == "ms") return 1'000'000;
  if (unit == "s") return second;
  if (unit == "m") return 60 * second;
  if (unit == "h") return 3600 * second;
  return std::nullopt;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// One number with its unit at the front of `s`, in nanoseconds. Problems go to `why`.
struct part_reader {
  std::string_view s;
  const char* why = nullptr; // null: fine, or `unit` is unknown
  std::string_view unit;

  int64_t next() {
    __int128 whole = 0;
    size_t i = 0;
    size_t digits = 0;
    for (; i < s.size() && is_digit(s[i]); ++i, ++digits)
      whole = whole > INT64_MAX ? whole : whole * 10 + (s[i] - '0');
    double fraction = 0;
    double scale = 1;
    if (i < s.size() && s[i] == '.')
      for (++i; i < s.size() && is_digit(s[i]); ++i, ++digits) {
        scale *= 10;
        fraction = scale < 1e15 ? fraction + (s[i] - '0') / scale : fraction;
      }
    if (digits == 0) return why = "invalid duration", 0;
    size_t end = i;
    while (end < s.size() && s[end] != '.' && !is_digit(s[end]))
      ++end;
    unit = s.substr(i, end - i);
    s.remove_prefix(end);
    if (unit.empty()) return why = "missing unit in duration", 0;
    auto factor = unit_ns(unit);
    if (!factor) return why = "unknown unit", 0;
    auto total = whole * *factor;
    if (whole > INT64_MAX || total > INT64_MAX) return why = "invalid duration", 0;
    return static_cast<int64_t>(total)
           + static_cast<int64_t>(fraction * static_cast<double>(*factor) + 1e-6);
  }
};

} // namespace

result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  auto quoted = "\"" + std::string(text) + "\"";
  auto bad = [&](const std::string& why) { return troupe::error{errc::malformed, "time: " + why}; };
  auto rest = text;
  bool negative = !rest.empty() && rest[0] == '-';
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::nanoseconds{0};
  if (rest.empty()) return bad("invalid duration " + quoted);
  part_reader parts{rest, nullptr, {}};
  int64_t total = 0;
  while (!parts.s.empty()) {
    auto n = parts.next();
    if (parts.why && std::string_view(parts.why) == "unknown unit")
      return bad("unknown unit \"" + std::string(parts.unit) + "\" in duration " + quoted);
    if (parts.why) return bad(std::string(parts.why) + " " + quoted);
    if (__builtin_add_overflow(total, n, &total)) return bad("invalid duration " + quoted);
  }
  return std::chrono::nanoseconds{negative ? -total : total};
}

std::string format_duration(std::chrono::nanoseconds span) {
  return go_duration_text(span.count());
}

} // namespace troupe::config
