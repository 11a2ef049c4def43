// What WebSocket clients obey where it differs from other clients. Immutable, shared by all of
// them, part of node_policy.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "actors/auth/auth_core.hpp"
#include "actors/reactor/tls_context.hpp"
#include "actors/session/session_settings.hpp"
#include "protocol/client/connect.hpp"
#include "protocol/client/error_text.hpp"
#include "protocol/websocket/handshake.hpp"

namespace troupe {

struct websocket_policy {
  server_info info;
  session_settings settings;
  std::shared_ptr<const authenticator> auth;
  tls_context_ptr tls;  // nullptr: they come in clear
  websocket::upgrade_rules upgrade;
  // The Go server has no limit where none is configured; ours lets slow clients in and nobody stay.
  nanos handshake_timeout = std::chrono::seconds(10);
};

/// The code of the close frame for a session that ended so.
uint16_t close_code_of(closed_reason reason);

/// The headers of the configuration as lines of an answer.
std::string header_lines(const std::map<std::string, std::string>& headers);

} // namespace troupe
