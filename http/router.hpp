// Request line -> page: reads parameters, asks the pages, turns errors into status codes.
//
// No state of its own, no sockets: tests call it directly.
#pragma once

#include "http/pages.hpp"
#include "http/query.hpp"

#include <string>
#include <string_view>

namespace troupe::http {

struct response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  bool allow_any_origin = false;
  bool no_sniff = false;
  std::string_view security_policy; // Content-Security-Policy, empty: none
  std::string location = {};        // of a redirect
};

class router {
public:
  /// `base_path` as configured: empty, "/x" or "x/". The pages must outlive the router.
  router(pages& from, std::string_view base_path);

  response handle(std::string_view target);

private:
  pages& pages_;
  std::string base_path_; // "/" or "/x" without a slash at the end
};

/// "/" for nothing; else with one slash in front and none at the end.
std::string normalize_base_path(std::string_view path);

} // namespace troupe::http
