#include "protocol/base64.hpp"

#include <sodium.h>

#include <algorithm>

namespace troupe {

namespace {

constexpr int variant = sodium_base64_VARIANT_ORIGINAL;

/// libsodium takes some bytes above 0x7f for digits.
bool is_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+'
         || c == '/' || c == '=';
}

} // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  out.pop_back(); // the terminating zero
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), is_digit)) return {};
  std::string out(text.size() / 4 * 3 + 3, '\0');
  size_t written = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &written, nullptr, variant)
      != 0)
    return {};
  out.resize(written);
  return out;
}

} // namespace troupe
