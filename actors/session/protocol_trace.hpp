// Trace lines of the client protocol, in the NATS server's form.
//
// Pure. Payloads are quoted as Go quotes strings; control lines stand as they were sent, CONNECT
// without what proves an identity.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/session/session_settings.hpp"
#include "protocol/client/parser.hpp"

namespace troupe {

inline constexpr std::string_view trace_in = "<<-";
inline constexpr std::string_view trace_out = "->>";
inline constexpr std::string_view trace_both = "<->";

/// `<<- [PUB foo 5]`
std::string traced_op(std::string_view direction, std::string_view op, std::string_view argument = {});

/// `<<- MSG_PAYLOAD: ["hello"]`, or "" when the settings leave nothing to show. `header_bytes` is
/// negative or zero for a message without headers.
std::string traced_payload(std::string_view direction, std::string_view payload,
                           int32_t header_bytes, const session_settings& settings);

/// The line of an operation that came in, without its payload; "" for what is not traced.
std::string traced_input(const op& o);

} // namespace troupe
