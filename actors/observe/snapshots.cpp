#include "actors/observe/snapshots.hpp"

#include <algorithm>

namespace troupe::observe {

namespace {

kind_counts read(const per_kind& x) {
  return {x.clients.load(), x.routes.load(), x.gateways.load(), x.leafs.load()};
}

void add(kind_counts& to, const kind_counts& x) {
  to.clients += x.clients;
  to.routes += x.routes;
  to.gateways += x.gateways;
  to.leafs += x.leafs;
}

} // namespace

reactor_snapshot& reactor_snapshot::operator+=(const reactor_snapshot& x) {
  in_msgs += x.in_msgs, in_bytes += x.in_bytes;
  out_msgs += x.out_msgs, out_bytes += x.out_bytes;
  in_client_msgs += x.in_client_msgs, in_client_bytes += x.in_client_bytes;
  out_client_msgs += x.out_client_msgs, out_client_bytes += x.out_client_bytes;
  forwarded_msgs += x.forwarded_msgs, forwarded_batches += x.forwarded_batches;
  add(slow_consumers, x.slow_consumers);
  add(stale_connections, x.stale_connections);
  stalls += x.stalls;
  auth_errors += x.auth_errors;
  failures += x.failures;
  connections += x.connections;
  total_connections += x.total_connections;
  subscriptions += x.subscriptions;
  return *this;
}

reactor_snapshot snapshot_of(const reactor_counters& c, unsigned index) {
  reactor_snapshot s;
  s.index = index;
  s.in_msgs = c.in_msgs.load(), s.in_bytes = c.in_bytes.load();
  s.out_msgs = c.out_msgs.load(), s.out_bytes = c.out_bytes.load();
  s.in_client_msgs = c.in_client_msgs.load(), s.in_client_bytes = c.in_client_bytes.load();
  s.out_client_msgs = c.out_client_msgs.load(), s.out_client_bytes = c.out_client_bytes.load();
  s.forwarded_msgs = c.forwarded_msgs.load(), s.forwarded_batches = c.forwarded_batches.load();
  s.slow_consumers = read(c.slow_consumers);
  s.stale_connections = read(c.stale_connections);
  s.stalls = c.stalls.load();
  s.auth_errors = c.auth_errors.load();
  s.failures = c.failures.load();
  s.connections = c.connections.load();
  s.total_connections = c.total_connections.load();
  s.subscriptions = c.subscriptions.load();
  return s;
}

sublist_stats& sublist_stats::operator+=(const sublist_stats& x) {
  num_subscriptions += x.num_subscriptions;
  num_cache += x.num_cache;
  num_inserts += x.num_inserts;
  num_removes += x.num_removes;
  num_matches += x.num_matches;
  cache_hits += x.cache_hits;
  max_fanout = std::max(max_fanout, x.max_fanout);
  total_fanout += x.total_fanout;
  cached_results += x.cached_results;
  return *this;
}

} // namespace troupe::observe
