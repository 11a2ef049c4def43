#include "protocol/service_url.hpp"

#include <algorithm>
#include <cctype>

namespace troupe {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

struct url_parts {
  std::string_view scheme, user, host, rest; // user without the @, rest from the path on
  bool has_user = false, has_authority = false;
};

url_parts parts_of(std::string_view text) {
  url_parts out;
  text = trimmed(text);
  const size_t slashes = text.find("://");
  if (slashes == std::string_view::npos) return {{}, {}, {}, text, false, false};
  out.scheme = text.substr(0, slashes);
  out.has_authority = true;
  text.remove_prefix(slashes + 3);
  const size_t end = std::min(text.find_first_of("/?#"), text.size());
  out.rest = text.substr(end);
  out.host = text.substr(0, end);
  const size_t at = out.host.rfind('@');
  if (at == std::string_view::npos) return out;
  out.user = out.host.substr(0, at);
  out.host.remove_prefix(at + 1);
  out.has_user = true;
  return out;
}

/// Where ":port" begins; the host's size if there is none.
size_t port_of(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  const bool none = colon == std::string_view::npos
                    || (bracket != std::string_view::npos && colon < bracket);
  return none ? host.size() : colon;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

bool good_escapes(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '%' && (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])))
      return false;
  return true;
}

bool good_scheme(std::string_view text) {
  auto alpha = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  return !text.empty() && alpha(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
    return alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

bool good_host(std::string_view host) {
  const size_t port = port_of(host);
  const std::string_view name = host.substr(0, port);
  const std::string_view digits = host.substr(std::min(port + 1, host.size()));
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return false;
  if (name.starts_with('[') != name.ends_with(']')) return false;
  // More colons than that of the port mean nothing without brackets.
  if (!name.starts_with('[') && name.find(':') != std::string_view::npos) return false;
  return name.find_first_of(" <>\"{}|\\^`%") == std::string_view::npos;
}

std::string lower_scheme(std::string_view text) {
  std::string out(parts_of(text).scheme);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

} // namespace

bool is_service_url(std::string_view text) {
  text = trimmed(text);
  constexpr unsigned char del = 0x7f;
  if (std::any_of(text.begin(), text.end(), [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return u < ' ' || u == del;
      }))
    return false;
  const url_parts parts = parts_of(text);
  if (!good_escapes(parts.rest.substr(0, parts.rest.find('?')))) return false;
  if (!parts.has_authority) {
    // "name:..." is a scheme, "1.2.3.4:..." is not, nor is a colon in a path.
    const size_t colon = text.find(':');
    return colon == std::string_view::npos || text.find('/') < colon || good_scheme(text.substr(0, colon));
  }
  return good_scheme(parts.scheme) && good_escapes(parts.user) && good_host(parts.host);
}

bool names_host(std::string_view text) {
  const url_parts parts = parts_of(text);
  return parts.has_authority && port_of(parts.host) != 0;
}

bool is_websocket_url(std::string_view text) { return lower_scheme(text).starts_with("ws"); }
bool is_wss_url(std::string_view text) { return lower_scheme(text) == "wss"; }

std::string shown_url(std::string_view text, int default_port) {
  const url_parts parts = parts_of(text);
  if (!parts.has_authority) return std::string(parts.rest);
  std::string out = std::string(parts.scheme) + "://";
  if (parts.has_user) {
    const size_t colon = parts.user.find(':');
    out += parts.user.substr(0, colon);
    out += colon == std::string_view::npos ? "@" : ":xxxxx@";
  }
  out += parts.host;
  if (default_port != 0 && port_of(parts.host) == parts.host.size())
    out += ":" + std::to_string(default_port);
  return out += parts.rest;
}

} // namespace troupe
