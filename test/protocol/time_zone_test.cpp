// Zone files: the changes they list and the rule that follows.
#include <string>
#include <vector>

#include "protocol/time_zone.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

std::string number(int64_t n, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i)
    out += static_cast<char>(static_cast<uint64_t>(n) >> (8 * i) & 0xff);
  return out;
}

struct change {
  int64_t at;
  int type;
};

std::string part(const std::vector<change>& changes, const std::vector<int64_t>& offsets,
                 int width) {
  std::string out = "TZif2" + std::string(15, '\0');
  for (size_t n : {size_t{0}, size_t{0}, size_t{0}, changes.size(), offsets.size(), size_t{1}})
    out += number(static_cast<int64_t>(n), 4);
  for (const change& c : changes)
    out += number(c.at, width);
  for (const change& c : changes)
    out += number(c.type, 1);
  for (const int64_t offset : offsets)
    out += number(offset, 4) + std::string(2, '\0');
  return out + std::string(1, '\0');
}

/// A zone file of version 2, whose first part is empty but for one type.
std::string file(const std::vector<change>& changes, const std::vector<int64_t>& offsets,
                 const std::string& rule) {
  return part({}, {0}, 4) + part(changes, offsets, 8) + "\n" + rule + "\n";
}

constexpr int64_t hour = 3600;

} // namespace

TEST_CASE("time zone: listed changes, then the rule", "[time][zone]") {
  auto z = time_zone::parse(file({{1000, 1}, {2000, 0}}, {hour, 2 * hour}, "CET-1CEST,M3.5.0,M10.5.0/3"));
  REQUIRE(z);
  CHECK(z->offset_at(-5) == hour);
  CHECK(z->offset_at(999) == hour);
  CHECK(z->offset_at(1000) == 2 * hour);
  CHECK(z->offset_at(1999) == 2 * hour);
  // 2026: summer from March 29, 01:00 UTC, to October 25, 01:00 UTC.
  constexpr int64_t begins = 1774746000, ends = 1792890000;
  CHECK(z->offset_at(begins - 1) == hour);
  CHECK(z->offset_at(begins) == 2 * hour);
  CHECK(z->offset_at(ends - 1) == 2 * hour);
  CHECK(z->offset_at(ends) == hour);
}

TEST_CASE("time zone: rules of the south, of the west, and of days of the year", "[time][zone]") {
  constexpr int64_t january = 1767225600 + 14 * 24 * hour; // 2026-01-15
  constexpr int64_t july = january + 181 * 24 * hour;
  auto at = [](const std::string& rule, int64_t t) {
    auto z = time_zone::parse(file({}, {0}, rule));
    REQUIRE(z);
    return z->offset_at(t);
  };
  CHECK(at("AEST-10AEDT,M10.1.0,M4.1.0/3", january) == 11 * hour);
  CHECK(at("AEST-10AEDT,M10.1.0,M4.1.0/3", july) == 10 * hour);
  CHECK(at("EST5EDT,M3.2.0,M11.1.0", january) == -5 * hour);
  CHECK(at("EST5EDT,M3.2.0,M11.1.0", july) == -4 * hour);
  CHECK(at("<+0530>-5:30", july) == 5 * hour + 1800);
  CHECK(at("<-03>3<-02>,J60/0,J300/0", july) == -2 * hour);
  CHECK(at("<-03>3<-02>,59/0,299/0", january) == -3 * hour);
  CHECK(at("nonsense", july) == 0); // no rule: as last listed
}

TEST_CASE("time zone: what is no zone file, and what is no name", "[time][zone]") {
  const std::string good = file({{1000, 1}}, {0, hour}, "UTC0");
  for (size_t n = 0; n + 7 < good.size(); ++n)
    CHECK_FALSE(time_zone::parse(good.substr(0, n)));
  CHECK_FALSE(time_zone::parse(file({{1000, 7}}, {0}, "UTC0")));
  CHECK_FALSE(time_zone::parse(file({{1000, 0}, {1000, 0}}, {0}, "UTC0")));
  CHECK_FALSE(time_zone::parse(file({}, {100 * hour}, "UTC0")));
  CHECK_FALSE(time_zone::parse("TZif" + std::string(40, '\xff')));
  CHECK(is_zone_name("America/Argentina/Buenos_Aires"));
  CHECK(is_zone_name("Etc/GMT+5"));
  for (const char* bad : {"", "/etc/passwd", "../../etc/passwd", "Europe/Ber lin", "a\nb", "."})
    CHECK_FALSE(is_zone_name(bad));
}
