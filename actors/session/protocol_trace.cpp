#include "actors/session/protocol_trace.hpp"

#include <algorithm>

#include "protocol/client/go_quote.hpp"
#include "protocol/client/redact.hpp"

namespace troupe {

namespace {

/// "All" has a bound, too: a payload may be 64 MiB, and quoted four times that.
constexpr size_t shown_bytes_max = 1024 * 1024;

} // namespace

std::string traced_op(std::string_view direction, std::string_view op, std::string_view argument) {
  std::string line(direction);
  line.append(" [").append(op);
  if (!argument.empty()) line.append(" ").append(argument);
  return line += ']';
}

std::string traced_payload(std::string_view direction, std::string_view payload,
                           int32_t header_bytes, const session_settings& settings) {
  if (settings.trace_headers_only) {
    if (header_bytes <= 0) return {};
    payload = payload.substr(0, static_cast<size_t>(header_bytes));
    // The empty line that ends the headers is not shown.
    if (payload.ends_with("\r\n\r\n")) payload.remove_suffix(4);
  }
  if (payload.empty()) return {};
  size_t bound = shown_bytes_max;
  if (settings.max_traced_msg_len > 0)
    bound = std::min(bound, static_cast<size_t>(settings.max_traced_msg_len));
  const bool cut = payload.size() > bound;
  std::string quoted = go_quote(payload.substr(0, bound));
  if (cut) quoted.insert(quoted.size() - 1, "...");
  return std::string(direction).append(" MSG_PAYLOAD: [").append(quoted).append("]");
}

std::string traced_input(const op& o) {
  switch (o.kind) {
    case op_kind::pub: return traced_op(trace_in, o.header_bytes >= 0 ? "HPUB" : "PUB", o.argument);
    case op_kind::sub: return traced_op(trace_in, "SUB", o.argument);
    case op_kind::unsub: return traced_op(trace_in, "UNSUB", o.argument);
    case op_kind::ping: return traced_op(trace_in, "PING");
    case op_kind::pong: return traced_op(trace_in, "PONG");
    case op_kind::connect: return traced_op(trace_in, "CONNECT", redact_connect(o.argument));
    // The rest is not traced by the NATS server either.
    case op_kind::info:
    case op_kind::ok:
    case op_kind::err:
    case op_kind::need_more:
    case op_kind::violation: break;
  }
  return {};
}

} // namespace troupe
