// Addresses as text.
//
// Pure and inline.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// A host for "host:port": an IPv6 address in brackets, anything else as it is.
inline std::string bracketed(std::string_view host) {
  const bool six = host.find(':') != std::string_view::npos;
  return six ? '[' + std::string(host) + ']' : std::string(host);
}

/// "host:port".
inline std::string join_host_port(std::string_view host, int port) {
  return bracketed(host) + ':' + std::to_string(port);
}

/// Whether to listen there is to listen on all addresses, of IPv4 and of IPv6, as in Go's net.Listen.
inline bool is_every_address(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

} // namespace troupe
