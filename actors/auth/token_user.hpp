// Users who are described by a JWT: what its claims ask of the connection, and what they allow.
//
// Shared by operator mode and by services that answer logins with such a JWT. Pure; times are
// seconds since 1970.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/auth/auth_core.hpp"
#include "protocol/auth/claims.hpp"
#include "protocol/auth/user_limits.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// A login that has to come through a trusted proxy and did not.
auth_decision refuse_for_proxy(std::string shown);

/// Of those that the claim lists, unknown ones left out; a list of only such allows nothing.
bool connection_type_allowed(const claim_strings& listed, const std::string& type);

/// Where the user comes from, and the time of day, are allowed: the second at which the session has
/// to end, 0 for never. Errors: `unauthorized` with the reason for the log.
result<int64_t> session_end(const user_claims& user, const std::string& host, int64_t now_s,
                            const zone_offset& zones);

/// Everything but the name by which the account is known.
std::shared_ptr<user_rules> rules_of(const user_claims& user, int64_t expires_at_s,
                                     const std::optional<config::permissions>& default_permissions);

} // namespace troupe
