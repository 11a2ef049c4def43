// Times and durations as Go prints them.
#include <limits>

#include "protocol/time_text.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

constexpr int64_t second = 1'000'000'000;
constexpr int64_t day = 24 * 3600 * second;

} // namespace

TEST_CASE("Times are RFC 3339 with the decimals they need", "[protocol][time]") {
  CHECK(rfc3339_nano(0) == "1970-01-01T00:00:00Z");
  CHECK(rfc3339_nano(1) == "1970-01-01T00:00:00.000000001Z");
  CHECK(rfc3339_nano(1700000000123456789) == "2023-11-14T22:13:20.123456789Z");
  CHECK(rfc3339_nano(1700000000120000000) == "2023-11-14T22:13:20.12Z");
  CHECK(rfc3339_nano(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(rfc3339_nano(951782400 * second) == "2000-02-29T00:00:00Z");
  CHECK(rfc3339_nano(4102444800 * second) == "2100-01-01T00:00:00Z");
  CHECK(rfc3339_nano(std::numeric_limits<int64_t>::min()) == "1677-09-21T00:12:43.145224192Z");
  CHECK(rfc3339_nano(std::numeric_limits<int64_t>::max()) == "2262-04-11T23:47:16.854775807Z");
}

TEST_CASE("Durations are written as in Go", "[protocol][time]") {
  CHECK(go_duration_text(0) == "0s");
  CHECK(go_duration_text(1) == "1ns");
  CHECK(go_duration_text(999) == "999ns");
  CHECK(go_duration_text(1000) == "1\xC2\xB5s");
  CHECK(go_duration_text(1500) == "1.5\xC2\xB5s");
  CHECK(go_duration_text(-1500) == "-1.5\xC2\xB5s");
  CHECK(go_duration_text(999999) == "999.999\xC2\xB5s");
  CHECK(go_duration_text(1500000) == "1.5ms");
  CHECK(go_duration_text(100000000) == "100ms");
  CHECK(go_duration_text(999999999) == "999.999999ms");
  CHECK(go_duration_text(second) == "1s");
  CHECK(go_duration_text(1500 * second / 1000) == "1.5s");
  CHECK(go_duration_text(60 * second) == "1m0s");
  CHECK(go_duration_text(-90 * second) == "-1m30s");
  CHECK(go_duration_text(3600 * second) == "1h0m0s");
  CHECK(go_duration_text(7205250000000) == "2h0m5.25s");
  CHECK(go_duration_text(std::numeric_limits<int64_t>::max()) == "2562047h47m16.854775807s");
  CHECK(go_duration_text(std::numeric_limits<int64_t>::min()) == "-2562047h47m16.854775808s");
}

TEST_CASE("Uptimes have whole seconds and the units they need", "[protocol][time]") {
  CHECK(uptime_text(0) == "0s");
  CHECK(uptime_text(1999999999) == "1s");
  CHECK(uptime_text(200 * second) == "3m20s");
  CHECK(uptime_text(3600 * second) == "1h0m0s");
  CHECK(uptime_text(day + 2 * 3600 * second + 184 * second) == "1d2h3m4s");
  CHECK(uptime_text(364 * day) == "364d0h0m0s");
  CHECK(uptime_text(365 * day) == "1y0d0h0m0s");
  CHECK(uptime_text(800 * day + 5 * second) == "2y70d0h0m5s");
}
