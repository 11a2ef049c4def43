// What the monitoring pages and the system account write alike, as JSON member for member as the
// NATS server does. Pure. Source of names and order: Go server events.go, monitor.go.
#pragma once

#include <string_view>

#include "actors/observe/snapshots.hpp"
#include "protocol/json/writer.hpp"

namespace troupe::observe {

/// The members of an account's connections and traffic (Go: AccountStat), without braces.
void write_account_stat(json_writer& w, const account_snapshot& account);

/// An object of counts by kind of connection.
void write_kinds(json_writer& w, std::string_view name, const kind_counts& counts);

} // namespace troupe::observe
