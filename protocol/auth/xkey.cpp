#include "protocol/auth/xkey.hpp"

#include <algorithm>

#include <sodium.h>

namespace troupe {
namespace {

constexpr std::string_view version_mark = "xkv1";
constexpr size_t overhead = version_mark.size() + crypto_box_NONCEBYTES + crypto_box_MACBYTES;

const unsigned char* bytes_of(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}
unsigned char* bytes_of(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }

bool all_zero(const std::array<uint8_t, nkey_bytes>& key) {
  return sodium_is_zero(key.data(), key.size()) == 1;
}

error unfit() { return {errc::unauthorized, "xkey: a key that cannot keep a secret"}; }

result<nkey_public> decode_curve_key(std::string_view text) {
  const auto decoded = decode_public_nkey(text);
  if (!decoded) return decoded.error();
  if (decoded->role != nkey_role::curve) return error{errc::malformed, "xkey: not a curve key"};
  if (all_zero(decoded->key)) return unfit();
  return decoded->key;
}

} // namespace

curve_key::~curve_key() { sodium_memzero(secret_.data(), secret_.size()); }

curve_key curve_key::generate() {
  std::array<uint8_t, nkey_bytes> seed{};
  do {
    randombytes_buf(seed.data(), seed.size());
  } while (all_zero(seed));
  curve_key key = *from_raw_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

result<curve_key> curve_key::from_raw_seed(const std::array<uint8_t, nkey_bytes>& seed) {
  if (all_zero(seed)) return unfit();
  curve_key key;
  key.secret_ = seed;
  if (crypto_scalarmult_base(key.public_.data(), key.secret_.data()) != 0) return unfit();
  return key;
}

result<curve_key> curve_key::from_seed(std::string_view seed_text) {
  auto seed = decode_nkey_seed(seed_text);
  if (!seed) return seed.error();
  if (seed->role != nkey_role::curve) return error{errc::malformed, "xkey: not a curve seed"};
  auto key = from_raw_seed(seed->key);
  sodium_memzero(seed->key.data(), seed->key.size());
  return key;
}

std::string curve_key::public_key() const { return encode_public_nkey(nkey_role::curve, public_); }

result<std::string> curve_key::seal(std::string_view text, std::string_view recipient) const {
  const auto to = decode_curve_key(recipient);
  if (!to) return to.error();
  std::string out(version_mark);
  out.resize(overhead + text.size());
  unsigned char* nonce = bytes_of(out) + version_mark.size();
  randombytes_buf(nonce, crypto_box_NONCEBYTES);
  if (crypto_box_easy(nonce + crypto_box_NONCEBYTES, bytes_of(text), text.size(), nonce, to->data(),
                      secret_.data())
      != 0)
    return unfit();
  return out;
}

result<std::string> curve_key::open(std::string_view sealed, std::string_view sender) const {
  const auto from = decode_curve_key(sender);
  if (!from) return from.error();
  if (sealed.size() < overhead || !sealed.starts_with(version_mark))
    return error{errc::malformed, "xkey: not a sealed text"};
  const unsigned char* nonce = bytes_of(sealed) + version_mark.size();
  const unsigned char* box = nonce + crypto_box_NONCEBYTES;
  std::string out(sealed.size() - overhead, '\0');
  if (crypto_box_open_easy(bytes_of(out), box, sealed.size() - overhead + crypto_box_MACBYTES,
                           nonce, from->data(), secret_.data())
      != 0)
    return error{errc::unauthorized, "xkey: the sealed text does not open with this key"};
  return out;
}

} // namespace troupe
