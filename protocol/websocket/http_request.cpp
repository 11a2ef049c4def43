#include "protocol/websocket/http_request.hpp"

#include <algorithm>
#include <optional>

namespace troupe::websocket {

namespace {

constexpr std::string_view plain_and_close =
  "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n";

struct refusal {
  std::string_view status = "400 Bad Request";
  std::string_view detail = {};
  std::string_view body = {};  // instead of status and detail
};
using verdict = std::optional<refusal>;

/// What Go answers when it cannot make sense of a request.
std::string answer_of(const refusal& r) {
  std::string text(r.status);
  if (!r.detail.empty()) text.append(": ").append(r.detail);
  return "HTTP/1.1 " + text + std::string(plain_and_close)
         + (r.body.empty() ? text : std::string(r.body));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_token_char(unsigned char c) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || others.find(static_cast<char>(c)) != std::string_view::npos;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

bool escapes_are_whole(std::string_view text) {
  auto hex = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '%' && (i + 2 >= text.size() || !hex(text[i + 1]) || !hex(text[i + 2])))
      return false;
  return true;
}

/// "/path?query", or "scheme://host/path".
verdict read_target(std::string_view target, http_request& out) {
  if (target.empty() || has_control(target)) return refusal{};
  if (target.front() != '/') {
    const size_t scheme = target.find("://");
    if (scheme == std::string_view::npos || scheme == 0) return refusal{};
    target.remove_prefix(scheme + 3);
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    out.host = std::string(target.substr(0, end));
    target.remove_prefix(end);
  }
  const std::string_view path = target.substr(0, target.find('?'));
  if (!escapes_are_whole(path)) return refusal{};
  out.path = std::string(path);
  return {};
}

verdict read_request_line(std::string_view line, http_request& out) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return refusal{};
  out.method = std::string(line.substr(0, first));
  const std::string_view version = line.substr(second + 1);
  if (!is_http_token(out.method)) return refusal{};
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5])
      || version[6] != '.' || !is_digit(version[7]))
    return refusal{};
  if (version[5] != '1') return refusal{"505 HTTP Version Not Supported", "unsupported protocol version"};
  out.version_1_0 = version[7] == '0';
  return read_target(line.substr(first + 1, second - first - 1), out);
}

verdict read_header_line(std::string_view line, http_request& out) {
  const bool continued = line.front() == ' ' || line.front() == '\t';
  if (continued) {
    if (out.headers.empty()) return refusal{};
    std::string& value = out.headers.back().second;
    const std::string_view more = trim_blanks(line);
    if (!value.empty() && !more.empty()) value += ' ';
    value += more;
    return {};
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return refusal{};
  const std::string_view name = line.substr(0, colon), value = trim_blanks(line.substr(colon + 1));
  if (name.find(' ') != std::string_view::npos) return refusal{"400 Bad Request", "invalid header name"};
  if (!is_http_token(name)) return refusal{};
  const bool bad = std::any_of(value.begin(), value.end(), [](unsigned char c) {
    return (c < 0x20 && c != '\t') || c == 0x7F;
  });
  if (bad) return refusal{};
  out.headers.emplace_back(name, value);
  return {};
}

verdict check_host(http_request& out) {
  size_t hosts = 0;
  std::string_view host;
  for (auto& [name, value] : out.headers)
    if (same_ignoring_case(name, "Host") && hosts++ == 0) host = value;
  if (hosts > 1) return refusal{};
  if (hosts == 0 && out.host.empty() && !out.version_1_0)
    return refusal{"400 Bad Request", "missing required Host header"};
  constexpr std::string_view allowed = "!$%&'()*+,-.:;=[]_~";
  const bool bad = std::any_of(host.begin(), host.end(), [&](unsigned char c) {
    const bool alnum = is_digit(static_cast<char>(c)) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return !alnum && allowed.find(static_cast<char>(c)) == std::string_view::npos;
  });
  if (bad) return refusal{"400 Bad Request", "malformed Host header"};
  if (out.host.empty()) out.host = std::string(host);
  return {};
}

verdict check_body(http_request& out) {
  if (const std::string_view coding = out.header("Transfer-Encoding"); out.has("Transfer-Encoding")) {
    if (!same_ignoring_case(coding, "chunked")) 
      return refusal{"501 Not Implemented", {}, "Unsupported transfer encoding"};
    out.has_body = true;
  }
  const std::string_view length = out.header("Content-Length");
  for (auto& [name, value] : out.headers)
    if (same_ignoring_case(name, "Content-Length")
        && (value != length || value.empty() || !std::all_of(value.begin(), value.end(), is_digit)))
      return refusal{};
  if (length.find_first_not_of('0') != std::string_view::npos) out.has_body = true;
  return {};
}

parsed_head bad(const refusal& r) {
  parsed_head out;
  out.is = parsed_head::state::bad;
  out.answer = answer_of(r);
  return out;
}

std::string_view take_line(std::string_view& in) {
  const size_t end = in.find('\n');
  std::string_view line = in.substr(0, end);
  in.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// The length of the head including the empty line that ends it; npos when that is not there yet.
size_t head_end(std::string_view in, size_t from) {
  for (size_t at = in.find('\n', from); at != std::string_view::npos; at = in.find('\n', at + 1)) {
    if (in.substr(at + 1, 1) == "\n") return at + 2;
    if (in.substr(at + 1, 2) == "\r\n") return at + 3;
  }
  return std::string_view::npos;
}

} // namespace

bool is_http_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

std::string_view http_request::header(std::string_view name) const {
  for (auto& [key, value] : headers)
    if (same_ignoring_case(key, name)) return value;
  return {};
}

bool http_request::has(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(),
                     [&](auto& h) { return same_ignoring_case(h.first, name); });
}

bool http_request::has_token(std::string_view name, std::string_view token) const {
  for (auto& [key, value] : headers) {
    if (!same_ignoring_case(key, name)) continue;
    std::string_view rest = value;
    while (true) {
      const size_t comma = rest.find(',');
      if (same_ignoring_case(trim_blanks(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

parsed_head parse_head(std::string_view in, size_t& scanned) {
  parsed_head out;
  const std::string_view bounded = in.substr(0, max_head_bytes);
  const size_t line_end = bounded.find('\n');
  if (line_end != std::string_view::npos) {
    // Told at once: what speaks another protocol ends its first line and waits.
    std::string_view rest = bounded;
    if (auto no = read_request_line(take_line(rest), out.request)) return bad(*no);
  }
  // The end may lie across the border of what was seen: two bytes of it at most.
  const size_t end = head_end(bounded, scanned > 3 ? scanned - 3 : 0);
  if (end == std::string_view::npos) {
    scanned = bounded.size();
    if (in.size() >= max_head_bytes) return bad({"431 Request Header Fields Too Large"});
    return out;
  }
  std::string_view rest = bounded.substr(line_end + 1, end - line_end - 1);
  for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest))
    if (auto no = read_header_line(line, out.request)) return bad(*no);
  if (auto no = check_host(out.request)) return bad(*no);
  if (auto no = check_body(out.request)) return bad(*no);
  out.request.wants_close = out.request.version_1_0 || out.request.has_token("Connection", "close");
  out.consumed = end;
  out.is = parsed_head::state::whole;
  return out;
}

} // namespace troupe::websocket
