#include "protocol/utf8.hpp"

namespace troupe {
namespace {

/// Bytes of the sequence that `lead` opens and the bits it contributes; 0 bytes: opens none.
struct lead_byte {
  uint8_t bytes;
  char32_t bits;
  char32_t least; // below it the form is overlong
};

lead_byte classify(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {2, lead & 0x1FU, 0x80};
  if (lead >= 0xE0 && lead <= 0xEF) return {3, lead & 0x0FU, 0x800};
  if (lead >= 0xF0 && lead <= 0xF4) return {4, lead & 0x07U, 0x10000};
  return {0, 0, 0};
}

} // namespace

decoded_rune decode_rune(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return {first, 1, true};
  const lead_byte lead = classify(first);
  if (lead.bytes == 0 || text.size() < lead.bytes) return {};
  char32_t rune = lead.bits;
  for (size_t i = 1; i < lead.bytes; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c & 0xC0) != 0x80) return {};
    rune = rune << 6 | (c & 0x3FU);
  }
  const bool surrogate = rune >= 0xD800 && rune <= 0xDFFF;
  if (rune < lead.least || rune > 0x10FFFF || surrogate) return {};
  return {rune, lead.bytes, true};
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const decoded_rune r = decode_rune(text);
    out += r.valid ? text.substr(0, r.bytes) : replacement_utf8;
    text.remove_prefix(r.bytes);
  }
  return out;
}

} // namespace troupe
