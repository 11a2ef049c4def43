// What the process contributes to the system account: the monitoring pages and its own usage.
#pragma once

#include "actors/system/system_service.hpp"
#include "http/pages.hpp"
#include "http/profiles.hpp"

namespace troupe {

/// Both must outlive the node.
system_hooks make_system_hooks(http::pages& pages, http::profiles& profiles);

} // namespace troupe
