// Tokens: any text is refused or believed without harm; a claim of any content that is signed well
// is read without harm, and checking, filling in and limiting it never fails hard.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/claims_write.hpp"
#include "protocol/auth/claims_read.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/auth/user_template.hpp"
#include "protocol/auth/xkey.hpp"
#include "protocol/json/reader.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

const zone_offset zones = [](std::string_view zone, int64_t) -> std::optional<int64_t> {
  if (zone.size() > 3) return {};
  return static_cast<int64_t>(zone.size()) * 3600;
};

const nkey_pair& key(nkey_role role) {
  static const std::array<uint8_t, nkey_bytes> seed{1, 2, 3};
  static const nkey_pair account = nkey_pair::from_raw_seed(nkey_role::account, seed);
  static const nkey_pair op = nkey_pair::from_raw_seed(nkey_role::operator_, seed);
  static const nkey_pair server = nkey_pair::from_raw_seed(nkey_role::server, seed);
  return role == nkey_role::account ? account : role == nkey_role::operator_ ? op : server;
}

/// What is shown of claims, read as claims, shows the same.
template <class Claims>
void show(const Claims& claims) {
  const auto text_of = [](const Claims& c) {
    std::string out;
    json_writer w(out);
    write_claims(w, c);
    return out;
  };
  const std::string shown = text_of(claims);
  json_reader reader;
  const auto document = reader.read(shown);
  require(bool(document));
  auto again = read_claims(*document);
  require(again && std::holds_alternative<Claims>(again->claims));
  require(text_of(std::get<Claims>(again->claims)) == shown);
}

/// As with the Go library, a scope's limit of 0 is not written, and one that is missing is read as none.
bool scopes_read_as_written(const account_claims& account) {
  return std::all_of(account.signing_keys.begin(), account.signing_keys.end(), [](const auto& entry) {
    const auto& scope = entry.second;
    return !scope || (scope->limits.subscriptions != 0 && scope->limits.data != 0 && scope->limits.payload != 0);
  });
}

void use(const any_claims& claims) {
  if (const auto* user = std::get_if<user_claims>(&claims)) {
    (void)check_claims(*user, 1000, zones);
    (void)time_allowed(user->limits, 1000, zones);
    (void)source_allowed(user->limits.sources, "127.0.0.1");
    (void)states_nothing(user->limits);
    user_scope scope;
    scope.limits = user->limits;
    account_claims account;
    account.tags = user->tags;
    const auto filled = fill_template(scope, *user, account);
    if (!filled) return;
    const auto& allow = filled->permissions.publish.allow;
    require(allow.size() <= std::max(max_template_expansions, user->limits.permissions.publish.allow.size()));
    // Something to allow never turns into nothing to check.
    if (!user->limits.permissions.publish.allow.empty() && allow.empty())
      require(!filled->permissions.publish.deny.empty());
  }
  if (const auto* account = std::get_if<account_claims>(&claims)) {
    (void)remarks_on(*account, 1000);
    if (account->version == 2 && check_claims(*account, 1000).empty() && scopes_read_as_written(*account))
      show(*account);
    for (const claim_import& import : account->imports)
      (void)check_activation(import, account->data.subject, *account, account->revocations, 1000);
  }
  if (const auto* op = std::get_if<operator_claims>(&claims)) {
    (void)check_claims(*op, 1000);
    if (op->version == 2) show(*op);
  }
  if (const auto* a = std::get_if<activation_claims>(&claims)) (void)check_claims(*a, 1000);
  if (const auto* q = std::get_if<authorization_request_claims>(&claims)) {
    const auto again = decode_authorization_request_jwt(
        encode_authorization_request(*q, key(nkey_role::server), 5));
    require(again && again->client.id == q->client.id && again->connect.pass == q->connect.pass
            && again->server.tags == q->server.tags);
  }
  if (const auto* r = std::get_if<authorization_response_claims>(&claims))
    (void)check_claims(*r, 1000);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 16 * 1024) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (auto claims = decode_jwt(text)) use(*claims);
  (void)decode_generic_jwt(text);
  if (auto bytes = base64url_decode(text)) require(base64url_encode(*bytes) == text);
  (void)find_decorated_jwt(text);
  (void)find_decorated_seed(text);
  (void)curve_key::from_seed(text);

  // The text as what somebody states, signed well by each who may sign.
  for (nkey_role role : {nkey_role::account, nkey_role::operator_, nkey_role::server}) {
    claims_data d;
    d.subject = key(role).public_key();
    d.name = text.substr(0, 20);
    if (auto claims = decode_jwt(encode_jwt(d, text, key(role), 5))) {
      require(data_of(*claims).issuer == key(role).public_key());
      use(*claims);
    }
  }
  return 0;
}
