// Which user a client's certificate stands for (verify_and_map): by its alternative names, else by
// its subject, in the NATS server's order.
//
// Pure and immutable once filled.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/options.hpp"
#include "protocol/auth/distinguished_name.hpp"

namespace troupe {

class certificate_map {
public:
  /// A configured user. Those whose names read as distinguished ones are compared as such.
  void add(const std::string& user);

  /// The first user that the certificate names and that `usable` accepts: one that exists and may
  /// connect this way. Empty: none.
  std::string find(const certificate_identity& who,
                   const std::function<bool(const std::string&)>& usable) const;

private:
  std::vector<std::pair<std::string, distinguished_name>> names_;  // in the order of configuration
};

/// Whether some listener lets a client be this user by its certificate.
bool may_be_named(const config::server_options& options, const config::user_options& user);

} // namespace troupe
