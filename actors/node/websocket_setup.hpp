// From the websocket block to what the listener and its clients obey.
#pragma once

#include <functional>
#include <memory>

#include "actors/node/listener.hpp"
#include "actors/session/node_context.hpp"
#include "config/options.hpp"

namespace troupe {

/// What lets clients in by these options, be it by a service or in a way of the embedder's.
using authenticator_of =
  std::function<std::shared_ptr<const authenticator>(const config::server_options&)>;

/// `policy`: what other clients obey, complete. `port`: in use. nullptr without such a listener.
result<std::shared_ptr<const websocket_policy>> make_websocket_policy(
  const config::server_options& options, const node_policy& policy, uint16_t port,
  const authenticator_of& make_authenticator);

/// Binds the address of the block; the error is the Go server's.
result<bound_socket> listen_for_websocket(const config::server_options& options, int port);

} // namespace troupe
