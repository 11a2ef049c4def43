#include "protocol/client/go_quote.hpp"

#include <algorithm>

#include "protocol/client/go_printable.hpp"
#include "protocol/utf8.hpp"

namespace troupe {
namespace {

constexpr std::string_view hex = "0123456789abcdef";

void append_hex(std::string& out, char32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += hex[(value >> shift) & 0xF];
}

void append_escaped(std::string& out, char32_t rune) {
  switch (rune) {
  case '"':
    out += "\\\"";
    return;
  case '\\':
    out += "\\\\";
    return;
  case '\a':
    out += "\\a";
    return;
  case '\b':
    out += "\\b";
    return;
  case '\f':
    out += "\\f";
    return;
  case '\n':
    out += "\\n";
    return;
  case '\r':
    out += "\\r";
    return;
  case '\t':
    out += "\\t";
    return;
  case '\v':
    out += "\\v";
    return;
  default:
    break;
  }
  if (rune < ' ' || rune == 0x7F) {
    out += "\\x";
    append_hex(out, rune, 2);
  } else if (rune < 0x10000) {
    out += "\\u";
    append_hex(out, rune, 4);
  } else {
    out += "\\U";
    append_hex(out, rune, 8);
  }
}

} // namespace

bool is_go_printable(char32_t rune) {
  if (rune < 0x80) return rune >= ' ' && rune < 0x7F;
  const auto after =
      std::upper_bound(detail::go_printable.begin(), detail::go_printable.end(), rune,
                       [](char32_t r, const detail::rune_range& range) { return r < range.first; });
  return after != detail::go_printable.begin() && rune <= std::prev(after)->last;
}

std::string go_quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const decoded_rune r = decode_rune(text);
    if (!r.valid) {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(text.front()), 2);
    } else if (r.rune == '"' || r.rune == '\\' || !is_go_printable(r.rune)) {
      append_escaped(out, r.rune);
    } else {
      out += text.substr(0, r.bytes);
    }
    text.remove_prefix(r.bytes);
  }
  out += '"';
  return out;
}

} // namespace troupe
