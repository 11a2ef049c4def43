#include "protocol/auth/user_limits.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace troupe {
namespace {

constexpr int64_t day_s = 24 * 60 * 60;
constexpr unsigned mapped_bits = 96; // of ::ffff:0:0/96
constexpr unsigned all_bits = 128;

std::optional<unsigned> number(std::string_view text, unsigned max) {
  unsigned n = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc() || end != text.data() + text.size() || n > max) return {};
  return n;
}

bool is_mapped(const std::array<uint8_t, 16>& address) {
  return std::all_of(address.begin(), address.begin() + 10, [](uint8_t b) { return b == 0; })
         && address[10] == 0xff && address[11] == 0xff;
}

bool contains(const ip_network& network, const std::array<uint8_t, 16>& address) {
  const size_t whole = network.bits / 8;
  if (!std::equal(address.begin(), address.begin() + static_cast<ptrdiff_t>(whole),
                  network.address.begin()))
    return false;
  const unsigned rest = network.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return (address[whole] & mask) == (network.address[whole] & mask);
}

} // namespace

std::optional<std::array<uint8_t, 16>> parse_ip(std::string_view text) {
  constexpr size_t longest = 45;
  if (text.size() > longest) return {};
  const std::string terminated(text);
  std::array<uint8_t, 16> address{};
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  std::array<uint8_t, 4> four{};
  if (inet_pton(AF_INET, terminated.c_str(), four.data()) != 1) return {};
  address = {};
  address[10] = address[11] = 0xff;
  std::copy(four.begin(), four.end(), address.begin() + 12);
  return address;
}

std::optional<ip_network> parse_cidr(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view address_text = text.substr(0, slash);
  const auto address = parse_ip(address_text);
  const bool four = address_text.find(':') == std::string_view::npos;
  const auto bits = number(text.substr(slash + 1), four ? all_bits - mapped_bits : all_bits);
  if (!address || !bits) return {};
  return ip_network{*address, four ? *bits + mapped_bits : *bits};
}

bool source_allowed(const claim_strings& cidrs, std::string_view host) {
  if (cidrs.empty()) return true;
  const auto address = parse_ip(host);
  if (!address) return false;
  for (const std::string& text : cidrs) {
    const auto network = parse_cidr(text);
    if (!network) return false;
    // An IPv6 network never holds an IPv4 address, not even ::/0.
    const bool same_family = is_mapped(*address) == (network->bits >= mapped_bits
                                                     && is_mapped(network->address));
    if (same_family && contains(*network, *address)) return true;
  }
  return false;
}

std::optional<int64_t> parse_time_of_day(std::string_view text) {
  if (text.size() < 7 || text.size() > 8) return {};
  const size_t hours = text.size() - 6; // "9:04:05" is read as well
  if (text[hours] != ':' || text[hours + 3] != ':') return {};
  const auto h = number(text.substr(0, hours), 23);
  const auto m = number(text.substr(hours + 1, 2), 59);
  const auto s = number(text.substr(hours + 4, 2), 59);
  if (!h || !m || !s) return {};
  return int64_t{*h} * 3600 + int64_t{*m} * 60 + *s;
}

time_verdict time_allowed(const user_permission_limits& limits, int64_t now_s,
                          const zone_offset& zones) {
  if (limits.times.empty()) return {true, 0};
  const auto offset = zones(limits.locale, now_s);
  if (!offset) return {};
  const int64_t local = now_s + *offset;
  const int64_t midnight = local - ((local % day_s) + day_s) % day_s;
  // A local time is what the zone's offset at about that time makes of it.
  const auto moment = [&](int64_t local_time) {
    return local_time - zones(limits.locale, local_time - *offset).value_or(*offset);
  };
  time_verdict best;
  const auto offer = [&](int64_t start, int64_t end) {
    if (start > now_s || end <= now_s) return;
    best.allowed = true;
    best.valid_for_s = std::max(best.valid_for_s, end - now_s);
  };
  for (const claim_time_range& range : limits.times) {
    const auto start = parse_time_of_day(range.start);
    const auto end = parse_time_of_day(range.end);
    if (!start || !end) return {};
    if (*start <= *end) {
      offer(moment(midnight + *start), moment(midnight + *end));
      continue;
    }
    offer(moment(midnight + *start - day_s), moment(midnight + *end));
    offer(moment(midnight + *start), moment(midnight + *end + day_s));
  }
  return best;
}

} // namespace troupe
