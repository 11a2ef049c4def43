#include "actors/observe/snapshot_json.hpp"

namespace troupe::observe {

namespace {

void write_traffic(json_writer& w, std::string_view name, int64_t msgs, int64_t bytes) {
  w.key(name);
  w.begin_object();
  w.member("msgs", msgs);
  w.member("bytes", bytes);
  for (auto link : {"gateways", "routes", "leafs"}) {
    w.key(link);
    w.begin_object();
    w.member("msgs", 0);
    w.member("bytes", 0);
    w.end_object();
  }
  w.end_object();
}

} // namespace

void write_account_stat(json_writer& w, const account_snapshot& a) {
  w.member("acc", a.name);
  w.member("name", a.name_tag.empty() ? a.name : a.name_tag);
  w.member("conns", a.connections);
  w.member("leafnodes", a.leafnodes);
  w.member("total_conns", a.total_connections);
  w.member("num_subscriptions", a.subscriptions);
  write_traffic(w, "sent", a.sent_msgs, a.sent_bytes);
  write_traffic(w, "received", a.received_msgs, a.received_bytes);
  w.member("slow_consumers", a.slow_consumers);
}

void write_kinds(json_writer& w, std::string_view name, const kind_counts& counts) {
  w.key(name);
  w.begin_object();
  w.member("clients", counts.clients);
  w.member("routes", counts.routes);
  w.member("gateways", counts.gateways);
  w.member("leafs", counts.leafs);
  w.end_object();
}

} // namespace troupe::observe
