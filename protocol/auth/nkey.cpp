#include "protocol/auth/nkey.hpp"

#include <algorithm>
#include <vector>

#include <sodium.h>

namespace troupe {
namespace {

constexpr std::string_view base32_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr uint8_t seed_prefix = 18 << 3; // S
constexpr size_t crc_bytes = 2;

constexpr std::array all_roles{nkey_role::account,   nkey_role::cluster, nkey_role::server,
                               nkey_role::operator_, nkey_role::user,    nkey_role::curve};

bool is_role(uint8_t prefix) {
  return std::any_of(all_roles.begin(), all_roles.end(),
                     [prefix](nkey_role r) { return static_cast<uint8_t>(r) == prefix; });
}

error malformed(const char* why) { return {errc::malformed, why}; }

/// Appends the checksum and writes the whole in base32.
std::string seal(std::vector<uint8_t> bytes) {
  const uint16_t crc = crc16(bytes);
  bytes.push_back(static_cast<uint8_t>(crc & 0xFF));
  bytes.push_back(static_cast<uint8_t>(crc >> 8));
  std::string text = base32_encode(bytes);
  sodium_memzero(bytes.data(), bytes.size());
  return text;
}

/// Undoes `seal`: the bytes without their checksum, which must be right.
result<std::vector<uint8_t>> unseal(std::string_view text) {
  const result<std::string> decoded = base32_decode(text);
  if (!decoded) return decoded.error();
  std::vector<uint8_t> bytes(decoded->begin(), decoded->end());
  if (bytes.size() <= crc_bytes) return malformed("nkey: too short");
  const size_t n = bytes.size() - crc_bytes;
  const uint16_t stored = static_cast<uint16_t>(bytes[n] | bytes[n + 1] << 8);
  bytes.resize(n);
  if (crc16(bytes) != stored) return malformed("nkey: wrong checksum");
  return bytes;
}

} // namespace

uint16_t crc16(std::span<const uint8_t> bytes) {
  unsigned crc = 0;
  for (const uint8_t byte : bytes) {
    crc ^= unsigned{byte} << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    crc &= 0xFFFF;
  }
  return static_cast<uint16_t>(crc);
}

std::string base32_encode(std::span<const uint8_t> bytes) {
  std::string out;
  out.reserve((bytes.size() * 8 + 4) / 5);
  unsigned held = 0;
  unsigned bits = 0;
  for (const uint8_t byte : bytes) {
    held = (held << 8 | byte) & 0xFFFF;
    bits += 8;
    for (; bits >= 5; bits -= 5)
      out += base32_alphabet[(held >> (bits - 5)) & 31];
  }
  if (bits > 0) out += base32_alphabet[(held << (5 - bits)) & 31];
  return out;
}

result<std::string> base32_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 5 / 8);
  unsigned held = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const size_t digit = base32_alphabet.find(c);
    if (digit == std::string_view::npos) return malformed("base32: unexpected character");
    held = (held << 5 | static_cast<unsigned>(digit)) & 0xFFFF;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>((held >> bits) & 0xFF);
    }
  }
  // 5 and more bits over: a character that no encoder writes. Fewer are zero: there is one text for some bytes.
  if (bits >= 5) return malformed("base32: impossible length");
  if ((held & ((1U << bits) - 1)) != 0) return malformed("base32: bits left over");
  return out;
}

std::string encode_public_nkey(nkey_role role, const nkey_public& key) {
  std::vector<uint8_t> bytes{static_cast<uint8_t>(role)};
  bytes.insert(bytes.end(), key.begin(), key.end());
  return seal(std::move(bytes));
}

namespace {

/// The points of small order on the curve, by their y in either spelling; the sign of x does not matter. A
/// key among them would be the key of many signatures.
bool has_small_order(const nkey_public& key) {
  using bytes = std::array<uint8_t, nkey_bytes>;
  static constexpr auto near_p = [](uint8_t first) {
    bytes out{};
    out.fill(0xff);
    out[0] = first;
    out[nkey_bytes - 1] = 0x7f;
    return out;
  };
  static constexpr bytes points[] = {
    {},                                             // 0
    {1},                                            // 1
    near_p(0xec), near_p(0xed), near_p(0xee),       // p - 1, p, p + 1
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}};
  nkey_public y = key;
  y.back() &= 0x7f;
  return std::any_of(std::begin(points), std::end(points),
                     [&](const bytes& one) { return std::equal(one.begin(), one.end(), y.begin()); });
}

} // namespace

result<decoded_public_nkey> decode_public_nkey(std::string_view text) {
  if (text.size() != nkey_public_chars) return malformed("nkey: wrong length");
  const auto bytes = unseal(text);
  if (!bytes) return bytes.error();
  if (bytes->size() != 1 + nkey_bytes || !is_role((*bytes)[0])) {
    return malformed("nkey: unknown prefix");
  }
  decoded_public_nkey key{static_cast<nkey_role>((*bytes)[0]), {}};
  std::copy(bytes->begin() + 1, bytes->end(), key.key.begin());
  if (key.role != nkey_role::curve && has_small_order(key.key))
    return malformed("nkey: no key of a signer");
  return key;
}

bool is_public_nkey(std::string_view text, nkey_role role) {
  const auto key = decode_public_nkey(text);
  return key && key->role == role;
}

nkey_pair nkey_pair::generate(nkey_role role) {
  std::array<uint8_t, nkey_bytes> seed;
  randombytes_buf(seed.data(), seed.size());
  nkey_pair pair = from_raw_seed(role, seed);
  sodium_memzero(seed.data(), seed.size());
  return pair;
}

nkey_pair nkey_pair::from_raw_seed(nkey_role role, const std::array<uint8_t, nkey_bytes>& seed) {
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  nkey_pair pair;
  pair.role_ = role;
  pair.seed_ = seed;
  crypto_sign_seed_keypair(pair.public_.data(), secret.data(), seed.data());
  sodium_memzero(secret.data(), secret.size());
  return pair;
}

result<decoded_public_nkey> decode_nkey_seed(std::string_view seed_text) {
  if (seed_text.size() != nkey_seed_chars) return malformed("nkey seed: wrong length");
  auto bytes = unseal(seed_text);
  if (!bytes) return bytes.error();
  if (bytes->size() != 2 + nkey_bytes) return malformed("nkey seed: wrong length");
  // The role's five bits straddle the first two bytes, behind those of the seed prefix.
  const uint8_t first = (*bytes)[0];
  const uint8_t role = static_cast<uint8_t>((first & 7) << 5 | ((*bytes)[1] & 0xF8) >> 3);
  if ((first & 0xF8) != seed_prefix || !is_role(role) || ((*bytes)[1] & 7) != 0)
    return malformed("nkey seed: wrong prefix");
  decoded_public_nkey seed{static_cast<nkey_role>(role), {}};
  std::copy(bytes->begin() + 2, bytes->end(), seed.key.begin());
  sodium_memzero(bytes->data(), bytes->size());
  return seed;
}

result<nkey_pair> nkey_pair::from_seed(std::string_view seed_text) {
  auto seed = decode_nkey_seed(seed_text);
  if (!seed) return seed.error();
  if (seed->role == nkey_role::curve) return malformed("nkey seed: a curve key cannot sign");
  nkey_pair pair = from_raw_seed(seed->role, seed->key);
  sodium_memzero(seed->key.data(), seed->key.size());
  return pair;
}

nkey_pair::~nkey_pair() { sodium_memzero(seed_.data(), seed_.size()); }

std::string nkey_pair::public_key() const { return encode_public_nkey(role_, public_); }

std::string nkey_pair::seed() const {
  const unsigned role = static_cast<uint8_t>(role_);
  std::vector<uint8_t> bytes{static_cast<uint8_t>(seed_prefix | role >> 5),
                             static_cast<uint8_t>((role & 31) << 3)};
  bytes.insert(bytes.end(), seed_.begin(), seed_.end());
  return seal(std::move(bytes));
}

nkey_signature nkey_pair::sign(std::string_view message) const {
  // libsodium's secret key is the seed followed by the public key.
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  std::copy(seed_.begin(), seed_.end(), secret.begin());
  std::copy(public_.begin(), public_.end(), secret.begin() + nkey_bytes);
  nkey_signature signature;
  crypto_sign_detached(signature.data(), nullptr,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                       secret.data());
  sodium_memzero(secret.data(), secret.size());
  return signature;
}

bool verify_nkey(const nkey_public& key, std::string_view message,
                 std::span<const uint8_t> signature) {
  if (signature.size() != nkey_signature_bytes) return false;
  return crypto_sign_verify_detached(signature.data(),
                                     reinterpret_cast<const unsigned char*>(message.data()),
                                     message.size(), key.data())
         == 0;
}

} // namespace troupe
