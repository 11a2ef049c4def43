#include "actors/session/websocket_policy.hpp"

#include "protocol/websocket/frame.hpp"

namespace troupe {

uint16_t close_code_of(closed_reason reason) {
  using enum closed_reason;
  namespace code = websocket::close_code;
  switch (reason) {
    case client_closed: return code::normal;
    case authentication_timeout:
    case authentication_failure:
    case slow_consumer_pending_bytes:
    case slow_consumer_write_deadline:
    case max_account_connections_exceeded:
    case max_connections_exceeded:
    case max_control_line_exceeded:
    case max_subscriptions_exceeded:
    case missing_account:
    case authentication_expired:
    case credentials_revoked: return code::policy_violation;
    case tls_handshake_failure: return code::tls_handshake;
    case parse_error:
    case protocol_violation:
    case bad_client_protocol_version: return code::protocol_error;
    case max_payload_exceeded: return code::too_big;
    case write_error:
    case read_error:
    case stale_connection:
    case server_shutdown: return code::going_away;
    default: return code::internal_error;
  }
}

std::string header_lines(const std::map<std::string, std::string>& headers) {
  std::string out;
  for (auto& [name, text] : headers) out += name + ": " + text + "\r\n";
  return out;
}

} // namespace troupe
