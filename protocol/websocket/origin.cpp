#include "protocol/websocket/origin.hpp"

#include <algorithm>

namespace troupe::websocket {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return out;
}

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

error unreadable(std::string_view text, std::string_view why) {
  return {errc::malformed, "parse \"" + std::string(text) + "\": " + std::string(why)};
}

/// The length of the scheme; 0: there is none; npos: a colon where one should begin.
size_t scheme_length(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_alpha(c)) continue;
    if (c == ':') return i == 0 ? std::string_view::npos : i;
    if (i == 0 || !(is_digit(c) || c == '+' || c == '-' || c == '.')) return 0;
  }
  return 0;
}

/// What is wrong with "host", "host:port" or "[v6]:port"; empty when nothing is.
std::string flaw_of_host(std::string_view host) {
  size_t port = std::string_view::npos;
  if (host.starts_with('[')) {
    const size_t close = host.rfind(']');
    if (close == std::string_view::npos) return "missing ']' in host";
    port = close + 1;
  } else {
    port = host.rfind(':');
  }
  if (port != std::string_view::npos && port < host.size()) {
    const std::string_view text = host.substr(port);
    if (text[0] != ':' || !std::all_of(text.begin() + 1, text.end(), is_digit))
      return "invalid port \"" + std::string(text) + "\" after host";
  }
  constexpr std::string_view allowed = "!$&'()*+,;=:[]<>\"-._~%";
  for (const char c : host)
    if (!is_alpha(c) && !is_digit(c) && static_cast<unsigned char>(c) < 0x80
        && allowed.find(c) == std::string_view::npos)
      return "invalid character \"" + std::string(1, c) + "\" in host name";
  return {};
}

} // namespace

result<origin> parse_host(std::string_view text, bool tls) {
  origin out;
  out.has_host = !text.empty();
  out.port = tls ? "443" : "80";
  const size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const size_t close = bracketed ? text.find(']') : std::string_view::npos;
  if (bracketed && close == std::string_view::npos && colon != std::string_view::npos)
    return error{errc::malformed, "address " + std::string(text) + ": missing ']' in address"};
  if (colon == std::string_view::npos || (bracketed && close + 1 == text.size())) {
    out.host = lower(text);
    return out;
  }
  const std::string_view host = bracketed ? text.substr(1, close - 1) : text.substr(0, colon);
  if (bracketed ? close + 1 != colon : host.find(':') != std::string_view::npos)
    return error{errc::malformed, "address " + std::string(text) + ": too many colons in address"};
  out.host = lower(host);
  out.port = std::string(text.substr(colon + 1));
  return out;
}

result<origin> parse_origin(std::string_view text) {
  const bool control = std::any_of(text.begin(), text.end(), [](unsigned char c) {
    return c < 0x20 || c == 0x7F;
  });
  if (control) return unreadable(text, "net/url: invalid control character in URL");
  if (text.empty()) return unreadable(text, "empty url");
  const size_t scheme = scheme_length(text);
  if (scheme == std::string_view::npos) return unreadable(text, "missing protocol scheme");
  std::string_view rest = scheme == 0 ? text : text.substr(scheme + 1);
  if (!rest.starts_with('/') && scheme == 0) return unreadable(text, "invalid URI for request");
  std::string_view host;
  if (scheme != 0 && rest.starts_with("//")) {
    host = rest.substr(2);
    host = host.substr(0, host.find_first_of("/?"));
    if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
    if (const std::string flaw = flaw_of_host(host); !flaw.empty()) return unreadable(text, flaw);
  }
  std::string name = lower(text.substr(0, scheme));
  result<origin> out = parse_host(host, name == "https");
  if (out) out->scheme = std::move(name);
  return out;
}

} // namespace troupe::websocket
