// Tokens: claims in base64url with the signature of their issuer.
//
// Pure. Input is hostile: a token is bounded, its issuer has to be a whole key of a role that may
// issue such claims, and nothing of it is believed before the signature is checked. Whether the
// issuer is trusted, and whether it is too early or too late, is for the caller: claims_check.hpp.
// Errors: `malformed`, `limit_exceeded` for a token of more than max_jwt_bytes, `unauthorized` for a
// signature that does not hold. Texts never contain the token.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/auth/claims.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// Verified claims of whatever kind the token says.
result<any_claims> decode_jwt(std::string_view token);

/// The same if they are of that kind; else `malformed` with "not user claim" and the like.
result<operator_claims> decode_operator_jwt(std::string_view token);
result<account_claims> decode_account_jwt(std::string_view token);
result<user_claims> decode_user_jwt(std::string_view token);
result<activation_claims> decode_activation_jwt(std::string_view token);
result<authorization_request_claims> decode_authorization_request_jwt(std::string_view token);
result<authorization_response_claims> decode_authorization_response_jwt(std::string_view token);
/// Of any kind, read as generic.
result<generic_claims> decode_generic_jwt(std::string_view token);

/// Signs claims: `data` with issuer, time of issue and id filled in, and the "nats" object.
std::string encode_jwt(claims_data data, std::string_view nats_json, const nkey_pair& issuer,
                       int64_t now_s);
std::string encode_authorization_request(const authorization_request_claims& claims,
                                         const nkey_pair& server, int64_t now_s);

/// The token inside a file as nsc writes it ("-----BEGIN NATS USER JWT-----"), or the text itself
/// if it is a bare token; nothing if it is neither.
std::optional<std::string> find_decorated_jwt(std::string_view text);
/// The seed in such a file, or the text itself if it is a bare seed.
std::optional<std::string> find_decorated_seed(std::string_view text);

/// base64url without padding.
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

} // namespace troupe
