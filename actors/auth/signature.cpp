#include "actors/auth/signature.hpp"

#include <sodium.h>

#include <optional>
#include <string>

#include "actors/auth/secret_check.hpp"
#include "protocol/auth/nkey.hpp"

namespace troupe {

namespace {

std::optional<std::string> decode_signature(std::string_view text) {
  constexpr size_t longest = 512;
  if (text.size() > longest) return {};
  // libsodium takes some bytes above 0x7f for digits.
  for (const char c : text)
    if (static_cast<unsigned char>(c) > 0x7f) return {};
  for (int variant : {sodium_base64_VARIANT_URLSAFE_NO_PADDING, sodium_base64_VARIANT_ORIGINAL}) {
    std::string raw(text.size(), '\0');
    size_t n = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(raw.data()), raw.size(), text.data(),
                          text.size(), nullptr, &n, nullptr, variant) == 0) {
      raw.resize(n);
      return raw;
    }
  }
  return {};
}

} // namespace

bool signed_nonce(std::string_view public_key, std::string_view signature, std::string_view nonce) {
  const auto key = decode_public_nkey(public_key);
  const auto sig = decode_signature(signature);
  if (!key || !sig || sig->size() != nkey_signature_bytes || nonce.empty()) return false;
  ++effort_of_this_thread().signatures;
  return verify_nkey(key->key, nonce,
                     {reinterpret_cast<const uint8_t*>(sig->data()), sig->size()});
}

std::string signing_proxy(const std::vector<std::string>& trusted, std::string_view signature,
                          std::string_view nonce) {
  for (const std::string& key : trusted)
    if (signed_nonce(key, signature, nonce)) return key;
  return {};
}

} // namespace troupe
