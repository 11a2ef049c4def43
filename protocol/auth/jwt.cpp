#include "protocol/auth/jwt.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include <sodium.h>

#include "protocol/auth/claims_read.hpp"
#include "protocol/auth/claims_write.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/json/writer.hpp"

namespace troupe {
namespace {

constexpr std::string_view old_algorithm = "ed25519"; // of version 1
constexpr std::string_view algorithm = "ed25519-nkey";

error malformed(std::string why) { return {errc::malformed, std::move(why)}; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

struct parts {
  std::string_view header, claims, signature;
  /// What version 2 signs.
  std::string_view signed_text;
};

result<parts> split(std::string_view token) {
  if (token.size() > max_jwt_bytes)
    return error{errc::limit_exceeded, "token size " + std::to_string(token.size())
                                           + " exceeds maximum of " + std::to_string(max_jwt_bytes)
                                           + " bytes: token too large"};
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return malformed("expected 3 chunks");
  return parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1), token.substr(0, second)};
}

/// Gives whether the header names the algorithm of version 1.
result<bool> read_header(std::string_view chunk) {
  const auto json = base64url_decode(chunk);
  if (!json) return malformed("JWT header is not base64url");
  json_reader reader;
  const auto document = reader.read(*json);
  if (!document) return malformed("JWT header is not JSON");
  std::string_view type, alg;
  simdjson::dom::object object;
  if (document->get(object) != simdjson::SUCCESS) return malformed("JWT header is not an object");
  for (const auto& [name, value] : object) {
    std::string_view* wanted = same_field_name(name, "typ")   ? &type
                               : same_field_name(name, "alg") ? &alg
                                                              : nullptr;
    if (wanted && value.get(*wanted) != simdjson::SUCCESS)
      return malformed("JWT header has a field of the wrong type");
  }
  if (lower(type) != "jwt") return malformed("JWT header: not a supported type");
  const std::string name = lower(alg);
  if (name != old_algorithm && name != algorithm)
    return malformed("JWT header: unexpected algorithm");
  return name == old_algorithm;
}

using roles = std::initializer_list<nkey_role>;

/// Who may issue what; an empty list means anybody.
roles issuers_of(const any_claims& claims) {
  static constexpr roles operators{nkey_role::operator_};
  static constexpr roles accounts{nkey_role::account};
  static constexpr roles either{nkey_role::account, nkey_role::operator_};
  static constexpr roles servers{nkey_role::server};
  switch (claims.index()) {
  case 0: return operators;
  case 1:
  case 3: return either;
  case 2:
  case 5: return accounts;
  case 4: return servers;
  default: return {};
  }
}

result<void> verify(const parts& p, const any_claims& claims, bool old) {
  const auto signature = base64url_decode(p.signature);
  if (!signature) return malformed("JWT signature is not base64url");
  const auto issuer = decode_public_nkey(data_of(claims).issuer);
  if (!issuer) return malformed("JWT issuer is not a public nkey");
  const roles allowed = issuers_of(claims);
  if (allowed.size() > 0 && std::find(allowed.begin(), allowed.end(), issuer->role) == allowed.end())
    return error{errc::unauthorized, "JWT issuer's key is of a role that may not issue such claims"};
  const auto* raw = reinterpret_cast<const uint8_t*>(signature->data());
  if (!verify_nkey(issuer->key, old ? p.claims : p.signed_text, {raw, signature->size()}))
    return error{errc::unauthorized,
                 std::string("claim failed ") + (old ? "V1" : "V2") + " signature verification"};
  return {};
}

template <class T>
result<T> decode_as(std::string_view token, const char* otherwise) {
  auto claims = decode_jwt(token);
  if (!claims) return claims.error();
  T* wanted = std::get_if<T>(&*claims);
  if (!wanted) return malformed(otherwise);
  return std::move(*wanted);
}

/// An id that only has to differ when the claims do.
std::string id_of(const claims_data& d, std::string_view nats_json) {
  std::string text;
  json_writer w(text);
  w.begin_object();
  write_members(w, d);
  w.end_object();
  text += nats_json;
  std::array<uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return base32_encode(hash);
}

} // namespace

// -- base64 ----------------------------------------------------------------------------------------

std::string base64url_encode(std::string_view bytes) {
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  out.pop_back(); // the terminating zero
  return out;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  // libsodium takes some bytes above 0x7f for digits.
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_';
  };
  if (!std::all_of(text.begin(), text.end(), is_digit)) return {};
  std::string out(text.size() / 4 * 3 + 3, '\0');
  size_t written = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &written, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING)
      != 0)
    return {};
  out.resize(written);
  return out;
}

// -- decoding --------------------------------------------------------------------------------------

result<any_claims> decode_jwt(std::string_view token) {
  const auto p = split(token);
  if (!p) return p.error();
  const auto old_header = read_header(p->header);
  if (!old_header) return old_header.error();
  const auto json = base64url_decode(p->claims);
  if (!json) return malformed("JWT claims are not base64url");
  json_reader reader;
  const auto document = reader.read(*json);
  if (!document) return malformed("JWT claims are not JSON");
  auto claims = read_claims(*document);
  if (!claims) return claims.error();
  const bool generic = std::holds_alternative<generic_claims>(claims->claims);
  const bool old = generic ? *old_header : claims->version <= 1;
  if (auto fine = verify(*p, claims->claims, old); !fine) return fine.error();
  return std::move(claims->claims);
}

result<operator_claims> decode_operator_jwt(std::string_view token) {
  return decode_as<operator_claims>(token, "not operator claim");
}
result<account_claims> decode_account_jwt(std::string_view token) {
  return decode_as<account_claims>(token, "not account claim");
}
result<user_claims> decode_user_jwt(std::string_view token) {
  return decode_as<user_claims>(token, "not user claim");
}
result<activation_claims> decode_activation_jwt(std::string_view token) {
  return decode_as<activation_claims>(token, "not activation claim");
}
result<authorization_request_claims> decode_authorization_request_jwt(std::string_view token) {
  return decode_as<authorization_request_claims>(token, "not an authorization request claim");
}
result<authorization_response_claims> decode_authorization_response_jwt(std::string_view token) {
  return decode_as<authorization_response_claims>(token, "not an authorization response claim");
}

result<generic_claims> decode_generic_jwt(std::string_view token) {
  const auto p = split(token);
  if (!p) return p.error();
  const auto old = read_header(p->header);
  if (!old) return old.error();
  const auto json = base64url_decode(p->claims);
  if (!json) return malformed("JWT claims are not base64url");
  json_reader reader;
  const auto document = reader.read(*json);
  if (!document) return malformed("JWT claims are not JSON");
  auto claims = read_generic_claims(*document);
  if (!claims) return claims.error();
  if (auto fine = verify(*p, any_claims{*claims}, *old); !fine) return fine.error();
  return claims;
}

// -- encoding --------------------------------------------------------------------------------------

std::string encode_jwt(claims_data data, std::string_view nats_json, const nkey_pair& issuer,
                       int64_t now_s) {
  data.issuer = issuer.public_key();
  data.issued_at = now_s;
  data.id.clear();
  data.id = id_of(data, nats_json);
  std::string json;
  json_writer w(json);
  w.begin_object();
  write_members(w, data);
  w.key("nats");
  w.raw(nats_json);
  w.end_object();
  std::string token = base64url_encode(R"({"typ":"JWT","alg":"ed25519-nkey"})");
  token += '.';
  token += base64url_encode(json);
  const nkey_signature signature = issuer.sign(token);
  token += '.';
  token += base64url_encode({reinterpret_cast<const char*>(signature.data()), signature.size()});
  return token;
}

namespace {

void write(json_writer& w, const authorization_request_claims::server_id& s) {
  w.begin_object();
  w.member("name", s.name);
  w.member("host", s.host);
  w.member("id", s.id);
  w.member_if("version", s.version);
  w.member_if("cluster", s.cluster);
  w.member_if("tags", s.tags);
  w.member_if("xkey", s.xkey);
  w.end_object();
}

void write(json_writer& w, const authorization_request_claims::client_information& c) {
  w.begin_object();
  w.member_if("host", c.host);
  w.member_if("id", c.id);
  w.member_if("user", c.user);
  w.member_if("name", c.name);
  w.member_if("tags", c.tags);
  w.member_if("name_tag", c.name_tag);
  w.member_if("kind", c.kind);
  w.member_if("type", c.type);
  w.member_if("mqtt_id", c.mqtt_id);
  w.member_if("nonce", c.nonce);
  w.end_object();
}

void write(json_writer& w, const authorization_request_claims::connect_options& c) {
  w.begin_object();
  w.member_if("jwt", c.jwt);
  w.member_if("nkey", c.nkey);
  w.member_if("sig", c.sig);
  w.member_if("auth_token", c.auth_token);
  w.member_if("user", c.user);
  w.member_if("pass", c.pass);
  w.member_if("name", c.name);
  w.member_if("lang", c.lang);
  w.member_if("version", c.version);
  w.member("protocol", c.protocol);
  w.end_object();
}

void write(json_writer& w, const authorization_request_claims::client_tls& t) {
  w.begin_object();
  w.member_if("version", t.version);
  w.member_if("cipher", t.cipher);
  w.member_if("certs", t.certs);
  if (!t.verified_chains.empty()) {
    w.key("verified_chains");
    w.begin_array();
    for (const claim_strings& chain : t.verified_chains)
      w.value(chain);
    w.end_array();
  }
  w.end_object();
}

} // namespace

std::string encode_authorization_request(const authorization_request_claims& claims,
                                         const nkey_pair& server, int64_t now_s) {
  std::string nats;
  json_writer w(nats);
  w.begin_object();
  w.key("server_id");
  write(w, claims.server);
  w.member("user_nkey", claims.user_nkey);
  w.key("client_info");
  write(w, claims.client);
  w.key("connect_opts");
  write(w, claims.connect);
  if (claims.tls) {
    w.key("client_tls");
    write(w, *claims.tls);
  }
  w.member_if("request_nonce", claims.request_nonce);
  w.member("type", "authorization_request");
  w.member("version", 2);
  w.end_object();
  return encode_jwt(claims.data, nats, server, now_s);
}

// -- files -----------------------------------------------------------------------------------------

namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view s) {
  const size_t first = s.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(blanks) - first + 1);
}

/// The lines that follow a line of dashes and are none themselves.
claim_strings blocks_of(std::string_view text) {
  claim_strings blocks;
  bool after_dashes = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const bool dashes = line.starts_with("---");
    if (!dashes && after_dashes) blocks.emplace_back(line);
    after_dashes = dashes;
  }
  return blocks;
}

} // namespace

std::optional<std::string> find_decorated_jwt(std::string_view text) {
  for (std::string& block : blocks_of(text)) {
    if (std::count(block.begin(), block.end(), '.') == 2) return std::move(block);
  }
  const std::string_view bare = trimmed(text);
  if (bare.starts_with("eyJ") && bare.find_first_of(blanks) == std::string_view::npos)
    return std::string(bare);
  return {};
}

std::optional<std::string> find_decorated_seed(std::string_view text) {
  const auto is_seed = [](std::string_view s) {
    return s.size() == nkey_seed_chars && s.starts_with('S');
  };
  for (std::string& block : blocks_of(text)) {
    if (is_seed(block)) return std::move(block);
  }
  const std::string_view bare = trimmed(text);
  if (is_seed(bare)) return std::string(bare);
  return {};
}

} // namespace troupe
