#include "protocol/service_url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

namespace troupe {

namespace {

using fault = std::optional<url_fault>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/// How long the scheme at the front is, its colon not among it; nothing: there is none.
std::optional<size_t> scheme_size(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':') return i;
    if (is_alpha(text[i])) continue;
    if (i == 0 || !(is_digit(text[i]) || text[i] == '+' || text[i] == '-' || text[i] == '.')) return {};
  }
  return {};
}

struct url_parts {
  std::string_view scheme;
  std::string_view user; // without the @
  std::string_view host; // with its port
  std::string_view path; // up to a query
  std::string_view rest; // all behind the host, or behind the scheme if there is no host
  std::string_view fragment;
  bool has_user = false;
  bool has_authority = false; // it may be empty
};

url_parts parts_of(std::string_view text) {
  url_parts out;
  if (const auto size = scheme_size(text)) {
    out.scheme = text.substr(0, *size);
    text.remove_prefix(*size + 1);
  }
  out.rest = text;
  const size_t hash = std::min(text.find('#'), text.size());
  out.fragment = text.substr(std::min(hash + 1, text.size()));
  out.path = text.substr(0, std::min(hash, text.find('?')));
  out.has_authority =
    out.path.starts_with("//") && (!out.scheme.empty() || !out.path.starts_with("///"));
  if (!out.has_authority) return out;
  const size_t end = std::min(out.path.find('/', 2), out.path.size());
  out.host = out.path.substr(2, end - 2);
  out.path.remove_prefix(end);
  out.rest.remove_prefix(end);
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

int value_of(std::string_view escape) {
  const auto digit = [](char c) { return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10; };
  return digit(escape[1]) * 16 + digit(escape[2]);
}

bool is_host_char(char c) {
  constexpr std::string_view others = "-_.~!$&'()*+,;=:[]<>\"";
  return !is_ascii(c) || is_alpha(c) || is_digit(c) || others.find(c) != std::string_view::npos;
}

enum class part : uint8_t { host, zone, other };

/// What stands for bytes that cannot stand there themselves.
fault escapes_fault(std::string_view text, part where) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (where == part::other || is_host_char(text[i])) continue;
      return url_fault{"invalid character ", text.substr(i, 1), " in host name"};
    }
    const std::string_view escape = text.substr(i, 3);
    const bool whole = escape.size() == 3 && is_hex(escape[1]) && is_hex(escape[2]);
    // In a host only for what is no ASCII, in a zone for what may stand there anyway, or a blank.
    const bool allowed = whole
                         && (where == part::other || escape == "%25"
                             || (where == part::host && value_of(escape) >= 0x80)
                             || (where == part::zone && (escape == "%20" || is_host_char(static_cast<char>(value_of(escape))))));
    if (!allowed) return url_fault{"invalid URL escape ", escape};
    i += 2;
  }
  return {};
}

bool is_port(std::string_view text) {
  return text.empty()
         || (text[0] == ':' && std::all_of(text.begin() + 1, text.end(), is_digit));
}

/// "[address]" or "[address%25zone]", with a port or not.
fault literal_fault(std::string_view host) {
  const size_t end = host.rfind(']');
  if (end == std::string_view::npos) return url_fault{"missing ']' in host"};
  if (const std::string_view port = host.substr(end + 1); !is_port(port))
    return url_fault{"invalid port ", port, " after host"};
  const std::string_view inside = host.substr(1, end - 1);
  const size_t zone = std::min(inside.find("%25"), inside.size());
  if (auto bad = escapes_fault(inside.substr(0, zone), part::host)) return bad;
  if (auto bad = escapes_fault(inside.substr(zone), part::zone)) return bad;
  const std::string address(inside.substr(0, zone));
  in6_addr unused{};
  if (::inet_pton(AF_INET6, address.c_str(), &unused) == 1 && inside.size() != zone + 3) return {};
  in_addr of_four{};
  if (::inet_pton(AF_INET, address.c_str(), &of_four) == 1 && zone == inside.size())
    return url_fault{"invalid IP-literal"};
  return url_fault{"invalid host: it is no address"};
}

fault host_fault(std::string_view host, const std::string& scheme) {
  const size_t bracket = host.rfind('[');
  if (bracket == 0) return literal_fault(host);
  if (bracket != std::string_view::npos) return url_fault{"invalid IP-literal"};
  // Of many colons the last is that of the port, but in the web's own URLs.
  const bool strict = scheme == "http" || scheme == "https";
  const size_t colon = strict ? host.find(':') : host.rfind(':');
  if (colon != std::string_view::npos && !is_port(host.substr(colon)))
    return url_fault{"invalid port ", host.substr(colon), " after host"};
  return escapes_fault(host, part::host);
}

fault user_fault(std::string_view user) {
  constexpr std::string_view others = "-._:~!$&'()*+,;=%@";
  const bool good = std::all_of(user.begin(), user.end(), [&](char c) {
    return is_alpha(c) || is_digit(c) || others.find(c) != std::string_view::npos;
  });
  if (!good) return url_fault{"net/url: invalid userinfo"};
  return escapes_fault(user, part::other);
}

} // namespace

std::optional<url_fault> find_url_fault(std::string_view text) {
  constexpr unsigned char del = 0x7f;
  if (std::any_of(text.begin(), text.end(), [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return u < ' ' || u == del;
      }))
    return url_fault{"net/url: invalid control character in URL"};
  if (text.starts_with(':')) return url_fault{"missing protocol scheme"};
  const url_parts parts = parts_of(text);
  if (auto bad = escapes_fault(parts.fragment, part::other)) return bad;
  if (!parts.path.starts_with('/') && !parts.has_authority) {
    if (!parts.scheme.empty()) return {}; // opaque
    if (parts.path.substr(0, parts.path.find('/')).find(':') != std::string_view::npos)
      return url_fault{"first path segment in URL cannot contain colon"};
  }
  if (parts.has_authority) {
    if (auto bad = host_fault(parts.host, url_scheme(text))) return bad;
    if (auto bad = user_fault(parts.user)) return bad;
  }
  return escapes_fault(parts.path, part::other);
}

bool is_service_url(std::string_view text) { return !find_url_fault(trimmed(text)); }

std::string url_scheme(std::string_view text) {
  std::string out(parts_of(trimmed(text)).scheme);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool has_url_host(std::string_view text) { return !parts_of(trimmed(text)).host.empty(); }

bool names_host(std::string_view text) {
  const url_parts parts = parts_of(trimmed(text));
  return !parts.scheme.empty() && port_of(parts.host) != 0;
}

bool is_websocket_url(std::string_view text) { return url_scheme(text).starts_with("ws"); }
bool is_wss_url(std::string_view text) { return url_scheme(text) == "wss"; }

std::string shown_url(std::string_view text, int default_port) {
  text = trimmed(text);
  const url_parts parts = parts_of(text);
  if (!parts.has_authority) return std::string(text);
  std::string out = url_scheme(text);
  out += out.empty() ? "//" : "://";
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
