// Where a page came from: scheme, host and port of an Origin header or of an allowed origin.
//
// Pure. Reads what Go's url.ParseRequestURI and net.SplitHostPort read, and says in their words
// what it cannot read, for these texts are in configuration errors and in the log.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.hpp"

namespace troupe::websocket {

struct origin {
  std::string scheme;  // lower case; empty: there was none
  std::string host;    // lower case
  std::string port;    // 443 or 80 where none was given
  bool has_host = false;

  bool operator==(const origin&) const = default;
};

/// The error's context is Go's text, as `parse "null": invalid URI for request`.
result<origin> parse_origin(std::string_view text);

/// Host and port of a Host header; the default port is that of the scheme.
result<origin> parse_host(std::string_view host_and_port, bool tls);

} // namespace troupe::websocket
