// The head of an HTTP/1 request, as much of it as an upgrade to WebSocket needs.
//
// Pure. Go's net/http is the measure of what is refused and in which words, for that is what
// clients of the NATS server see. Not here: bodies, pipelining, chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/text.hpp"

namespace troupe::websocket {

/// A head longer than this is refused. Room for a JWT in a cookie, no room for more.
inline constexpr size_t max_head_bytes = 64 * 1024;

struct http_request {
  std::string method;
  std::string path;  // as sent, still escaped, without the query
  std::string host;  // of the Host header, or of an absolute target; may be empty
  bool version_1_0 = false;
  bool has_body = false;
  bool wants_close = false;  // "Connection: close", or HTTP/1.0
  std::vector<std::pair<std::string, std::string>> headers;  // in their order, names as sent

  /// The first value of a header, empty when it is not there. Names match without regard to case.
  std::string_view header(std::string_view name) const;
  bool has(std::string_view name) const;
  /// Whether one of the header's comma-separated tokens is `token`, without regard to case.
  bool has_token(std::string_view name, std::string_view token) const;
};

struct parsed_head {
  enum class state : uint8_t { need_more, whole, bad };
  state is = state::need_more;
  size_t consumed = 0;   // of `whole`: bytes of the head
  http_request request;  // of `whole`
  std::string answer;    // of `bad`: everything to be sent before the connection is closed
};

/// Reads the head at the front of `in`. `scanned`: how many bytes an earlier call has seen without
/// finding the end; it is kept up to date.
parsed_head parse_head(std::string_view in, size_t& scanned);

/// Whether it is a name in HTTP's sense: not empty, letters, digits and !#$%&'*+-.^_`|~.
bool is_http_token(std::string_view text);

} // namespace troupe::websocket
