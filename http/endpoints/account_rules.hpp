// The members of /accountz?acc= that tell what an account exports, imports and maps. Pure.
#pragma once

#include "config/security_options.hpp"
#include "protocol/json/writer.hpp"

#include <string>

namespace troupe::http {

/// "mappings", "exports" and "imports", each only when there is something in it. Weights of a
/// mapping add up from destination to destination, as the NATS server shows them.
/// `system` is the system account's name, empty for none: every account imports from it, and it
/// exports, what an account may ask about itself.
void write_account_rules(json_writer& w, const config::account_options& rules,
                         const std::string& name, const std::string& system);

} // namespace troupe::http
