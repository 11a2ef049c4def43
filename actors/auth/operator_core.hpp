// Logins of operator mode: users prove who they are with a JWT that an account signed, which an
// operator signed, and with a signature over the nonce.
//
// Pure as far as accounts are at hand; what has to be fetched is handed back as work for elsewhere.
// Costs two signature checks and the reading of two JWTs per login.
#pragma once

#include <memory>

#include "actors/auth/auth_core.hpp"
#include "actors/auth/callout_core.hpp"
#include "actors/auth/operator_accounts.hpp"

namespace troupe {

/// `env`: what accounts with an authorization service ask it with; nullptr: their users are refused.
std::shared_ptr<const authenticator> make_operator_authenticator(
    std::shared_ptr<operator_accounts> accounts,
    std::shared_ptr<const callout_environment> env = nullptr);

}  // namespace troupe
