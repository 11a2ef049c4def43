// UTF-8 as Go decodes it, where bytes that are none have to be told apart one by one.
//
// Pure. Nothing here fails: what is no UTF-8 is reported as such, byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

inline constexpr char32_t replacement_rune = 0xFFFD;
inline constexpr std::string_view replacement_utf8 = "\xEF\xBF\xBD";

/// One decoded code point. An invalid byte gives `bytes` == 1 and `valid` == false.
struct decoded_rune {
  char32_t rune = replacement_rune;
  uint8_t bytes = 1;
  bool valid = false;
};

/// Decodes the code point at the front of `text`, which must not be empty. As Go: overlong forms,
/// surrogates and values over U+10FFFF are invalid.
decoded_rune decode_rune(std::string_view text);

/// `text` with each byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

} // namespace troupe
