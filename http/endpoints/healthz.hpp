// /healthz: 200 when the node serves clients. Pure.
#pragma once

#include "http/monitor_source.hpp"
#include "http/query.hpp"

#include <optional>
#include <string>

namespace troupe::http {

result<health_request> parse_healthz(const query& params);

/// The answer to arguments that contradict each other; nothing when they are fine.
std::optional<observe::health_snapshot> check_healthz(const health_request& request);

/// Compact JSON. Over HTTP the status code travels as the status of the answer.
std::string render_healthz(const observe::health_snapshot& health, bool with_code = false);

} // namespace troupe::http
