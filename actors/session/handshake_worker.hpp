// Runs the costly steps of TLS handshakes on a thread of its own, so that a storm of new clients does
// not delay the connections of a reactor.
//
// One per hub, made with its first TLS client; an idle one sleeps. Steps run in their order; what
// waits is bounded by the connections that open, each of which has one step under way at most.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>

#include "actors/session/session_messages.hpp"

namespace troupe {

struct handshake_task {
  std::function<void()> step;  // of transport::take_step
  client_handle client;        // hears step_done
};
/// Runs the step on this thread and tells the client.
void take_handshake_step(handshake_task& task);
using handshake_task_ptr = std::shared_ptr<handshake_task>;

using handshake_worker_handle = caf::typed_actor<caf::reacts_to<handshake_task_ptr>>;

/// The unit is for CAF, which refers to null when a function has no argument of its own.
handshake_worker_handle::behavior_type handshake_worker(handshake_worker_handle::pointer self,
                                                        caf::unit_t);

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::handshake_task_ptr)
