// Curve keys ("X..."): what the node and an authorization service seal messages to each other with.
//
// X25519 with XSalsa20-Poly1305 as nkeys does it: "xkv1", a nonce of 24 bytes, the box. Errors:
// `malformed` for what is no key or no sealed text, `unauthorized` where a box does not open or a
// key is not fit to keep a secret (all zero, attack case 31; of small order). Needs libsodium;
// generating and sealing read the system's randomness.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "protocol/auth/nkey.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// A private curve key and its public half. Wipes itself when it goes.
class curve_key {
public:
  static curve_key generate();
  static result<curve_key> from_seed(std::string_view seed_text);
  static result<curve_key> from_raw_seed(const std::array<uint8_t, nkey_bytes>& seed);

  curve_key(const curve_key&) = default;
  curve_key& operator=(const curve_key&) = default;
  ~curve_key();

  std::string public_key() const;
  /// For whoever has this public key.
  result<std::string> seal(std::string_view text, std::string_view recipient) const;
  /// From whoever has this public key.
  result<std::string> open(std::string_view sealed, std::string_view sender) const;

private:
  curve_key() = default;

  std::array<uint8_t, nkey_bytes> secret_{};
  nkey_public public_{};
};

} // namespace troupe
