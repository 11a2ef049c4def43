// The permissions of users whose signing key has a scope: its template, filled in.
//
// Templates know {{name()}}, {{subject()}}, {{account-name()}}, {{account-subject()}}, {{tag(x)}}
// and {{account-tag(x)}}. A tag with several values makes one rule for each, several tags all their
// combinations, 4096 rules at most. A rule that comes out as no valid subject is left out of an
// allow list, and refuses the user when it was to deny.
//
// Pure. Errors: `unauthorized` with the reason for the log.
#pragma once

#include "protocol/auth/claims.hpp"
#include "protocol/result.hpp"

namespace troupe {

inline constexpr size_t max_template_expansions = 4096;

result<user_permission_limits> fill_template(const user_scope& scope, const user_claims& user,
                                             const account_claims& account);

/// A user of a scoped key must not state permissions or limits of its own.
bool states_nothing(const user_permission_limits& limits);

} // namespace troupe
