#include "actors/auth/auth_core.hpp"

#include <crypt.h>
#include <sodium.h>

#include <array>

namespace troupe {

namespace {

using digest = std::array<unsigned char, crypto_generichash_BYTES>;

digest digest_of(std::string_view text) {
  digest d;
  crypto_generichash(d.data(), d.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return d;
}

/// Compares without telling by its duration where, or whether the lengths, differ.
bool same(std::string_view a, std::string_view b) {
  digest x = digest_of(a), y = digest_of(b);
  return sodium_memcmp(x.data(), y.data(), x.size()) == 0;
}

bool is_bcrypt(std::string_view text) {
  return text.size() > 28 && text.starts_with("$2") && text[3] == '$' && text[6] == '$'
         && std::string_view("abxy").find(text[2]) != std::string_view::npos;
}

/// Whether `given` is the password that the configuration names, in plain text or as a bcrypt hash.
bool accepts(const std::string& configured, const std::string& given) {
  if (!is_bcrypt(configured)) return same(configured, given);
  auto scratch = std::make_unique<crypt_data>();
  const char* hash = ::crypt_r(given.c_str(), configured.c_str(), scratch.get());
  return hash && same(hash, configured);
}

class config_authenticator final : public authenticator {
public:
  config_authenticator(const config::authorization_options& options, std::string no_auth_user)
      : options_(options), no_auth_user_(std::move(no_auth_user)) {}

  bool required() const override { return options_.required(); }

  auth_decision check(const connect_options& who) const override {
    if (!required()) return {true, who.user, "$G"};
    if (!no_auth_user_.empty() && who.user.empty() && who.pass.empty() && who.auth_token.empty())
      return {true, no_auth_user_, "$G"};
    if (!options_.users.empty()) return check_users(who);
    if (!options_.token.empty())
      return {accepts(options_.token, who.auth_token), "[REDACTED]", "$G"};
    bool user = same(options_.user, who.user);
    bool pass = accepts(options_.pass, who.pass);
    return {user && pass, who.user, "$G"};
  }

private:
  auth_decision check_users(const connect_options& who) const {
    // Every name is compared and one password is checked, so that the time does not tell which
    // names exist.
    const config::user_options* found = nullptr;
    for (const config::user_options& u : options_.users)
      if (static_cast<int>(same(u.name, who.user)) & static_cast<int>(!u.name.empty())) found = &u;
    const config::user_options& checked = found ? *found : options_.users.front();
    bool ok = accepts(checked.password, who.pass);
    return {ok && found != nullptr, who.user, "$G"};
  }

  config::authorization_options options_;
  std::string no_auth_user_;
};

} // namespace

std::unique_ptr<const authenticator> make_config_authenticator(
  const config::authorization_options& options, const std::string& no_auth_user) {
  return std::make_unique<config_authenticator>(options, no_auth_user);
}

} // namespace troupe
