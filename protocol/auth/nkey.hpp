// NKeys: Ed25519 keys in the text form that NATS uses for identities.
//
// A public key is a prefix byte, 32 key bytes and a CRC in base32, 56 characters whose first one
// names the role. A seed carries its role too and is 58 characters starting with S. Errors:
// `malformed` for text that is no key. Needs libsodium; generating reads the system's randomness.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/result.hpp"

namespace troupe {

/// What a key stands for. The values are the prefix bytes of the format.
enum class nkey_role : uint8_t {
  account = 0 << 3,    // A
  cluster = 2 << 3,    // C
  server = 13 << 3,    // N
  operator_ = 14 << 3, // O
  user = 20 << 3,      // U
  curve = 23 << 3,     // X
};

inline constexpr size_t nkey_bytes = 32;
inline constexpr size_t nkey_signature_bytes = 64;
inline constexpr size_t nkey_public_chars = 56;
inline constexpr size_t nkey_seed_chars = 58;

using nkey_public = std::array<uint8_t, nkey_bytes>;
using nkey_signature = std::array<uint8_t, nkey_signature_bytes>;

struct decoded_public_nkey {
  nkey_role role;
  nkey_public key;
};

std::string encode_public_nkey(nkey_role role, const nkey_public& key);
result<decoded_public_nkey> decode_public_nkey(std::string_view text);

/// A seed's role and its bytes, which the caller wipes.
result<decoded_public_nkey> decode_nkey_seed(std::string_view seed_text);

/// True if `text` is a well-formed public key of that role.
bool is_public_nkey(std::string_view text, nkey_role role);

/// A private key and its public half. Wipes its seed when it goes. Not for nkey_role::curve.
class nkey_pair {
public:
  /// A fresh random key.
  static nkey_pair generate(nkey_role role);
  static nkey_pair from_raw_seed(nkey_role role, const std::array<uint8_t, nkey_bytes>& seed);
  static result<nkey_pair> from_seed(std::string_view seed_text);

  nkey_pair(const nkey_pair&) = default;
  nkey_pair& operator=(const nkey_pair&) = default;
  ~nkey_pair();

  nkey_role role() const { return role_; }
  const nkey_public& raw_public_key() const { return public_; }
  std::string public_key() const;
  std::string seed() const;
  nkey_signature sign(std::string_view message) const;

private:
  nkey_pair() = default;

  nkey_role role_ = nkey_role::user;
  nkey_public public_{};
  std::array<uint8_t, nkey_bytes> seed_{};
};

/// True if `signature` is that of `message` by the key.
bool verify_nkey(const nkey_public& key, std::string_view message,
                 std::span<const uint8_t> signature);

/// A server's identity: its id is the public key, "N" and 55 characters more.
inline nkey_pair generate_server_identity() { return nkey_pair::generate(nkey_role::server); }

/// CRC-16/XMODEM, the checksum inside keys.
uint16_t crc16(std::span<const uint8_t> bytes);

/// RFC 4648 base32 without padding. Decoding gives `malformed` for other characters, and for any text that encoding
/// would not write.
std::string base32_encode(std::span<const uint8_t> bytes);
result<std::string> base32_decode(std::string_view text);

} // namespace troupe
