// Pages of features that are not built yet: their true, empty state, shaped as the NATS server's
// when the feature is off. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "http/query.hpp"

#include <string>

namespace troupe::http {

/// Each checks its parameters first; an error is the text of a 400.
result<std::string> render_routez(const query& params, const observe::node_snapshot& node,
                                  observe::wall_time now);
result<std::string> render_gatewayz(const query& params, const observe::node_snapshot& node,
                                    observe::wall_time now);
result<std::string> render_leafz(const query& params, const observe::node_snapshot& node,
                                 observe::wall_time now);
result<std::string> render_jsz(const query& params, const observe::node_snapshot& node,
                               observe::wall_time now);

} // namespace troupe::http
