// The texts of the client protocol: -ERR lines, reasons of closed connections, and which of them a
// violation gives. Clients compare these strings, so they are the Go server's to the letter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/client/go_quote.hpp"
#include "protocol/client/parser.hpp"

namespace troupe {

/// Texts of -ERR lines, without the quotes and the line end; `append_err_line` adds both.
namespace err_text {

inline constexpr std::string_view unknown_operation = "Unknown Protocol Operation";
inline constexpr std::string_view authorization_violation = "Authorization Violation";
inline constexpr std::string_view authentication_timeout = "Authentication Timeout";
inline constexpr std::string_view user_expired = "User Authentication Expired";
inline constexpr std::string_view account_expired = "Account Authentication Expired";
inline constexpr std::string_view user_revoked = "User Authentication Revoked";
inline constexpr std::string_view account_registration = "Failed Account Registration";
inline constexpr std::string_view connection_throttling =
    "Connection throttling is active. Please try again later.";
inline constexpr std::string_view tls_required = "Secure Connection - TLS Required";
inline constexpr std::string_view throttled =
    "Connection throttling is active. Please try again later.";
inline constexpr std::string_view max_connections = "maximum connections exceeded";
inline constexpr std::string_view max_account_connections =
    "maximum account active connections exceeded";
inline constexpr std::string_view max_subscriptions = "maximum subscriptions exceeded";
inline constexpr std::string_view max_payload = "Maximum Payload Violation";
inline constexpr std::string_view max_control_line = "maximum control line exceeded";
inline constexpr std::string_view stale_connection = "Stale Connection";
inline constexpr std::string_view bad_client_protocol = "invalid client protocol";
inline constexpr std::string_view no_responders_requires_headers =
    "no responders requires headers support";
inline constexpr std::string_view invalid_publish_subject = "Invalid Publish Subject";
inline constexpr std::string_view invalid_subject = "Invalid Subject";
/// Never sent: logged when an HPUB comes from a connection without headers.
inline constexpr std::string_view headers_not_supported = "message headers not supported";

/// `Permissions Violation for Publish to "subject"`
inline std::string publish_denied(std::string_view subject) {
  return "Permissions Violation for Publish to " + go_quote(subject);
}

/// `Permissions Violation for Publish with Reply of "reply"`
inline std::string reply_denied(std::string_view reply) {
  return "Permissions Violation for Publish with Reply of " + go_quote(reply);
}

/// `Permissions Violation for Subscription to "subject"[ using queue "queue"]`
inline std::string subscription_denied(std::string_view subject, std::string_view queue = {}) {
  std::string text = "Permissions Violation for Subscription to " + go_quote(subject);
  if (!queue.empty()) text += " using queue " + go_quote(queue);
  return text;
}

/// The same for a subscription that exists and was taken away by a reload: ` (sid "1")`.
inline std::string subscription_withdrawn(std::string_view subject, std::string_view queue,
                                          std::string_view sid) {
  return subscription_denied(subject, queue) + " (sid " + go_quote(sid) + ")";
}

/// `Permissions Violation for Subscription to "subject", too many tokens`
inline std::string too_many_tokens(std::string_view subject) {
  return subscription_denied(subject) + ", too many tokens";
}

} // namespace err_text

/// Why a connection ended: `reason` in /connz and in the disconnect advisory. Go's order.
enum class closed_reason : uint8_t {
  unknown,
  client_closed,
  authentication_timeout,
  authentication_failure,
  tls_handshake_failure,
  slow_consumer_pending_bytes,
  slow_consumer_write_deadline,
  write_error,
  read_error,
  parse_error,
  stale_connection,
  protocol_violation,
  bad_client_protocol_version,
  incorrect_port,
  max_account_connections_exceeded,
  max_connections_exceeded,
  max_payload_exceeded,
  max_control_line_exceeded,
  max_subscriptions_exceeded,
  duplicate_route,
  route_removed,
  server_shutdown,
  authentication_expired,
  wrong_gateway,
  missing_account,
  credentials_revoked,
  internal_client,
  message_header_violation,
  no_responders_requires_headers,
  cluster_name_conflict,
  duplicate_remote_leafnode,
  duplicate_client_id,
  duplicate_server_name,
  minimum_version_required,
  cluster_names_identical,
  kicked,
  proxy_not_trusted,
  proxy_required,
  count_,
};

namespace detail {

inline constexpr std::array closed_reason_texts{
    std::string_view{"Unknown State"},
    std::string_view{"Client Closed"},
    std::string_view{"Authentication Timeout"},
    std::string_view{"Authentication Failure"},
    std::string_view{"TLS Handshake Failure"},
    std::string_view{"Slow Consumer (Pending Bytes)"},
    std::string_view{"Slow Consumer (Write Deadline)"},
    std::string_view{"Write Error"},
    std::string_view{"Read Error"},
    std::string_view{"Parse Error"},
    std::string_view{"Stale Connection"},
    std::string_view{"Protocol Violation"},
    std::string_view{"Bad Client Protocol Version"},
    std::string_view{"Incorrect Port"},
    std::string_view{"Maximum Account Connections Exceeded"},
    std::string_view{"Maximum Connections Exceeded"},
    std::string_view{"Maximum Message Payload Exceeded"},
    std::string_view{"Maximum Control Line Exceeded"},
    std::string_view{"Maximum Subscriptions Exceeded"},
    std::string_view{"Duplicate Route"},
    std::string_view{"Route Removed"},
    std::string_view{"Server Shutdown"},
    std::string_view{"Authentication Expired"},
    std::string_view{"Wrong Gateway"},
    std::string_view{"Missing Account"},
    std::string_view{"Credentials Revoked"},
    std::string_view{"Internal Client"},
    std::string_view{"Message Header Violation"},
    std::string_view{"No Responders Requires Headers"},
    std::string_view{"Cluster Name Conflict"},
    std::string_view{"Duplicate Remote LeafNode Connection"},
    std::string_view{"Duplicate Client ID"},
    std::string_view{"Duplicate Server Name"},
    std::string_view{"Minimum Version Required"},
    std::string_view{"Cluster Names Identical"},
    std::string_view{"Kicked"},
    std::string_view{"Proxy Not Trusted"},
    std::string_view{"Proxy Required"},
};
static_assert(closed_reason_texts.size() == static_cast<size_t>(closed_reason::count_));
static_assert(closed_reason_texts[static_cast<size_t>(closed_reason::kicked)] == "Kicked");
static_assert(closed_reason_texts[static_cast<size_t>(closed_reason::incorrect_port)]
              == "Incorrect Port");

} // namespace detail

/// The text of a reason; values out of range read "Unknown State".
constexpr std::string_view to_text(closed_reason reason) {
  const auto i = static_cast<size_t>(reason);
  return detail::closed_reason_texts[i < detail::closed_reason_texts.size() ? i : 0];
}

/// What a parser violation brings on: every one of them closes the connection.
struct violation_effect {
  std::string_view err; // text of the -ERR line; empty: none is sent
  closed_reason reason;
};

constexpr violation_effect effect_of(violation v) {
  switch (v) {
  case violation::unknown_op:
    return {err_text::unknown_operation, closed_reason::protocol_violation};
  case violation::control_line_too_long:
    return {err_text::max_control_line, closed_reason::max_control_line_exceeded};
  case violation::payload_too_large:
    return {err_text::max_payload, closed_reason::max_payload_exceeded};
  case violation::none:
  case violation::bad_arguments:
  case violation::bad_header_size:
  case violation::headers_unsupported:
    break;
  }
  return {{}, closed_reason::protocol_violation};
}

} // namespace troupe
