// Carries a reload out: reads the configuration again, plans, opens what the new options need, and
// only then changes anything. All or nothing: until the last step that may fail, giving up leaves
// the node as it was.
//
// Runs on a thread of its own, so that neither reading a large file nor freeing the old rules holds
// up a reactor; one reload at a time. Traffic goes on meanwhile: hubs take the new policy as one
// message among others.
#pragma once

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/node/listener.hpp"
#include "actors/node/reload_core.hpp"
#include "actors/session/node_context.hpp"
#include "actors/session/session_messages.hpp"
#include "config/load.hpp"

namespace troupe {

/// By whom: for the log.
struct reload_request {};

/// Empty: done. Else why not, as the NATS server words it; the node is as it was.
using reload_answer = std::string;

/// What the process around the node contributes; both run on the reload's thread.
struct reload_hooks {
  /// Reads file and flags again. Not there: a reload is refused.
  std::function<config::load_result()> read;
  /// Opens what lies outside the node (monitoring, files). The function it gives puts that in place
  /// of the old; dropping it unused closes it again.
  std::function<result<std::function<void()>>(const reload_plan&)> prepare;
  /// Told true when a reload begins and false when it has ended, well or not.
  std::function<void(bool)> under_way;
};

/// Where clients come in; 0: no such listener.
struct client_ports {
  uint16_t client = 0;
  uint16_t websocket = 0;
};

/// What the actor works on.
struct reload_parts {
  reload_hooks hooks;
  std::shared_ptr<node_context> context;
  std::vector<hub_handle> hubs;
  /// The policy of these options, with clients on these ports.
  std::function<result<node_policy_ptr>(const config::server_options&, client_ports)> make_policy;
  /// Called when it is in force.
  std::function<void(const node_policy&)> published;
  /// Opens what operator mode needs of the new options; the function puts it in force.
  std::function<result<std::function<void()>>(const config::server_options&)> prepare_operators;
  /// The ports that clients connect to now.
  std::function<client_ports()> ports;
  /// Clients of its kind come through this socket from now on, and no more through the old one,
  /// which is closed when it returns. Blocks the reload's thread.
  std::function<void(bound_socket)> move_listener;
};

using reload_handle = caf::typed_actor<caf::replies_to<reload_request>::with<reload_answer>>;

/// To be spawned detached. Ends by an exit message.
reload_handle::behavior_type reload_actor(reload_handle::pointer self,
                                          std::shared_ptr<const reload_parts> parts);

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::reload_request)
