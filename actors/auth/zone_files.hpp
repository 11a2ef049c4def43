// Time zones from the system's files, for users who may connect at certain times of day only.
//
// Reads a zone's file when it is first asked for and keeps what it says. Thread: any.
#pragma once

#include "protocol/auth/user_limits.hpp"

namespace troupe {

zone_offset system_zones();

} // namespace troupe
