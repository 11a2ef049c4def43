// CONNECT as a log may show it: with [REDACTED] where passwords, tokens, JWTs and signatures stood.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// CONNECT's argument with the values of pass, password, auth_token, jwt, sig, proxy_sig and nkey
/// replaced; field names count in any case, and escaped ones are hidden too, as nobody honest
/// escapes them. Everything else stays byte for byte. What is no JSON is cut off where it stops
/// being any, since nobody can tell what the rest is.
std::string redact_connect(std::string_view json);

} // namespace troupe
