// decode(encode(x)) is x for keys and seeds of every role, what is decoded is written the same way again, and a
// text with one other character is no key. Agrees with a second implementation that works bit by bit, and that finds
// keys of small order by calculating with them instead of by a list.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sodium.h>

#include "protocol/auth/nkey.hpp"

namespace {

using namespace troupe;
using bits = std::vector<bool>;

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

struct role_name {
  nkey_role role;
  char first;  // of a public key, and the second character of a seed
};
constexpr role_name roles[] = {{nkey_role::account, 'A'},   {nkey_role::cluster, 'C'}, {nkey_role::server, 'N'},
                               {nkey_role::operator_, 'O'}, {nkey_role::user, 'U'},    {nkey_role::curve, 'X'}};

void require(bool holds) {
  if (!holds) __builtin_trap();
}

// -- the second implementation ---------------------------------------------------------------------

void append(bits& to, unsigned value, unsigned count) {
  while (count-- > 0) to.push_back((value >> count & 1) != 0);
}
unsigned number(const bits& from, size_t at, unsigned count) {
  unsigned value = 0;
  for (; count-- > 0; ++at) value = value << 1 | (at < from.size() && from[at] ? 1U : 0U);
  return value;
}
unsigned digit_of(char letter) { return static_cast<unsigned>(alphabet.find(letter)); }

/// The rest of a division of polynomials.
unsigned checksum(bits message) {
  const size_t n = message.size();
  message.resize(n + 16);
  for (size_t i = 0; i < n; ++i)
    if (message[i])
      for (const size_t term : {0, 4, 11, 16}) message[i + term] = !message[i + term];
  return number(message, n, 16);
}

std::string written(bits text) {
  const unsigned crc = checksum(text);
  append(text, crc & 0xff, 8);
  append(text, crc >> 8, 8);
  std::string out;
  for (size_t at = 0; at < text.size(); at += 5) out += alphabet[number(text, at, 5)];
  return out;
}

std::string write_public(role_name role, const nkey_public& key) {
  bits text;
  append(text, digit_of(role.first), 5);
  append(text, 0, 3);
  for (const uint8_t byte : key) append(text, byte, 8);
  return written(std::move(text));
}
std::string write_seed(role_name role, const nkey_public& seed) {
  bits text;
  append(text, digit_of('S'), 5);
  append(text, digit_of(role.first), 5);
  append(text, 0, 6);
  for (const uint8_t byte : seed) append(text, byte, 8);
  return written(std::move(text));
}

/// Eight times the point is no point.
bool has_small_order(nkey_public key) {
  for (int i = 0; i < 3; ++i)
    if (crypto_core_ed25519_add(key.data(), key.data(), key.data()) != 0) return false;
  return key == nkey_public{1};
}

/// Looks at what the text says and whether it would be written like that.
std::optional<decoded_public_nkey> read(std::string_view text, bool seed) {
  bits all;
  for (const char c : text) {
    if (alphabet.find(c) == std::string_view::npos) return {};
    append(all, digit_of(c), 5);
  }
  const size_t start = seed ? 16 : 8;
  const char letter = text.size() < 2 ? '\0' : text[seed ? 1 : 0];
  decoded_public_nkey out{};
  for (size_t i = 0; i < out.key.size(); ++i)
    out.key[i] = static_cast<uint8_t>(number(all, start + 8 * i, 8));
  for (const role_name& role : roles) {
    if (role.first != letter || text != (seed ? write_seed(role, out.key) : write_public(role, out.key))) continue;
    out.role = role.role;
    if (!seed && role.role != nkey_role::curve && has_small_order(out.key)) return {};
    return out;
  }
  return {};
}

// -- properties ------------------------------------------------------------------------------------

bool same(const result<decoded_public_nkey>& got, const std::optional<decoded_public_nkey>& expected) {
  if (got && expected) return got->role == expected->role && got->key == expected->key;
  return !got && !expected && got.error().code == errc::malformed;
}

void check_text(std::string_view text) {
  const auto key = decode_public_nkey(text);
  require(same(key, read(text, false)));
  if (key) require(encode_public_nkey(key->role, key->key) == text);
  for (const role_name& role : roles) require(is_public_nkey(text, role.role) == (key && key->role == role.role));
  const auto seed = decode_nkey_seed(text);
  require(same(seed, read(text, true)));
  const auto pair = nkey_pair::from_seed(text);
  require(pair.operator bool() == (seed && seed->role != nkey_role::curve));
  if (seed && pair) require(pair->seed() == text && pair->role() == seed->role);
  const auto raw = base32_decode(text);
  if (raw) require(base32_encode({reinterpret_cast<const uint8_t*>(raw->data()), raw->size()}) == text);
}

/// No other letter in this place makes a key of it, nor one that is no letter of the alphabet.
void check_altered(std::string text, size_t place, uint8_t by) {
  char& c = text[place % text.size()];
  const char strange = by == static_cast<uint8_t>(c) ? '=' : static_cast<char>(by);
  c = place < 128 ? alphabet[(digit_of(c) + 1 + by % 31) % 32] : strange;
  require(!decode_public_nkey(text) && !decode_nkey_seed(text));
}

void check_key(role_name role, const nkey_public& bytes, size_t place, uint8_t by) {
  const std::string text = encode_public_nkey(role.role, bytes);
  require(text == write_public(role, bytes) && text.size() == nkey_public_chars && text[0] == role.first);
  const auto back = decode_public_nkey(text);
  require(back ? back->role == role.role && back->key == bytes
               : role.role != nkey_role::curve && has_small_order(bytes));
  check_altered(text, place, by);
  const std::string seed = write_seed(role, bytes);
  require(seed.size() == nkey_seed_chars && seed[0] == 'S' && seed[1] == role.first);
  check_altered(seed, place, by);
  check_text(seed);
  if (role.role != nkey_role::curve) require(nkey_pair::from_raw_seed(role.role, bytes).seed() == seed);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t head = nkey_bytes + 2;
  if (size < head || size > 4096) return 0;
  nkey_public bytes;
  std::copy_n(data, bytes.size(), bytes.begin());
  for (const role_name& role : roles) check_key(role, bytes, data[nkey_bytes], data[nkey_bytes + 1]);
  check_text({reinterpret_cast<const char*>(data) + head, size - head});
  const auto raw = base32_decode(base32_encode({data, size}));
  require(raw && std::equal(raw->begin(), raw->end(), data, data + size,
                            [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }));
  return 0;
}
