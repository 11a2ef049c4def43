#include "actors/reactor/mailbox_depth.hpp"

#include <caf/scheduled_actor.hpp>

namespace troupe {

// CAF's queue takes its own end for a message for a moment, without looking at it. This file alone
// sees that code, and is compiled without the check of such casts (actors/CMakeLists.txt).
size_t mailbox_depth(caf::scheduled_actor& actor) {
  auto& waiting = actor.mailbox();
  return waiting.blocked() || waiting.closed() ? 0 : waiting.size();
}

} // namespace troupe
