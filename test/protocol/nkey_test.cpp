// NKeys against the texts of the reference implementation, and unique ids.
#include <set>
#include <string>

#include "protocol/auth/nkey.hpp"
#include "protocol/nuid.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

struct known_key {
  nkey_role role;
  const char* seed;
  const char* public_key;
};

// Written by github.com/nats-io/nkeys from the raw seed 00 01 02 .. 1f.
constexpr known_key known[] = {
    {nkey_role::server, "SNAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2D5U",
     "NAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RSWB"},
    {nkey_role::user, "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y",
     "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"},
    {nkey_role::account, "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI",
     "AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV"},
    {nkey_role::operator_, "SOAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2AJA",
     "OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT"},
    {nkey_role::cluster, "SCAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYO7Q",
     "CAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3R53J"},
};

constexpr std::string_view known_signature_of_nonce =
    "f874eae1de830c754d6fc32c4d1019b5221ad2f5c0ff2b996e5c1303b253e706"
    "3398a071276c2961f8c787b85ca6d66589d6d5c3fe992f2b9b8e6ff20e4f8e09";

std::array<uint8_t, nkey_bytes> counting_seed() {
  std::array<uint8_t, nkey_bytes> seed{};
  for (size_t i = 0; i < seed.size(); ++i)
    seed[i] = static_cast<uint8_t>(i);
  return seed;
}

std::string hex(const nkey_signature& bytes) {
  std::string out;
  for (const uint8_t b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

} // namespace

TEST_CASE("Seeds and public keys read as those of the reference", "[protocol][nkey]") {
  for (const known_key& k : known) {
    const nkey_pair pair = nkey_pair::from_raw_seed(k.role, counting_seed());
    CHECK(pair.seed() == k.seed);
    CHECK(pair.public_key() == k.public_key);
    CHECK(hex(pair.sign("nonce")) == known_signature_of_nonce);
    const auto again = nkey_pair::from_seed(k.seed);
    REQUIRE(again);
    CHECK(again->role() == k.role);
    CHECK(again->public_key() == k.public_key);
    const auto key = decode_public_nkey(k.public_key);
    REQUIRE(key);
    CHECK(key->role == k.role);
    CHECK(key->key == pair.raw_public_key());
    CHECK(is_public_nkey(k.public_key, k.role));
  }
}

TEST_CASE("A key that was changed is refused", "[protocol][nkey]") {
  const std::string good = known[1].public_key;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(decode_public_nkey(bad));
  }
  CHECK_FALSE(decode_public_nkey(""));
  CHECK_FALSE(decode_public_nkey(good.substr(1)));
  CHECK_FALSE(decode_public_nkey(good + "A"));
  CHECK_FALSE(decode_public_nkey("u" + good.substr(1)));
  CHECK_FALSE(decode_public_nkey(known[1].seed));
  CHECK_FALSE(is_public_nkey(good, nkey_role::account));
}

TEST_CASE("A point of small order is no key of a signer", "[protocol][nkey]") {
  nkey_public point{};
  const auto valid = [&](nkey_role role) { return is_public_nkey(encode_public_nkey(role, point), role); };
  CHECK_FALSE(valid(nkey_role::account)); // 0
  CHECK(valid(nkey_role::curve));
  point[0] = 1;
  CHECK_FALSE(valid(nkey_role::user));
  point[31] = 0x80; // the same with another sign
  CHECK_FALSE(valid(nkey_role::user));
  point.fill(0xff);
  point[0] = 0xec; // p - 1
  CHECK_FALSE(valid(nkey_role::operator_));
  point[0] = 0xeb;
  CHECK(valid(nkey_role::operator_));
}

TEST_CASE("A seed that was changed is refused", "[protocol][nkey]") {
  const std::string good = known[1].seed;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(nkey_pair::from_seed(bad));
  }
  CHECK_FALSE(nkey_pair::from_seed(known[1].public_key));
  CHECK_FALSE(nkey_pair::from_seed(""));
}

TEST_CASE("A signature holds for its message and key only", "[protocol][nkey]") {
  const nkey_pair pair = nkey_pair::generate(nkey_role::user);
  const nkey_pair other = nkey_pair::generate(nkey_role::user);
  nkey_signature signature = pair.sign("nonce");
  CHECK(verify_nkey(pair.raw_public_key(), "nonce", signature));
  CHECK_FALSE(verify_nkey(pair.raw_public_key(), "other", signature));
  CHECK_FALSE(verify_nkey(other.raw_public_key(), "nonce", signature));
  CHECK_FALSE(verify_nkey(pair.raw_public_key(), "nonce", std::span{signature}.first(63)));
  signature[0] ^= 1;
  CHECK_FALSE(verify_nkey(pair.raw_public_key(), "nonce", signature));
}

TEST_CASE("A server's identity is N and 55 characters more", "[protocol][nkey]") {
  const nkey_pair server = generate_server_identity();
  CHECK(server.public_key().size() == 56);
  CHECK(server.public_key()[0] == 'N');
  CHECK(is_public_nkey(server.public_key(), nkey_role::server));
  CHECK(generate_server_identity().public_key() != server.public_key());
}

TEST_CASE("Base32 has no padding and reads what it wrote", "[protocol][nkey]") {
  const auto encode = [](std::string_view s) {
    return base32_encode({reinterpret_cast<const uint8_t*>(s.data()), s.size()});
  };
  CHECK(encode("") == "");
  CHECK(encode("f") == "MY");
  CHECK(encode("fo") == "MZXQ");
  CHECK(encode("foobar") == "MZXW6YTBOI");
  for (const std::string_view s : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    CHECK(base32_decode(encode(s)).value() == s);
  }
  CHECK_FALSE(base32_decode("MY======"));
  CHECK_FALSE(base32_decode("my"));
  CHECK_FALSE(base32_decode("A"));
  CHECK_FALSE(base32_decode("MZ"));
}

TEST_CASE("The checksum is CRC-16 XMODEM", "[protocol][nkey]") {
  const std::string_view check = "123456789";
  CHECK(crc16({reinterpret_cast<const uint8_t*>(check.data()), check.size()}) == 0x31C3);
  CHECK(crc16({}) == 0);
}

TEST_CASE("Unique ids have 22 base62 characters and do not repeat", "[protocol][nuid]") {
  nuid ids;
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = ids.next();
    REQUIRE(id.size() == nuid_bytes);
    REQUIRE(id.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
            == std::string::npos);
    REQUIRE(seen.insert(id).second);
  }
  nuid others;
  CHECK(others.next().substr(0, 12) != ids.next().substr(0, 12));
}
