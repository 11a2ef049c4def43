// /actorz: the tree of supervised actors. Troupe's own page. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"

#include <string>

namespace troupe::http {

std::string render_actorz(const observe::actor_snapshot& root, const std::string& server_id,
                          observe::wall_time now);

} // namespace troupe::http
