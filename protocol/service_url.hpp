// URLs of other servers, as far as a file is judged by them: whether the NATS server could read them, and
// how it shows them. The grammar is that of Go's net/url.
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// Why Go's url.Parse does not take a text, in its words: before, the piece that it quotes (empty: none), and
/// after. The piece may be part of a password.
struct url_fault {
  std::string_view before;
  std::string_view piece = {};
  std::string_view after = {};
};
/// Nothing: it is a URL. The text has to outlive the answer.
std::optional<url_fault> find_url_fault(std::string_view text);
/// The same with blanks around it, which do not count.
bool is_service_url(std::string_view text);

/// In lower case; empty: there is none.
std::string url_scheme(std::string_view text);
/// Whether it has a host, or a port of one.
bool has_url_host(std::string_view text);
/// Whether a URL has a scheme and a host that is not just a port.
bool names_host(std::string_view text);

/// "ws://..." or "wss://...".
bool is_websocket_url(std::string_view text);
bool is_wss_url(std::string_view text);

/// With this port where it names none (0: as it is), and "xxxxx" for a password.
std::string shown_url(std::string_view text, int default_port);

} // namespace troupe
