// Upgrades to WebSocket: what is asked of a request, what it tells, and the answers to the letter.
// The expected texts were read from the Go server's socket.
#include <string>

#include "protocol/websocket/handshake.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::websocket;

namespace {

constexpr std::chrono::sys_seconds morning{std::chrono::seconds{1795600446}};

const std::string usual = "GET / HTTP/1.1\r\nHost: a:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

upgrade_outcome judge(const std::string& request, const upgrade_rules& rules = {}) {
  size_t scanned = 0;
  return judge_upgrade(request, scanned, rules, morning);
}

std::string without(const std::string& line) {
  std::string text = usual;
  const size_t at = text.find(line);
  text.erase(at, text.find('\n', at) + 1 - at);
  return text + "\r\n";
}

std::string with_target(const std::string& target) {
  std::string text = usual + "\r\n";
  return text.replace(4, 1, target);
}

origin from(const char* text) { return *parse_origin(text); }

const std::string refused_400 =
  "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
  "Sec-Websocket-Version: 13\r\nX-Content-Type-Options: nosniff\r\n"
  "Date: Wed, 25 Nov 2026 09:54:06 GMT\r\nContent-Length: 12\r\n\r\nBad Request\n";

const std::string no_http = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
                            "Connection: close\r\n\r\n400 Bad Request";

} // namespace

TEST_CASE("A WebSocket upgrade is answered with the key's digest", "[protocol][websocket]") {
  const upgrade_outcome o = judge(usual + "\r\n");
  REQUIRE(o.is == upgrade_outcome::kind::upgraded);
  CHECK(o.answer == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  CHECK(o.consumed == usual.size() + 2);
  CHECK_FALSE(o.facts.compression);
  CHECK_FALSE(o.facts.browser);
}

TEST_CASE("An upgrade may come in any pieces and with bare line feeds", "[protocol][websocket]") {
  const std::string whole = usual + "\r\n";
  size_t scanned = 0;
  for (size_t n = 0; n < whole.size(); ++n)
    REQUIRE(judge_upgrade(whole.substr(0, n), scanned, {}, morning).is == upgrade_outcome::kind::need_more);
  CHECK(judge_upgrade(whole, scanned, {}, morning).is == upgrade_outcome::kind::upgraded);
  std::string bare;
  for (const char c : whole)
    if (c != '\r') bare += c;
  CHECK(judge(bare).is == upgrade_outcome::kind::upgraded);
}

TEST_CASE("Each missing part of an upgrade is named in the log and not to the client",
          "[protocol][websocket]") {
  const auto [request, reason] = GENERATE(table<std::string, std::string>({
    {without("Upgrade: "), "invalid value for header 'Upgrade'"},
    {without("Connection: "), "invalid value for header 'Connection'"},
    {without("Sec-WebSocket-Key"), "key missing"},
    {without("Sec-WebSocket-Version"), "invalid version"},
    {without("Host") + "", ""},
  }));
  const upgrade_outcome o = judge(request);
  CHECK(o.is == upgrade_outcome::kind::refused);
  CHECK(o.reason == reason);
  if (reason.empty()) {
    CHECK(o.close);
    CHECK(o.answer.ends_with("400 Bad Request: missing required Host header"));
    return;
  }
  CHECK_FALSE(o.close);
  CHECK(o.answer == refused_400);
}

TEST_CASE("Keys that are not sixteen bytes in base64 are refused", "[protocol][websocket]") {
  const std::string key = GENERATE("abc", "AAAA", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZXg=",
                                   "dGhlIHNhbXBsZSBub25!ZQ==", "dGhlIHNhbXBsZSBub25jZXh4eA==");
  std::string text = usual + "\r\n";
  text.replace(text.find("dGhl"), 24, key);
  CHECK(judge(text).reason == "invalid websocket key");
}

TEST_CASE("Methods other than GET are refused, and HEAD gets no body", "[protocol][websocket]") {
  std::string text = usual + "\r\n";
  const upgrade_outcome post = judge("POST" + text.substr(3));
  CHECK(post.reason == "request method must be GET");
  CHECK(post.answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  CHECK(post.answer.ends_with("Content-Length: 19\r\n\r\nMethod Not Allowed\n"));
  CHECK(judge("HEAD" + text.substr(3)).answer.ends_with("Content-Length: 19\r\n\r\n"));
}

TEST_CASE("What is no HTTP is refused at its first line", "[protocol][websocket]") {
  const std::string text = GENERATE("PING\r\n", "hello world\r\n", "GET / HTTX/1.1\r\n", "GET / HTTP/9\r\n",
                                    "G(T / HTTP/1.1\r\n", "\r\nGET / HTTP/1.1\r\n", "GET foo HTTP/1.1\r\n",
                                    "GET /%zz HTTP/1.1\r\n");
  const upgrade_outcome o = judge(text);
  CHECK(o.close);
  CHECK(o.reason.empty());
  CHECK(o.answer == no_http);
}

TEST_CASE("Broken header lines are refused as Go refuses them", "[protocol][websocket]") {
  const auto [lines, tail] = GENERATE(table<std::string, std::string>({
    {"bad header\r\n", "\r\n\r\n400 Bad Request"},
    {": x\r\n", "\r\n\r\n400 Bad Request"},
    {"X: a\x01" "b\r\n", "\r\n\r\n400 Bad Request"},
    {"Host: b\r\n", "\r\n\r\n400 Bad Request"},
    {"X : ab\r\n", "\r\n\r\n400 Bad Request: invalid header name"},
    {"Content-Length: foo\r\n", "\r\n\r\n400 Bad Request"},
    {"Transfer-Encoding: foo\r\n", "\r\n\r\nUnsupported transfer encoding"},
  }));
  const upgrade_outcome o = judge(usual + lines + "\r\n");
  CHECK(o.is == upgrade_outcome::kind::refused);
  CHECK(o.close);
  CHECK(o.answer.ends_with(tail));
}

TEST_CASE("A head that does not end within its bound is refused", "[protocol][websocket]") {
  size_t scanned = 0;
  const std::string text = usual + "X: " + std::string(max_head_bytes, 'a');
  const upgrade_outcome o = judge_upgrade(text, scanned, {}, morning);
  CHECK(o.answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  CHECK(o.close);
}

TEST_CASE("Data before the upgrade is answered ends the connection without a word",
          "[protocol][websocket]") {
  for (const std::string& text : {usual + "\r\nx", usual + "Content-Length: 5\r\n\r\nhello"}) {
    const upgrade_outcome o = judge(text);
    CHECK(o.is == upgrade_outcome::kind::refused);
    CHECK(o.close);
    CHECK(o.answer.empty());
    CHECK(o.reason == "client sent data before handshake is complete");
  }
}

TEST_CASE("Compression is agreed when both sides want it", "[protocol][websocket]") {
  upgrade_rules rules;
  const std::string offer = GENERATE("permessage-deflate", "x-foo, permessage-deflate; client_max_window_bits",
                                     "Permessage-Deflate; server_no_context_takeover");
  const std::string request = usual + "Sec-WebSocket-Extensions: " + offer + "\r\n\r\n";
  CHECK_FALSE(judge(request, rules).facts.compression);
  rules.compression = true;
  CHECK(judge(request, rules).facts.compression);
  CHECK(judge(request, rules).answer.find(
          "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
          "client_no_context_takeover\r\n") != std::string::npos);
  CHECK_FALSE(judge(usual + "Sec-WebSocket-Extensions: x-foo\r\n\r\n", rules).facts.compression);
}

TEST_CASE("Browsers are known by their agent, Safari by two words of it", "[protocol][websocket]") {
  upgrade_rules rules;
  rules.compression = true;
  const std::string deflate = usual + "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  CHECK(judge(usual + "User-Agent: Mozilla/5.0 Chrome/1 Safari/2\r\n\r\n").facts.browser);
  CHECK_FALSE(judge(usual + "User-Agent: node\r\n\r\n").facts.browser);
  CHECK_FALSE(judge(deflate + "User-Agent: Mozilla/5.0 Chrome/1 Safari/2\r\n\r\n", rules).facts.whole_messages);
  CHECK(judge(deflate + "User-Agent: Mozilla/5.0 Version/1 Safari/2\r\n\r\n", rules).facts.whole_messages);
}

TEST_CASE("Origins are compared by scheme, host and port", "[protocol][websocket]") {
  upgrade_rules rules;
  const auto refusal = [&](const std::string& origin) {
    return judge(usual + "Origin: " + origin + "\r\n\r\n", rules).reason;
  };
  CHECK(refusal("null").empty());  // nobody asked
  rules.same_origin = true;
  CHECK(refusal("http://a:1").empty());
  CHECK(refusal("HTTP://A:1/path").empty());
  CHECK(refusal("http://a") == "origin not allowed: not same origin");
  CHECK(refusal("https://a:1") == "origin not allowed: not same origin");
  CHECK(refusal("null") == "origin not allowed: parse \"null\": invalid URI for request");
  CHECK(refusal("::x") == "origin not allowed: parse \"::x\": missing protocol scheme");
  CHECK(refusal("http://[::1") == "origin not allowed: parse \"http://[::1\": missing ']' in host");
  CHECK(refusal("http://a b") == "origin not allowed: parse \"http://a b\": invalid character \" \" in host name");
  CHECK(refusal("http://a:x") == "origin not allowed: parse \"http://a:x\": invalid port \":x\" after host");
  CHECK(judge(usual + "\r\n", rules).is == upgrade_outcome::kind::upgraded);  // no browser
  CHECK(judge(usual + "Sec-WebSocket-Origin: http://b\r\n\r\n", rules).reason
        == "origin not allowed: not same origin");
  rules.same_origin = false;
  rules.allowed_origins = {from("https://foo.com"), from("http://bar:8080")};
  CHECK(refusal("https://FOO.com:443").empty());
  CHECK(refusal("http://bar:8080").empty());
  CHECK(refusal("http://foo.com") == "origin not allowed: not in the allowed list");
  CHECK(judge(usual + "Origin: http://x\r\n\r\n", rules).answer.starts_with("HTTP/1.1 403 Forbidden\r\n"));
}

TEST_CASE("Hosts are split as Go splits them", "[protocol][websocket]") {
  const auto [text, host, port] = GENERATE(table<std::string, std::string, std::string>({
    {"a", "a", "80"},
    {"A:", "a", ""},
    {"[::1]:8", "::1", "8"},
    {"[::1]", "[::1]", "80"},
    {"", "", "80"},
  }));
  const result<origin> o = parse_host(text, false);
  REQUIRE(o);
  CHECK(o->host == host);
  CHECK(o->port == port);
  CHECK(parse_host("a", true)->port == "443");
  CHECK(parse_host("a:b:c", false).error().context == "address a:b:c: too many colons in address");
  CHECK(parse_host("[a:b", false).error().context == "address [a:b: missing ']' in address");
}

TEST_CASE("Cookies that the listener names are kept, the last of a name wins", "[protocol][websocket]") {
  upgrade_rules rules;
  rules.jwt_cookie = "j";
  rules.user_cookie = "u";
  rules.pass_cookie = "p";
  rules.token_cookie = "t";
  const upgrade_facts f =
    judge(usual + "Cookie: u=me; p=\"se cret\";x=1;j=a\r\nCookie: j=b; t=q\"\"; =1; J=c\r\n\r\n", rules).facts;
  CHECK(f.jwt == "b");
  CHECK(f.user == "me");
  CHECK(f.pass == "se cret");
  CHECK(f.token.empty());  // a quote inside makes it no cookie
  CHECK(judge(usual + "Cookie: u=me\r\n\r\n").facts.user.empty());
}

TEST_CASE("A forwarded address is taken when it is one", "[protocol][websocket]") {
  const auto seen = [](const std::string& value) {
    return judge(usual + "X-Forwarded-For: " + value + "\r\n\r\n").facts.forwarded_for;
  };
  CHECK(seen("1.2.3.4") == "1.2.3.4");
  CHECK(seen("::1") == "::1");
  CHECK(seen("1.2.3.4, 5.6.7.8").empty());
  CHECK(seen("host").empty());
}

TEST_CASE("Paths of other protocols are not taken for clients", "[protocol][websocket]") {
  CHECK(judge(with_target("/x/mqtt?a=b")).reason == "mqtt websocket endpoint not enabled");
  CHECK(judge(with_target("/mqtt")).answer.starts_with("HTTP/1.1 404 Not Found\r\n"));
  const upgrade_outcome leaf = judge(with_target("/leafnode"));
  CHECK(leaf.is == upgrade_outcome::kind::refused);
  CHECK(leaf.reason == "Not configured to accept leaf node connections");
  CHECK(leaf.answer.starts_with("HTTP/1.1 101 "));
  CHECK(judge(with_target("/any/path?q")).is == upgrade_outcome::kind::upgraded);
}

TEST_CASE("Frames without masks are for leaf nodes alone", "[protocol][websocket]") {
  const std::string plain = usual + "Nats-No-Masking: true\r\n\r\n";
  CHECK_FALSE(judge(plain).facts.no_masking);
  CHECK(judge(plain).answer.find("Nats-No-Masking") == std::string::npos);
  std::string leaf = plain;
  leaf.replace(4, 1, "/leafnode");
  CHECK(judge(leaf).facts.no_masking);
  CHECK(judge(leaf).answer.find("\r\nNats-No-Masking: true\r\n") != std::string::npos);
}

TEST_CASE("The listener's own headers are in the answer, but some names are not its to set",
          "[protocol][websocket]") {
  upgrade_rules rules;
  rules.headers = "X-A: b\r\n";
  CHECK(judge(usual + "\r\n", rules).answer.ends_with("\r\nX-A: b\r\n\r\n"));
  CHECK(check_header_name("X-A"));
  CHECK(check_header_name("Host").error().context == "websocket: invalid header \"Host\" not allowed");
  CHECK(check_header_name("sec-websocket-foo").error().context
        == "websocket: invalid header \"sec-websocket-foo\", \"Sec-WebSocket-\" prefix not allowed");
}

TEST_CASE("HTTP 1.0 is answered in kind and closed", "[protocol][websocket]") {
  std::string text = without("Upgrade: ");
  text.replace(text.find("HTTP/1.1"), 8, "HTTP/1.0");
  const upgrade_outcome o = judge(text);
  CHECK(o.close);
  CHECK(o.answer.starts_with("HTTP/1.0 400 Bad Request\r\n"));
}
