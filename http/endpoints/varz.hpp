// /varz: the node as a whole. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "config/feature_flags.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::http {

/// What the process uses, as the operating system tells.
struct process_usage {
  int64_t memory_bytes = 0; // resident
  double cpu_percent = 0;
  double cpu_seconds = 0; // since the start
};

struct varz_view {
  const observe::node_snapshot& node;
  const std::vector<observe::reactor_snapshot>& reactors;
  process_usage usage;
  const std::map<std::string, uint64_t>& http_req_stats;
  observe::wall_time now;
};

std::string render_varz(const varz_view& view);

using config::feature_flag;

/// The flags that the NATS server of config::compatible_version knows.
std::span<const feature_flag> known_feature_flags();

} // namespace troupe::http
