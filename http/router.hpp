// Request line -> page: checks parameters, asks the source, renders, counts requests.
//
// One thread. No sockets here, so tests call it directly.
#pragma once

#include "http/monitor_source.hpp"
#include "http/process_usage.hpp"
#include "http/query.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace troupe::http {

struct response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  bool allow_any_origin = false;
  bool no_sniff = false;
};

class router {
public:
  using clock = std::function<observe::wall_time()>;

  /// `base_path` as configured: empty, "/x" or "x/".
  router(monitor_source& source, std::string base_path, clock now = observe::wall_now);

  response handle(std::string_view target);

  const std::map<std::string, uint64_t>& request_counts() const { return counts_; }

private:
  using page = response (router::*)(const query&);

  response varz(const query& params);
  response connz(const query& params);
  response subsz(const query& params);
  response healthz(const query& params);
  response actorz(const query& params);
  response accountz(const query& params);
  response accstatz(const query& params);
  response routez(const query& params);
  response gatewayz(const query& params);
  response leafz(const query& params);
  response jsz(const query& params);
  response raftz(const query& params);
  response ipqueuesz(const query& params);

  using renderer = result<std::string> (*)(const query&, const observe::node_snapshot&,
                                           observe::wall_time);
  response with_node(renderer render, const query& params);

  monitor_source& source_;
  std::string base_path_; // "/" or "/x" without a slash at the end
  clock now_;
  usage_meter usage_;
  std::map<std::string, uint64_t> counts_;
};

/// "/" for nothing; else with one slash in front and none at the end.
std::string normalize_base_path(std::string_view path);

} // namespace troupe::http
