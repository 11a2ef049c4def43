// From where and when a user may connect.
//
// Pure: the address, the time and the zones are arguments.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "protocol/auth/claims.hpp"

namespace troupe {

/// Seconds east of UTC at a time in an IANA zone; nothing if there is no such zone. The empty name
/// is the server's own zone.
using zone_offset = std::function<std::optional<int64_t>(std::string_view zone, int64_t unix_s)>;

/// An address with the length of its network; an IPv4 one is kept as ::ffff:a.b.c.d.
struct ip_network {
  std::array<uint8_t, 16> address{};
  unsigned bits = 0; // of 128
};
std::optional<ip_network> parse_cidr(std::string_view text);
std::optional<std::array<uint8_t, 16>> parse_ip(std::string_view text);

/// Whether the address lies in one of the networks; without networks, every one does.
bool source_allowed(const claim_strings& cidrs, std::string_view host);

/// "15:04:05" in seconds since midnight.
std::optional<int64_t> parse_time_of_day(std::string_view text);

struct time_verdict {
  bool allowed = false;
  int64_t valid_for_s = 0; // 0: for ever
};
/// Whether `now_s` is in one of the ranges, which may cross midnight, and how long it stays so.
time_verdict time_allowed(const user_permission_limits& limits, int64_t now_s,
                          const zone_offset& zones);

} // namespace troupe
