// Runs the part of a login that takes its time (a bcrypt hash, a look at the disk) on a thread of its
// own, so that it never delays the other connections of a reactor.
//
// One per hub, made with its first such login; an idle one sleeps. Tasks run in their order; what
// waits is bounded by the connections, each of which has one login under way at most.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>

#include "actors/auth/auth_core.hpp"

namespace troupe {

struct login_task {
  std::function<auth_decision()> work;
  /// Called on the worker's thread with the outcome: hands it on by message.
  std::function<void(auth_decision)> done;
};
using login_task_ptr = std::shared_ptr<login_task>;

using login_worker_handle = caf::typed_actor<caf::reacts_to<login_task_ptr>>;

/// The unit is for CAF, which refers to null when a function has no argument of its own.
login_worker_handle::behavior_type login_worker(login_worker_handle::pointer self, caf::unit_t);

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::login_task_ptr)
