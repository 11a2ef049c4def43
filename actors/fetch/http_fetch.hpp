// One HTTP request to a web server, and its answer; the calling thread waits for it. http and https
// (the system's authorities, or those of a tls block), redirects of GET, nothing kept between requests.
//
// All that comes is hostile: headers, body, redirects and time are bounded. Not for a reactor.
// Errors: `malformed` for a URL that is none, `limit_exceeded` for an answer that is too large,
// `unavailable` for everything that a later try may find better; texts as Go's http.Client has them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/result.hpp"

namespace troupe {

class fetch_tls;

struct http_url {
  bool tls = false;
  std::string host;    // without the brackets of IPv6
  std::string port;    // digits
  std::string target;  // path and query, at least "/"
  std::string login;   // "name:password" in front of the host; empty: none
};
/// `http://[name[:password]@]host[:port]/path?query`; fragments are refused. `malformed`.
result<http_url> parse_http_url(std::string_view text);
/// For logs: without the password.
std::string redacted_url(std::string_view text);

struct http_question {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // of everything, redirects included
  size_t max_body_bytes = 256 * 1024;
  std::shared_ptr<const fetch_tls> tls;  // nullptr: the system's authorities, no certificate of ours
};

struct http_answer {
  unsigned status = 0;
  std::string reason;  // as the server words the status
  std::string body;
};

/// `cancelled` set ends it within a tenth of a second.
result<http_answer> http_fetch(const http_question& question, const std::atomic<bool>& cancelled);

} // namespace troupe
