#include "protocol/client/proxy_header.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <vector>

#include "protocol/client/go_quote.hpp"

namespace troupe {

namespace {

constexpr std::string_view text_prefix = "PROXY ";
constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::string_view blanks = " \t\n\v\f\r";
constexpr size_t fixed_bytes = 16;  // signature, version and command, family and transport, length

enum command : uint8_t { local = 0, proxied = 1 };
enum family : uint8_t { unspecified = 0x00, inet = 0x10, inet6 = 0x20 };

using ip_bytes = std::array<uint8_t, 16>;

uint8_t octet(std::string_view s, size_t at) { return static_cast<uint8_t>(s[at]); }

unsigned big_endian(std::string_view s, size_t at) {
  return unsigned{octet(s, at)} << 8 | octet(s, at + 1);
}

std::string hex_byte(uint8_t v) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", v);
  return text;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (size_t at = line.find_first_not_of(blanks); at < line.size();) {
    const size_t end = std::min(line.find_first_of(blanks, at), line.size());
    out.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(blanks, end);
  }
  return out;
}

std::optional<ip_bytes> ip_of(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return {};
  const std::string terminated(text);
  ip_bytes ip{};
  if (inet_pton(AF_INET6, terminated.c_str(), ip.data()) == 1) return ip;
  ip[10] = ip[11] = 0xff;
  if (inet_pton(AF_INET, terminated.c_str(), &ip[12]) == 1) return ip;
  return {};
}

std::string four_text(const uint8_t* b) {
  std::string out;
  for (int i = 0; i < 4; ++i) out += (i ? "." : "") + std::to_string(b[i]);
  return out;
}

/// RFC 5952, but an IPv4-mapped address as IPv4 and no other with dots: so Go prints them.
std::string ip_text(const ip_bytes& ip) {
  constexpr std::array<uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(mapped.begin(), mapped.end(), ip.begin())) return four_text(&ip[12]);
  std::array<unsigned, 8> groups{};
  for (size_t i = 0; i < 8; ++i) groups[i] = unsigned{ip[2 * i]} << 8 | ip[2 * i + 1];
  size_t run_at = 8, run = 1;  // the first of the longest runs of zeros, of two at least
  for (size_t i = 0; i < 8; ++i) {
    size_t n = 0;
    while (i + n < 8 && groups[i + n] == 0) ++n;
    if (n > run) run_at = i, run = n;
  }
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    if (i == run_at) {
      out += "::";
      i += run - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    char group[5];
    out.append(group, std::to_chars(group, group + sizeof group, groups[i], 16).ptr);
  }
  return out;
}

/// As strconv.ParseUint(text, 10, 16) reads and complains.
std::optional<uint16_t> port_of(std::string_view text, std::string& problem) {
  const auto complain = [&](std::string_view what) {
    problem = "strconv.ParseUint: parsing " + go_quote(text) + ": " + std::string(what);
    return std::nullopt;
  };
  uint64_t v = 0;
  bool too_large = false;
  for (const char c : text) {
    if (c < '0' || c > '9') return complain("invalid syntax");
    v = v * 10 + static_cast<unsigned>(c - '0');
    too_large = too_large || v > UINT16_MAX;
    if (too_large) v = UINT16_MAX;
  }
  if (too_large) return complain("value out of range");
  return static_cast<uint16_t>(v);
}

std::string invalid(std::string_view why) {
  return "invalid PROXY protocol header: " + std::string(why);
}

std::string unsupported(std::string_view why) {
  return "unsupported PROXY protocol feature: " + std::string(why);
}

} // namespace

size_t proxy_header_reader::wanted() const {
  if (state_ != state::more) return 0;
  return part_ == part::skipped ? skip_ : part_end_ - head_.size();
}

size_t proxy_header_reader::feed(std::string_view bytes) {
  const size_t all = bytes.size();
  while (state_ == state::more && !bytes.empty()) {
    const size_t n = std::min(bytes.size(), wanted());
    size_t used = n;
    if (part_ == part::skipped) {
      skip_ -= n;
      if (skip_ == 0) state_ = state::done;
    } else {
      const size_t before = head_.size();
      head_.append(bytes.substr(0, n));
      if (part_ == part::text) used = complete_text(before);
      else if (head_.size() == part_end_) complete_part();
    }
    bytes.remove_prefix(used);
  }
  taken_ += all - bytes.size();
  return all - bytes.size();
}

/// Looks for the end of the line; returns how many of the bytes behind `before` are part of it.
size_t proxy_header_reader::complete_text(size_t before) {
  const size_t from = std::max(before, text_prefix.size() + 1) - 1;
  const size_t end = head_.find("\r\n", from);
  if (end == std::string::npos) {
    if (head_.size() == max_text_bytes) fail(invalid("v1 line too long"));
    return head_.size() - before;
  }
  head_.resize(end + 2);
  read_text_line(std::string_view(head_).substr(text_prefix.size(), end - text_prefix.size()));
  return head_.size() - before;
}

void proxy_header_reader::complete_part() {
  switch (part_) {
    case part::version:
      if (head_ == text_prefix) {
        part_ = part::text;
        part_end_ = max_text_bytes;
      } else if (head_ == signature.substr(0, recognised_bytes)) {
        part_ = part::signature;
        part_end_ = signature.size();
      } else {
        state_ = state::unrecognised;
      }
      break;
    case part::signature:
      if (head_ != signature) return fail(invalid("invalid signature"));
      part_ = part::fixed;
      part_end_ = fixed_bytes;
      break;
    case part::fixed: read_fixed(); break;
    case part::addresses: read_addresses(); break;
    case part::text:
    case part::skipped: break;
  }
}

void proxy_header_reader::read_text_line(std::string_view line) {
  const std::vector<std::string_view> parts = fields_of(line);
  if (parts.empty()) return fail(invalid("invalid v1 format"));
  if (parts[0] == "UNKNOWN") {
    state_ = state::done;
    return;
  }
  if (parts.size() != 5) return fail(invalid("invalid v1 format"));
  const auto source = ip_of(parts[1]), target = ip_of(parts[2]);
  if (!source || !target) return fail(invalid("invalid address"));
  std::string problem;
  const auto port = port_of(parts[3], problem);
  if (!port) return fail("invalid source port: " + problem);
  if (!port_of(parts[4], problem)) return fail("invalid dest port: " + problem);

  const auto is_six = [&](size_t i) { return parts[i].find(':') != std::string_view::npos; };
  if (parts[0] == "TCP4") {
    if (is_six(1) || is_six(2)) return fail(invalid("TCP4 with IPv6 address"));
  } else if (parts[0] == "TCP6") {
    if (!is_six(1) || !is_six(2)) return fail(invalid("TCP6 with IPv4 address"));
  } else {
    return fail(invalid("invalid protocol " + std::string(parts[0])));
  }
  source_ = address{ip_text(*source), *port};
  state_ = state::done;
}

void proxy_header_reader::read_fixed() {
  const uint8_t version = octet(head_, 12) & 0xf0, command = octet(head_, 12) & 0x0f;
  const uint8_t family = octet(head_, 13) & 0xf0, transport = octet(head_, 13) & 0x0f;
  skip_ = big_endian(head_, 14);
  if (version != 0x20) return fail(invalid("invalid version " + hex_byte(version)));
  if (command == local) return skip_or_end();
  if (command != proxied) return fail("unknown PROXY protocol command: " + hex_byte(command));
  constexpr uint8_t stream = 1;
  if (transport != stream) return fail(unsupported("only STREAM protocol supported"));
  if (family == unspecified) return skip_or_end();
  if (family != inet && family != inet6)
    return fail(unsupported("unsupported address family " + hex_byte(family)));
  const size_t needed = family == inet ? 12 : 36;
  if (skip_ < needed)
    return fail((family == inet ? "IPv4" : "IPv6") + std::string(" address data too short: ")
                + std::to_string(skip_) + " bytes");
  skip_ -= needed;
  part_ = part::addresses;
  part_end_ = fixed_bytes + needed;
}

void proxy_header_reader::read_addresses() {
  ip_bytes ip{};
  if ((octet(head_, 13) & 0xf0) == inet) {
    ip[10] = ip[11] = 0xff;
    std::copy_n(head_.begin() + fixed_bytes, 4, ip.begin() + 12);
    source_ = address{ip_text(ip), static_cast<uint16_t>(big_endian(head_, fixed_bytes + 8))};
  } else {
    std::copy_n(head_.begin() + fixed_bytes, 16, ip.begin());
    source_ = address{ip_text(ip), static_cast<uint16_t>(big_endian(head_, fixed_bytes + 32))};
  }
  skip_or_end();
}

void proxy_header_reader::skip_or_end() {
  part_ = part::skipped;
  if (skip_ == 0) state_ = state::done;
}

void proxy_header_reader::fail(std::string why) {
  failure_ = std::move(why);
  source_.reset();
  state_ = state::failed;
}

std::string proxy_header_reader::interrupted(std::string_view why) const {
  const auto text = [&](std::string_view what, bool at_start) {
    const std::string_view end = at_start ? "EOF" : "unexpected EOF";
    return "failed to " + std::string(what) + ": " + std::string(why.empty() ? end : why);
  };
  const size_t kept = head_.size();
  switch (part_) {
    case part::version: return text("read protocol version", kept == 0);
    case part::text: return text("read v1 line", true);
    case part::signature: return text("read v2 signature", kept == recognised_bytes);
    case part::fixed: return text("read v2 header", kept == signature.size());
    case part::addresses:
    case part::skipped: break;
  }
  if ((octet(head_, 12) & 0x0f) == local) return text("discard LOCAL command address data", true);
  const uint8_t family = octet(head_, 13) & 0xf0;
  if (family == unspecified) return text("discard UNSPEC address address data", true);
  return text(family == inet ? "read IPv4 address data" : "read IPv6 address data",
              kept == fixed_bytes);
}

} // namespace troupe
