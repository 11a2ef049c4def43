// The monitoring pages for requests to the system account: the same as over HTTP, without HTTP.
//
// Called on the system account's thread.
#pragma once

#include <string>

#include "actors/system/system_service.hpp"
#include "http/monitor_source.hpp"
#include "http/process_usage.hpp"
#include "http/query.hpp"

namespace troupe {

class system_pages {
public:
  /// The source must outlive it.
  explicit system_pages(http::monitor_source& source) : source_(source) {}

  /// The page as JSON. Errors: the texts of the NATS server.
  result<std::string> page(system_call call, const std::string& query);
  system_hooks::usage measure();

private:
  result<std::string> varz();
  result<std::string> connz(const http::query& params);
  result<std::string> subsz(const http::query& params);
  result<std::string> healthz(const http::query& params);

  http::monitor_source& source_;
  http::usage_meter usage_;
};

/// `pages` must outlive the node.
system_hooks make_system_hooks(system_pages& pages);

} // namespace troupe
