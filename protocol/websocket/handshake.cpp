#include "protocol/websocket/handshake.hpp"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdio>

namespace troupe::websocket {

namespace {

constexpr std::string_view key_suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t nonce_bytes = 16;

struct status {
  int code;
  std::string_view text;
};
constexpr status bad_request{400, "Bad Request"};
constexpr status forbidden{403, "Forbidden"};
constexpr status not_found{404, "Not Found"};
constexpr status bad_method{405, "Method Not Allowed"};

std::string base64(const unsigned char* bytes, size_t n) {
  std::string out(4 * ((n + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes,
                                     static_cast<int>(n));
  out.resize(static_cast<size_t>(length));
  return out;
}

/// 16 bytes in base64 are 22 digits and two signs of padding.
bool is_nonce(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  std::array<unsigned char, 18> bytes;
  const auto digits = key.substr(0, 22);
  if (digits.find('=') != std::string_view::npos) return false;
  return EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(key.data()), 24)
         == static_cast<int>(nonce_bytes + 2);
}

/// "Wed, 25 Nov 2026 09:54:06 GMT"
std::string http_date(std::chrono::sys_seconds now) {
  using namespace std::chrono;
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<std::chrono::days>(now);
  const year_month_day date{day};
  const hh_mm_ss time{now - day};
  char text[40];
  const int n = std::snprintf(
    text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT", days[weekday{day}.c_encoding()],
    static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
    static_cast<int>(date.year()), static_cast<int>(time.hours().count()),
    static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  return {text, static_cast<size_t>(n)};
}

upgrade_outcome refuse(const parsed_head& head, const status& s, std::string reason,
                       std::chrono::sys_seconds now) {
  const http_request& r = head.request;
  upgrade_outcome out;
  out.is = upgrade_outcome::kind::refused;
  // A body is not read, so nothing can follow it.
  out.close = r.wants_close || r.has_body;
  out.consumed = head.consumed;
  out.reason = std::move(reason);
  out.answer = r.version_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  out.answer += std::to_string(s.code) + ' ';
  out.answer += s.text;
  out.answer += "\r\nContent-Type: text/plain; charset=utf-8\r\nSec-Websocket-Version: 13\r\n"
                "X-Content-Type-Options: nosniff\r\nDate: "
                + http_date(now) + "\r\nContent-Length: " + std::to_string(s.text.size() + 1) + "\r\n";
  if (r.has_token("Connection", "close")) out.answer += "Connection: close\r\n";
  out.answer += "\r\n";
  if (r.method == "HEAD") return out;
  out.answer += s.text;
  out.answer += '\n';
  return out;
}

/// Why the page's origin is not let in; empty: it is.
std::string flaw_of_origin(const http_request& r, const upgrade_rules& rules) {
  if (!rules.same_origin && rules.allowed_origins.empty()) return {};
  std::string_view text = r.header("Origin");
  if (text.empty()) text = r.header("Sec-WebSocket-Origin");
  if (text.empty()) return {};  // no browser
  const result<origin> from = parse_origin(text);
  if (!from) return from.error().context;
  if (rules.same_origin) {
    const result<origin> here = parse_host(r.host, rules.tls);
    if (!here) return here.error().context;
    if (from->host != here->host || from->port != here->port
        || from->scheme != (rules.tls ? "https" : "http"))
      return "not same origin";
  }
  if (rules.allowed_origins.empty()) return {};
  for (const origin& a : rules.allowed_origins)
    if (a.host == from->host && a.scheme == from->scheme && a.port == from->port) return {};
  return "not in the allowed list";
}

bool offers_deflate(const http_request& r) {
  for (auto& [name, value] : r.headers) {
    if (!same_ignoring_case(name, "Sec-WebSocket-Extensions")) continue;
    // The Go server takes the name wherever it stands between commas and semicolons.
    std::string_view rest = value;
    while (true) {
      const size_t end = rest.find_first_of(",;");
      if (same_ignoring_case(trim_blanks(rest.substr(0, end)), "permessage-deflate")) return true;
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
    }
  }
  return false;
}

bool is_address(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

void take_cookie(std::string_view name, std::string_view value, const upgrade_rules& rules,
                 upgrade_facts& facts) {
  if (!is_http_token(name)) return;
  if (value.size() > 1 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  for (const unsigned char c : value)
    if (c < 0x20 || c >= 0x7F || c == '"' || c == ';' || c == '\\') return;
  if (name == rules.jwt_cookie) facts.jwt = std::string(value);
  else if (name == rules.user_cookie) facts.user = std::string(value);
  else if (name == rules.pass_cookie) facts.pass = std::string(value);
  else if (name == rules.token_cookie) facts.token = std::string(value);
}

void read_cookies(const http_request& r, const upgrade_rules& rules, upgrade_facts& facts) {
  for (auto& [header, value] : r.headers) {
    if (!same_ignoring_case(header, "Cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view one = trim_blanks(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const size_t equals = std::min(one.find('='), one.size());
      const std::string_view name = trim_blanks(one.substr(0, equals));
      take_cookie(name, one.substr(std::min(equals + 1, one.size())), rules, facts);
    }
  }
}

upgrade_facts read_facts(const http_request& r, const upgrade_rules& rules) {
  upgrade_facts facts;
  facts.compression = rules.compression && offers_deflate(r);
  if (std::string address(r.header("X-Forwarded-For")); is_address(address))
    facts.forwarded_for = std::move(address);
  const std::string_view agent = r.header("User-Agent");
  facts.browser = agent.starts_with("Mozilla/");
  // Chrome says "Safari/" too, but only Safari says "Version/".
  facts.whole_messages = facts.browser && facts.compression
                         && agent.find("Version/") != std::string_view::npos
                         && agent.find("Safari/") != std::string_view::npos;
  read_cookies(r, rules, facts);
  return facts;
}

/// Why the request is refused before its origin is looked at; empty: it is not.
std::string flaw_of_request(const http_request& r) {
  if (r.host.empty()) return "'Host' missing in request";
  if (!r.has_token("Upgrade", "websocket")) return "invalid value for header 'Upgrade'";
  if (!r.has_token("Connection", "Upgrade")) return "invalid value for header 'Connection'";
  const std::string_view key = r.header("Sec-WebSocket-Key");
  if (key.empty()) return "key missing";
  if (!is_nonce(key)) return "invalid websocket key";
  if (!r.has_token("Sec-WebSocket-Version", "13")) return "invalid version";
  return {};
}

std::string answer_upgrade(const http_request& r, const upgrade_rules& rules,
                           const upgrade_facts& facts) {
  std::string text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: "
                     + accept_key(r.header("Sec-WebSocket-Key")) + "\r\n";
  if (facts.compression)
    text += "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
            "client_no_context_takeover\r\n";
  if (facts.no_masking) text += "Nats-No-Masking: true\r\n";
  text += rules.headers;
  text += "\r\n";
  return text;
}

} // namespace

std::string accept_key(std::string_view key) {
  std::string text(key);
  text += key_suffix;
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest.data(), digest.size());
}

result<void> check_header_name(std::string_view name) {
  for (const std::string_view own : {"host", "content-length", "connection", "upgrade", "nats-no-masking"})
    if (same_ignoring_case(name, own))
      return error{errc::malformed, "websocket: invalid header \"" + std::string(name) + "\" not allowed"};
  if (constexpr std::string_view prefix = "sec-websocket-"; same_ignoring_case(name.substr(0, prefix.size()), prefix))
    return error{errc::malformed, "websocket: invalid header \"" + std::string(name)
                                    + "\", \"Sec-WebSocket-\" prefix not allowed"};
  return {};
}

upgrade_outcome judge_upgrade(std::string_view in, size_t& scanned, const upgrade_rules& rules,
                              std::chrono::sys_seconds now) {
  upgrade_outcome out;
  parsed_head head = parse_head(in, scanned);
  if (head.is == parsed_head::state::need_more) return out;
  if (head.is == parsed_head::state::bad) {
    out.is = upgrade_outcome::kind::refused;
    out.close = true;
    out.answer = std::move(head.answer);
    return out;
  }
  const http_request& r = head.request;
  const bool leaf = r.path.ends_with("/leafnode");
  if (!leaf && r.path.ends_with("/mqtt"))
    return refuse(head, not_found, "mqtt websocket endpoint not enabled", now);
  if (r.method != "GET") return refuse(head, bad_method, "request method must be GET", now);
  if (std::string flaw = flaw_of_request(r); !flaw.empty())
    return refuse(head, bad_request, std::move(flaw), now);
  if (std::string flaw = flaw_of_origin(r, rules); !flaw.empty())
    return refuse(head, forbidden, "origin not allowed: " + flaw, now);

  out.facts = read_facts(r, rules);
  out.facts.no_masking = leaf && r.header("Nats-No-Masking") == "true";
  out.consumed = head.consumed;
  if (in.size() > head.consumed || r.has_body) {
    out.is = upgrade_outcome::kind::refused;
    out.close = true;
    out.reason = "client sent data before handshake is complete";
    return out;
  }
  out.answer = answer_upgrade(r, rules, out.facts);
  out.is = upgrade_outcome::kind::upgraded;
  if (leaf) {
    // As the Go server without a leaf node listener: it agrees, and hangs up.
    out.is = upgrade_outcome::kind::refused;
    out.close = true;
    out.reason = "Not configured to accept leaf node connections";
  }
  return out;
}

} // namespace troupe::websocket
