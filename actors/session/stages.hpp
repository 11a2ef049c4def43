// The stages between the socket and the session of a connection, by listener and policy.
//
// A further stage plugs in here: a transport that owns the one below it (see transport.hpp), put on
// top in `put_up_stages`, with `opening_rules::stages` set in `opening_rules_of` so that its
// handshake is run, and INFO waits for it (`info_first` false).
#pragma once

#include <memory>
#include <string>

#include "actors/reactor/transport.hpp"
#include "actors/session/node_context.hpp"
#include "actors/session/opening_core.hpp"
#include "actors/session/session_messages.hpp"

namespace troupe {

/// The TLS of a listener; nullptr without.
const tls_context_ptr& tls_of(const node_policy& policy, listener_kind kind);

opening_rules opening_rules_of(const node_policy& policy, listener_kind kind);

/// Puts the stages of this kind on the TCP transport. Their handshakes have yet to be run.
/// `peer`: "ip:port", for what they log.
std::unique_ptr<transport> put_up_stages(const node_policy& policy, listener_kind kind,
                                         bool with_tls, std::unique_ptr<transport> tcp,
                                         std::string peer);

} // namespace troupe
