// The upgrade of an HTTP request to WebSocket (RFC 6455 section 4, RFC 7692 section 5): what the
// server answers and what the request told about the client.
//
// Pure: bytes and the time of day come in, the answer comes out as text. Status codes, header
// order and log texts are the Go server's. What clients present in cookies is secret: it goes into
// `upgrade_facts` and nowhere else.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/websocket/http_request.hpp"
#include "protocol/websocket/origin.hpp"

namespace troupe::websocket {

/// What a listener asks of a request. Immutable, shared by all its connections.
struct upgrade_rules {
  bool compression = false;
  bool tls = false;  // the request came over TLS: for the same origin
  bool same_origin = false;
  std::vector<origin> allowed_origins;  // empty: any
  std::string headers;  // "Name: value\r\n" each, added to the answer
  // Names of cookies, empty: none is looked for.
  std::string jwt_cookie, user_cookie, pass_cookie, token_cookie;
};

/// What a request told about the client behind it.
struct upgrade_facts {
  bool compression = false;      // permessage-deflate was agreed
  bool no_masking = false;       // leaf nodes may send without masks
  bool browser = false;          // takes small frames better than large ones
  bool whole_messages = false;   // Safari: a compressed message must be one frame
  std::string forwarded_for;     // the client's address as a proxy tells it, empty: none
  std::string jwt, user, pass, token;  // from cookies
};

struct upgrade_outcome {
  enum class kind : uint8_t {
    need_more,
    upgraded,  // send `answer`, then speak WebSocket
    refused,   // send `answer`; another request may follow unless `close`
  };
  kind is = kind::need_more;
  bool close = false;
  size_t consumed = 0;  // bytes of the request
  std::string answer;
  std::string reason;   // of `refused`, for the log; empty: the request was no HTTP
  upgrade_facts facts;  // of `upgraded`
};

/// Judges the request at the front of `in`. `scanned` as in parse_head: 0 for a new request.
upgrade_outcome judge_upgrade(std::string_view in, size_t& scanned, const upgrade_rules& rules,
                              std::chrono::sys_seconds now);

/// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string accept_key(std::string_view key);

/// The upgrade_rules' `headers`; an error for a name that must not be set, in the Go server's words.
result<void> check_header_name(std::string_view name);

} // namespace troupe::websocket
