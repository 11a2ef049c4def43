// How many messages wait for an actor.
//
// Place in the flow: what /actorz shows. Thread: the actor's reactor.
#pragma once

#include <cstddef>

namespace caf {
class scheduled_actor;
}

namespace troupe {

/// Counting takes from the mailbox: one that sleeps would not be woken by a message any more, and is
/// taken to be empty, as is one that has ended.
size_t mailbox_depth(caf::scheduled_actor& actor);

} // namespace troupe
