// URLs of other servers, as far as a file is judged by them: whether the NATS server could read them, and
// how it shows them. Pure.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// Whether Go's url.Parse takes it. Blanks around it do not count.
bool is_service_url(std::string_view text);

/// Whether a URL has a scheme and a host.
bool names_host(std::string_view text);

/// "ws://..." or "wss://...".
bool is_websocket_url(std::string_view text);
bool is_wss_url(std::string_view text);

/// With this port where it names none (0: as it is), and "xxxxx" for a password.
std::string shown_url(std::string_view text, int default_port);

} // namespace troupe
