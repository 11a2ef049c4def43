// Who may connect. One interface, so that a further method is one more implementation; every
// attempt takes the same path and time whether the user exists or not.
//
// Pure and immutable: shared by all reactors without a lock.
#pragma once

#include <memory>
#include <string>

#include "config/options.hpp"
#include "protocol/client/connect.hpp"

namespace troupe {

struct auth_decision {
  bool ok = false;
  std::string user;     // as shown in monitoring; tokens are never shown
  std::string account;  // the account the session is bound to
};

class authenticator {
public:
  virtual ~authenticator() = default;
  virtual auth_decision check(const connect_options& who) const = 0;
  /// Whether INFO asks for credentials.
  virtual bool required() const = 0;
};

/// Single user, token and `users` of the configuration, with `no_auth_user`.
std::unique_ptr<const authenticator> make_config_authenticator(
  const config::authorization_options& options, const std::string& no_auth_user);

} // namespace troupe
