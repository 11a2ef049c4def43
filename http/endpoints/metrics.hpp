// /metrics: figures of the node for Prometheus and its kind. Names: docs/monitoring.md. Pure.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "http/endpoints/varz.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace troupe::http {

/// At most so many accounts have figures of their own; the others are counted.
inline constexpr size_t metrics_accounts_max = 1000;

struct metrics_view {
  const observe::node_snapshot& node;
  const std::vector<observe::reactor_snapshot>& reactors;
  const observe::sublist_stats& subscriptions;
  const observe::actor_snapshot& actors;
  bool healthy = true;
  process_usage usage;
  const std::map<std::string, uint64_t>& requests;
};

std::string render_metrics(const metrics_view& view);

} // namespace troupe::http
