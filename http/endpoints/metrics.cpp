#include "http/endpoints/metrics.hpp"

#include "config/version.hpp"
#include "http/open_metrics.hpp"

#include <algorithm>
#include <utility>

namespace troupe::http {

namespace {

using observe::account_snapshot;
using observe::actor_snapshot;
using observe::kind_counts;
using observe::reactor_snapshot;
constexpr auto gauge = metric_type::gauge;
constexpr auto counter = metric_type::counter;

double unix_seconds(observe::wall_time t) {
  return std::chrono::duration<double>(t.time_since_epoch()).count();
}

void write_node(metrics_writer& w, const metrics_view& view) {
  auto& node = view.node;
  w.family("troupe", metric_type::info, "Who this server is.");
  w.sample({{"server_id", node.server_id},
            {"server_name", node.server_name},
            {"version", config::own_version},
            {"compatible_version", config::compatible_version}},
           1);
  w.family("troupe_start_time_seconds", gauge, "When the server started, Unix time.", "seconds");
  w.sample(unix_seconds(node.start));
  w.family("troupe_config_load_time_seconds", gauge,
           "When the configuration was read last, Unix time.", "seconds");
  w.sample(unix_seconds(node.config_load_time));
  w.family("troupe_healthy", gauge, "1 if /healthz answers 200.");
  w.sample(view.healthy ? 1 : 0);
  w.family("troupe_lame_duck", gauge, "1 in lame duck mode.");
  w.sample(node.lame_duck ? 1 : 0);
  w.family("troupe_memory_resident_bytes", gauge, "Memory of the process.", "bytes");
  w.sample(view.usage.memory_bytes);
  w.family("troupe_cpu_seconds", counter, "Processor time of the process.", "seconds");
  w.sample(view.usage.cpu_seconds);
  w.family("troupe_cores", gauge, "Processor cores of the machine.");
  w.sample(node.cores);
  if (!node.options) return;
  w.family("troupe_connections_max", gauge, "Limit of client connections, -1 for none.");
  w.sample(node.options->max_connections);
  w.family("troupe_payload_max_bytes", gauge, "Limit of a message's size.", "bytes");
  w.sample(node.options->max_payload);
}

/// One sample per reactor.
void write_per_reactor(metrics_writer& w, const metrics_view& view) {
  struct row {
    const char* name;
    metric_type type;
    const char* help;
    const char* unit;
    uint64_t (*value)(const reactor_snapshot&);
  };
  using r = const reactor_snapshot&;
  static constexpr row rows[] = {
      {"troupe_connections", gauge, "Client connections open.", "",
       [](r s) { return static_cast<uint64_t>(std::max<int64_t>(s.connections, 0)); }},
      {"troupe_connections_accepted", counter, "Client connections ever accepted.", "",
       [](r s) { return s.total_connections; }},
      {"troupe_subscriptions", gauge, "Subscriptions of clients.", "",
       [](r s) { return static_cast<uint64_t>(std::max<int64_t>(s.subscriptions, 0)); }},
      {"troupe_received_messages", counter, "Messages taken in.", "",
       [](r s) { return s.in_msgs; }},
      {"troupe_received_bytes", counter, "Payload and headers taken in.", "bytes",
       [](r s) { return s.in_bytes; }},
      {"troupe_sent_messages", counter, "Messages delivered.", "",
       [](r s) { return s.out_msgs; }},
      {"troupe_sent_bytes", counter, "Payload and headers delivered.", "bytes",
       [](r s) { return s.out_bytes; }},
      {"troupe_forwarded_messages", counter, "Messages handed to another reactor.", "",
       [](r s) { return s.forwarded_msgs; }},
      {"troupe_forwarded_batches", counter, "Batches handed to another reactor.", "",
       [](r s) { return s.forwarded_batches; }},
      {"troupe_producer_stalls", counter, "Times a producer was held back for slow consumers.", "",
       [](r s) { return s.stalls; }},
      {"troupe_auth_errors", counter, "Logins refused.", "", [](r s) { return s.auth_errors; }},
      {"troupe_failures", counter, "Messages and interest left out after an internal failure.", "",
       [](r s) { return s.failures; }},
  };
  for (auto& row : rows) {
    w.family(row.name, row.type, row.help, row.unit);
    for (auto& reactor : view.reactors)
      w.sample({{"reactor", std::to_string(reactor.index)}}, row.value(reactor));
  }
}

void write_kinds(metrics_writer& w, const char* name, const char* help, const kind_counts& c) {
  w.family(name, counter, help);
  w.sample({{"kind", "client"}}, c.clients);
  w.sample({{"kind", "route"}}, c.routes);
  w.sample({{"kind", "gateway"}}, c.gateways);
  w.sample({{"kind", "leafnode"}}, c.leafs);
}

void write_matching(metrics_writer& w, const observe::sublist_stats& s) {
  struct row {
    const char* name;
    metric_type type;
    const char* help;
    uint64_t value;
  };
  for (auto& [name, type, help, value] :
       {row{"troupe_match_subscriptions", gauge, "Subscriptions in all shards.",
            s.num_subscriptions},
        {"troupe_match_cache_entries", gauge, "Subjects in the match caches.", s.num_cache},
        {"troupe_match_cache_hits", counter, "Matches answered from a cache.", s.cache_hits},
        {"troupe_matches", counter, "Subjects matched.", s.num_matches},
        {"troupe_match_inserts", counter, "Subscriptions ever made.", s.num_inserts},
        {"troupe_match_removes", counter, "Subscriptions ever ended.", s.num_removes}}) {
    w.family(name, type, help);
    w.sample(value);
  }
}

void write_accounts(metrics_writer& w, const std::vector<account_snapshot>& accounts) {
  struct row {
    const char* name;
    metric_type type;
    const char* help;
    const char* unit;
    int64_t (*value)(const account_snapshot&);
  };
  using a = const account_snapshot&;
  static constexpr row rows[] = {
      {"troupe_account_connections", gauge, "Connections open.", "",
       [](a s) { return s.connections; }},
      {"troupe_account_leafnodes", gauge, "Leaf nodes connected.", "",
       [](a s) { return s.leafnodes; }},
      {"troupe_account_subscriptions", gauge, "Subscriptions.", "",
       [](a s) { return int64_t{s.subscriptions}; }},
      {"troupe_account_received_messages", counter, "Messages taken in.", "",
       [](a s) { return s.received_msgs; }},
      {"troupe_account_received_bytes", counter, "Payload and headers taken in.", "bytes",
       [](a s) { return s.received_bytes; }},
      {"troupe_account_sent_messages", counter, "Messages delivered.", "",
       [](a s) { return s.sent_msgs; }},
      {"troupe_account_sent_bytes", counter, "Payload and headers delivered.", "bytes",
       [](a s) { return s.sent_bytes; }},
      {"troupe_account_slow_consumers", counter, "Connections closed for not reading.", "",
       [](a s) { return s.slow_consumers; }},
  };
  w.family("troupe_accounts", gauge, "Accounts of the server.");
  w.sample(accounts.size());
  auto shown = std::min(accounts.size(), metrics_accounts_max);
  w.family("troupe_accounts_not_shown", gauge, "Accounts without figures of their own here.");
  w.sample(accounts.size() - shown);
  for (auto& row : rows) {
    w.family(row.name, row.type, row.help, row.unit);
    for (size_t i = 0; i < shown; ++i)
      w.sample({{"account", accounts[i].name}}, row.value(accounts[i]));
  }
}

struct actor_sum {
  uint64_t restarts = 0;
  uint64_t depth_max = 0;
  std::map<std::string, uint64_t> states;
};

void gather(const actor_snapshot& a, std::map<std::string, actor_sum>& kinds) {
  auto& sum = kinds[a.kind];
  sum.restarts += a.restarts;
  sum.depth_max = std::max(sum.depth_max, a.mailbox_depth);
  ++sum.states[a.state];
  for (auto& child : a.children)
    gather(child, kinds);
}

void write_actors(metrics_writer& w, const actor_snapshot& root) {
  std::map<std::string, actor_sum> kinds;
  gather(root, kinds);
  kinds.erase("connection"); // only some are described: their number would mislead
  w.family("troupe_actors", gauge, "Actors of the supervision tree, without connections.");
  for (auto& [kind, sum] : kinds)
    for (auto& [state, count] : sum.states)
      w.sample({{"kind", kind}, {"state", state}}, count);
  w.family("troupe_actor_restarts", counter, "Restarts by a supervisor.");
  for (auto& [kind, sum] : kinds)
    w.sample({{"kind", kind}}, sum.restarts);
  w.family("troupe_actor_mailbox_depth", gauge, "Messages waiting in the fullest mailbox.");
  for (auto& [kind, sum] : kinds)
    w.sample({{"kind", kind}}, sum.depth_max);
}

} // namespace

std::string render_metrics(const metrics_view& view) {
  metrics_writer w;
  write_node(w, view);
  write_per_reactor(w, view);
  reactor_snapshot sum;
  for (auto& reactor : view.reactors)
    sum += reactor;
  write_kinds(w, "troupe_slow_consumers", "Peers closed for not reading.", sum.slow_consumers);
  write_kinds(w, "troupe_stale_connections", "Peers closed for not answering PING.",
              sum.stale_connections);
  write_matching(w, view.subscriptions);
  write_accounts(w, view.node.accounts);
  write_actors(w, view.actors);
  w.family("troupe_monitoring_requests", counter, "Requests for monitoring pages.");
  for (auto& [path, count] : view.requests)
    w.sample({{"path", path}}, count);
  return w.finish();
}

} // namespace troupe::http
