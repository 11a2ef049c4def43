// /accountz and /accstatz: the accounts and their traffic. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "http/query.hpp"

#include <string>

namespace troupe::http {

/// All account names, or one account in detail; an error is the text of a 400.
result<std::string> render_accountz(const query& params, const observe::node_snapshot& node,
                                    observe::wall_time now);

/// Traffic of the accounts in use, with `unused=1` of all.
result<std::string> render_accstatz(const query& params, const observe::node_snapshot& node,
                                    observe::wall_time now);

} // namespace troupe::http
