// /subsz (also /subscriptionsz): statistics of the subscription shards, and their contents. Pure.
#pragma once

#include "http/monitor_source.hpp"
#include "http/query.hpp"

#include <string>

namespace troupe::http {

struct subsz_options {
  bool subs = false;
  int64_t offset = 0;
  int64_t limit = 1024;
  std::string account;
  std::string test; // only subscriptions that a publish to this subject would reach
};

result<subsz_options> parse_subsz(const query& params);

/// Refuses a test subject that cannot be published to; puts offset and limit into their bounds.
result<subsz_options> check_subsz(subsz_options options);

std::string render_subsz(const subsz_options& options, const observe::subs_snapshot& all,
                         const std::string& server_id, observe::wall_time now);

} // namespace troupe::http
