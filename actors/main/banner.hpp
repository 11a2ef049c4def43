// The lines a node logs when it starts, in the NATS server's order and words.
#pragma once

#include "actors/node/node.hpp"
#include "config/cli.hpp"

namespace troupe {

/// From "Starting nats-server" up to what the configuration deserves to be warned of.
void log_banner(const config::cli_result& cli, const node& n);

/// Where WebSocket clients connect, if they can.
void log_websocket_listener(const config::server_options& options, int port);

} // namespace troupe
