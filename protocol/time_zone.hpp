// A time zone as the system's zone files describe it (TZif, RFC 8536): its offsets from UTC over
// time, and the rule that goes on after the last listed change.
//
// Pure; bounded against hostile files. Errors: `malformed`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.hpp"

namespace troupe {

/// "Europe/Berlin": no leading slash, no dots, nothing that leaves the folder of zones.
bool is_zone_name(std::string_view name);

class time_zone {
public:
  static result<time_zone> parse(std::string_view file);

  /// Seconds east of UTC.
  int64_t offset_at(int64_t unix_s) const;

private:
  /// The day and time of a change, in a year: "M3.2.0/2", "J60", "59".
  struct rule_day {
    enum class kind : uint8_t { month_week, julian_no_leap, day_of_year } what = kind::month_week;
    int month = 0, week = 0, day = 0;
    int64_t time_s = 2 * 3600;
  };
  struct rule {
    int64_t standard = 0;
    std::optional<int64_t> summer;
    rule_day begins, ends; // of the summer time
  };
  struct change {
    int64_t at;
    int64_t offset;
  };
  class rule_reader;

  static std::optional<rule> parse_rule(std::string_view text);
  static int64_t by_rule(const rule& r, int64_t unix_s);

  int64_t first_ = 0; // before the first change
  std::vector<change> changes_;
  std::optional<rule> rule_;
};

} // namespace troupe
