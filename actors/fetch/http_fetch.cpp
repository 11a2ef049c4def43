#include "actors/fetch/http_fetch.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <openssl/ssl.h>

#include <algorithm>
#include <optional>

#include "actors/fetch/fetch_tls.hpp"
#include "config/version.hpp"
#include "protocol/base64.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/host_port.hpp"

namespace troupe {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using error_code = boost::system::error_code;
using steady = std::chrono::steady_clock;

constexpr size_t max_url_bytes = 8 * 1024;
constexpr uint32_t max_header_bytes = 16 * 1024;
constexpr int max_redirects = 10;
constexpr auto look_up_every = std::chrono::milliseconds(100);

error bad_url(std::string_view text, std::string_view why) {
  return {errc::malformed, "parse " + go_quote(redacted_url(text)) + ": " + std::string(why)};
}

/// As a URL spells a name or password: %XX is a byte.
std::string unescaped(std::string_view text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// One request over one connection. Everything runs inside `run`, on the caller's thread.
class exchange {
public:
  exchange(const http_question& q, const http_url& url)
      : url_(url), insecure_(q.tls && q.tls->insecure()), tls_(context_of(q.tls.get())), stream_(io_, tls_) {
    request_.method_string(q.method);
    request_.target(url.target);
    request_.version(11);
    const bool usual = url.port == (url.tls ? "443" : "80");
    const std::string host = bracketed(url.host);
    request_.set(http::field::host, usual ? host : host + ":" + url.port);
    request_.set(http::field::user_agent, "troupe/" + std::string(config::own_version));
    request_.set(http::field::connection, "close");
    if (!url.login.empty()) request_.set(http::field::authorization, "Basic " + base64_encode(url.login));
    for (auto& [name, value] : q.headers) request_.set(name, value);
    request_.body() = q.body;
    request_.prepare_payload();
    parser_.header_limit(max_header_bytes);
    parser_.body_limit(q.max_body_bytes);
  }

  result<http_answer> run(steady::time_point deadline, const std::atomic<bool>& cancelled) {
    begin();
    while (!done_) {
      const auto left = deadline - steady::now();
      if (cancelled) return error{errc::unavailable, "the node is stopping"};
      if (left <= steady::duration::zero())
        return error{errc::unavailable, "context deadline exceeded (Client.Timeout exceeded while "
                                        "awaiting headers)"};
      io_.restart();
      io_.run_for(std::min<steady::duration>(left, look_up_every));
    }
    if (failure_) return *failure_;
    return http_answer{parser_.get().result_int(), std::string(parser_.get().reason()),
                       std::move(parser_.get().body())};
  }
  std::string location() const { return std::string(parser_.get()[http::field::location]); }

private:
  static asio::ssl::context context_of(const fetch_tls* given) {
    if (given) {
      SSL_CTX_up_ref(given->get());
      return asio::ssl::context(given->get());
    }
    asio::ssl::context own(asio::ssl::context::tls_client);
    own.set_default_verify_paths();
    SSL_CTX_set_min_proto_version(own.native_handle(), TLS1_2_VERSION);
    return own;
  }

  void begin() {
    error_code ec;
    const auto address = asio::ip::make_address(url_.host, ec);
    const auto port = static_cast<unsigned short>(std::stoi(url_.port));
    if (!ec) {
      target_ = bracketed(url_.host) + ":" + url_.port;
      tcp_stream().async_connect(tcp::endpoint(address, port),
                                 [this](error_code e) { connected(e); });
      return;
    }
    resolver_.async_resolve(url_.host, url_.port, [this](error_code e, const auto& found) {
      if (e) return fail("dial tcp: lookup " + url_.host + ": " + e.message());
      target_ = bracketed(url_.host) + ":" + url_.port;
      tcp_stream().async_connect(found, [this](error_code e2, const tcp::endpoint&) { connected(e2); });
    });
  }

  void connected(error_code e) {
    if (e) return fail("dial tcp " + target_ + ": connect: " + lower(e.message()));
    if (!url_.tls) return send();
    SSL_set_tlsext_host_name(stream_.native_handle(), url_.host.c_str());
    stream_.set_verify_mode(insecure_ ? asio::ssl::verify_none : asio::ssl::verify_peer);
    if (!insecure_) stream_.set_verify_callback(asio::ssl::host_name_verification(url_.host));
    stream_.async_handshake(asio::ssl::stream_base::client, [this](error_code e2) {
      if (e2) return fail("tls: " + e2.message());
      send();
    });
  }

  void send() {
    auto sent = [this](error_code e, size_t) {
      if (e) return fail("write: " + lower(e.message()));
      receive();
    };
    if (url_.tls) http::async_write(stream_, request_, sent);
    else http::async_write(tcp_stream(), request_, sent);
  }

  void receive() {
    auto received = [this](error_code e, size_t) {
      if (e == http::error::body_limit || e == http::error::header_limit)
        return fail("the answer is too large", errc::limit_exceeded);
      if (e == http::error::end_of_stream || e == http::error::partial_message) return fail("EOF");
      if (e) return fail("read: " + lower(e.message()));
      done_ = true;
    };
    if (url_.tls) http::async_read(stream_, buffer_, parser_, received);
    else http::async_read(tcp_stream(), buffer_, parser_, received);
  }

  void fail(std::string why, errc code = errc::unavailable) {
    failure_ = error{code, std::move(why)};
    done_ = true;
  }
  static std::string lower(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
  }
  beast::tcp_stream& tcp_stream() { return stream_.next_layer(); }

  const http_url& url_;
  const bool insecure_;
  asio::io_context io_{1};
  asio::ssl::context tls_;
  tcp::resolver resolver_{io_};
  asio::ssl::stream<beast::tcp_stream> stream_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_{max_header_bytes * 4};
  std::string target_;
  std::optional<error> failure_;
  bool done_ = false;
};

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Where a redirect leads; empty: nowhere.
std::string next_url(const http_url& from, const std::string& location) {
  if (location.empty() || location.starts_with("http://") || location.starts_with("https://"))
    return location;
  if (location[0] != '/' || location.starts_with("//")) return {};
  return (from.tls ? "https://" : "http://") + bracketed(from.host) + ":" + from.port + location;
}

} // namespace

result<http_url> parse_http_url(std::string_view text) {
  if (text.size() > max_url_bytes) return error{errc::malformed, "parse URL: too long"};
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return bad_url(text, "net/url: invalid control character in URL");
  http_url out;
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    out.tls = true;
  } else {
    return bad_url(text, "unsupported protocol scheme");
  }
  const size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view host = rest.substr(0, path);
  out.target = rest.substr(path);
  if (out.target.find('#') != std::string::npos) return bad_url(text, "a fragment is of no use here");
  if (out.target.empty() || out.target[0] != '/') out.target.insert(0, "/");
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = host.substr(0, at);
    const size_t colon = std::min(who.find(':'), who.size());
    out.login = unescaped(who.substr(0, colon)) + ":";
    if (colon < who.size()) out.login += unescaped(who.substr(colon + 1));
    host.remove_prefix(at + 1);
  }
  const size_t bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
  if (host.starts_with('[') && bracket == std::string_view::npos)
    return bad_url(text, "missing ']' in host");
  const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string_view port = colon == std::string_view::npos ? std::string_view() : host.substr(colon + 1);
  std::string_view name = host.substr(0, colon);
  if (bracket != std::string_view::npos) {
    if (name.size() != bracket + 1) return bad_url(text, "invalid host");
    name = name.substr(1, bracket - 1);
  }
  if (name.empty()) return bad_url(text, "no Host in request URL");
  if (port.empty()) port = out.tls ? "443" : "80";
  if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos
      || std::stoi(std::string(port)) > 65535 || std::stoi(std::string(port)) == 0)
    return bad_url(text, "invalid port " + go_quote(port) + " after host");
  out.host = name;
  out.port = port;
  return out;
}

std::string redacted_url(std::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::string(text);
  const size_t begin = scheme + 3, end = std::min(text.find_first_of("/?#", begin), text.size());
  const std::string_view host = text.substr(begin, end - begin);
  const size_t at = host.rfind('@'), colon = host.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon > at)
    return std::string(text);
  return std::string(text.substr(0, begin + colon + 1)) + "xxxxx" + std::string(text.substr(begin + at));
}

result<http_answer> http_fetch(const http_question& question, const std::atomic<bool>& cancelled) {
  const auto deadline = steady::now() + question.timeout;
  std::string url = question.url;
  const std::string verb = question.method == "POST" ? "Post" : "Get";
  auto failed = [&](const error& e) {
    return error{e.code, verb + " " + go_quote(redacted_url(url)) + ": " + e.context};
  };
  for (int hops = 0;; ++hops) {
    auto parsed = parse_http_url(url);
    if (!parsed) return failed(parsed.error());
    exchange one(question, *parsed);
    auto answer = one.run(deadline, cancelled);
    if (!answer) return failed(answer.error());
    if (question.method != "GET" || !is_redirect(answer->status)) return answer;
    const std::string to = next_url(*parsed, one.location());
    if (to.empty()) return answer;
    if (hops == max_redirects) return failed({errc::unavailable, "stopped after 10 redirects"});
    url = to;
  }
}

} // namespace troupe
