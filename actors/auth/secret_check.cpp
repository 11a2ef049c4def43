#include "actors/auth/secret_check.hpp"

#include <crypt.h>
#include <sodium.h>

#include <array>
#include <memory>

namespace troupe {

namespace {

/// bcrypt looks at no more of a password, and crypt_r refuses to be given much more.
constexpr size_t bcrypt_bytes = 72;
constexpr unsigned dearest_bcrypt = 31;
constexpr std::string_view any_salt = "troupetroupetroupetroe";

using digest = std::array<unsigned char, crypto_generichash_BYTES>;

digest digest_of(std::string_view text) {
  digest d;
  crypto_generichash(d.data(), d.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return d;
}

/// Empty: it could not be done.
std::string hash(const std::string& setting, const std::string& given) {
  auto scratch = std::make_unique<crypt_data>();
  const char* out = ::crypt_r(given.substr(0, bcrypt_bytes).c_str(), setting.c_str(), scratch.get());
  // What is no setting costs nothing.
  if (!out || *out != '$') return {};
  effort_of_this_thread().bcrypt_rounds += uint64_t{1} << bcrypt_cost(setting);
  return out;
}

} // namespace

check_effort& effort_of_this_thread() {
  thread_local check_effort effort;
  return effort;
}

bool same_secret(std::string_view a, std::string_view b) {
  ++effort_of_this_thread().comparisons;
  const digest x = digest_of(a), y = digest_of(b);
  return sodium_memcmp(x.data(), y.data(), x.size()) == 0;
}

std::string secret_digest(std::string_view secret) {
  const digest d = digest_of(secret);
  return {reinterpret_cast<const char*>(d.data()), d.size()};
}

bool is_bcrypt_hash(std::string_view text) {
  const auto digit = [&](size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  return text.size() >= 7 && text.starts_with("$2") && std::string_view("abxy").find(text[2]) != text.npos
         && text[3] == '$' && digit(4) && digit(5) && text[6] == '$';
}

unsigned bcrypt_cost(std::string_view text) {
  if (!is_bcrypt_hash(text)) return 0;
  const auto digit = [&](size_t at) { return static_cast<unsigned>(text[at] - '0'); };
  const unsigned cost = digit(4) * 10 + digit(5);
  return cost < cheapest_bcrypt || cost > dearest_bcrypt ? 0 : cost;
}

void spend_bcrypt(unsigned cost, const std::string& given) {
  const std::string digits{static_cast<char>('0' + cost / 10), static_cast<char>('0' + cost % 10)};
  hash("$2b$" + digits + "$" + std::string(any_salt), given);
}

bool bcrypt_accepts(const std::string& wanted, const std::string& given, bool counts,
                    unsigned dearest) {
  const std::string got = hash(wanted, given);
  // crypt_r sees the end of the password in a zero byte.
  const bool right = same_secret(got, wanted) && !got.empty() && given.find('\0') == std::string::npos;
  if (right && counts) return true;
  // 2^n + 2^n + 2^(n+1) + ... + 2^(dearest-1) is 2^dearest.
  if (got.empty()) spend_bcrypt(dearest, given);
  else
    for (unsigned cost = bcrypt_cost(wanted); cost < dearest; ++cost) spend_bcrypt(cost, given);
  return false;
}

} // namespace troupe
