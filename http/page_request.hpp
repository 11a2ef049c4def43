// Pages for the system account: `$SYS.REQ.SERVER.<id>.VARZ` and its kind, whose options are JSON.
//
// Whoever sits above http/ (main) hands this to the system services as a function; they know
// nothing of http/.
#pragma once

#include "http/pages.hpp"

#include <string>
#include <string_view>

namespace troupe::http {

/// What goes into the answer beside "server".
struct page_answer {
  std::string data; // compact JSON for "data"; empty: there is none, see below
  int error_code = 0;
  std::string error; // for "error", with the code
  bool silent = false; // no answer at all: a filter of the request excludes this server
};

/// `page` is the last token of the subject: VARZ, CONNZ, SUBSZ, ROUTEZ, GATEWAYZ, LEAFZ, ACCOUNTZ,
/// STATZ (of accounts), JSZ, HEALTHZ, EXPVARZ, IPQUEUESZ, RAFTZ; and ACTORZ. `options` is the payload, empty for
/// none; members that are not the page's (server_name, cluster, tags, ...) are left to the caller.
/// Error 400: the options are no JSON or of a wrong type; 500: what the page says of them, or the
/// node did not answer. Threads: as `pages`.
page_answer answer_page(pages& from, std::string_view page, std::string_view options);

} // namespace troupe::http
