#include "actors/main/monitor_bridge.hpp"

#include <algorithm>
#include <thread>
#include <unordered_map>

#include "actors/main/build_commit.hpp"
#include "actors/observe/logger.hpp"
#include "actors/session/node_context.hpp"
#include "config/version.hpp"

namespace troupe {

namespace {

observe::health_snapshot unhealthy(int code, const char* status, const char* type,
                                   const std::string& text, bool details) {
  observe::health_snapshot out;
  out.status_code = code;
  out.status = details ? "error" : status;
  if (details) out.errors.push_back({type, "", "", "", text});
  else out.error = text;
  log::warn("Healthcheck failed: \"{}\"", text);
  return out;
}

/// Actors that have failed or are being restarted.
void add_failed(const observe::actor_snapshot& a, std::vector<observe::health_error>& errors) {
  if (a.state == "failed" || a.state == "restarting") {
    std::string text = a.kind + " " + a.name + " is " + a.state;
    if (!a.last_error.empty()) text += ": " + a.last_error;
    errors.push_back({"ACTOR", "", "", "", std::move(text)});
  }
  for (auto& child : a.children) add_failed(child, errors);
}

/// What accounts are called, each looked up once.
class name_tags {
public:
  explicit name_tags(const routing::account_directory& accounts) : accounts_(accounts) {}
  const std::string& operator()(const std::string& name) {
    auto [it, fresh] = known_.try_emplace(name, name);
    if (fresh)
      if (const routing::account_ptr account = accounts_.find(name)) it->second = account->name_tag();
    return it->second;
  }

private:
  const routing::account_directory& accounts_;
  std::unordered_map<std::string, std::string> known_;
};

} // namespace

monitor_bridge::monitor_bridge(class node& n, int monitor_port)
    : node_(n), monitor_port_(monitor_port), start_(observe::wall_now()) {}

result<observe::node_snapshot> monitor_bridge::node(const http::accounts_request& accounts) {
  const node_context& context = node_.context();
  const node_policy_ptr policy = context.policy();
  const config::server_options& options = *policy->options;
  observe::node_snapshot s;
  s.server_id = node_.server_id();
  s.git_commit = build_commit;
  s.server_name = policy->info.server_name;
  s.runtime = policy->info.go;
  // What clients are told, client_advertise included.
  s.host = policy->info.host;
  s.port = policy->info.port;
  s.listeners.push_back({"client", options.host, node_.client_port()});
  s.listeners.push_back(
    {"http", options.http_host.empty() ? options.host : options.http_host, monitor_port_});
  if (node_.websocket_port() != 0)
    s.listeners.push_back({"websocket", options.websocket.host, node_.websocket_port()});
  s.start = start_;
  s.config_load_time = policy->loaded;
  s.options = policy->options;
  if (policy->tls) s.tls_cert_not_after = policy->tls->not_after();
  if (policy->websocket && policy->websocket->tls)
    s.websocket_cert_not_after = policy->websocket->tls->not_after();
  // In operator mode there is one when it is named.
  if (!options.operators.enabled() || !options.system_account.empty())
    s.system_account = policy->system_account;
  if (policy->peers) s.ocsp_cache = policy->peers->cache_counts();
  s.cores = static_cast<int>(std::thread::hardware_concurrency());
  s.drivers = static_cast<int>(node_.reactors());
  s.auth_required = policy->settings.auth_required;
  s.lame_duck = context.lame_duck.load();

  s.queues = node_.queues();
  auto some = snapshots(accounts);
  if (!some) return some.error();
  s.accounts = std::move(*some);
  return s;
}

std::vector<routing::account_ptr> monitor_bridge::accounts(const std::string& only) const {
  const routing::account_directory& all = *node_.context().accounts;
  if (only.empty()) return all.all();
  if (routing::account_ptr one = all.find(only)) return {std::move(one)};
  return {};
}

result<std::vector<observe::account_snapshot>>
monitor_bridge::snapshots(const http::accounts_request& q) {
  using depth = http::accounts_request::depth;
  std::vector<observe::account_snapshot> list;
  if (q.what == depth::nothing) return list;
  subs_query query;
  for (routing::account_ptr& account : accounts(q.account)) {
    list.push_back(account->snapshot());
    query.accounts.push_back(std::move(account));
  }
  if (q.what == depth::names) return list;
  auto report = node_.subscriptions(query);
  if (!report) return report.error();
  for (size_t i = 0; i < list.size(); ++i) {
    list[i].stats = report->figures[i];
    list[i].subscriptions = static_cast<uint32_t>(list[i].stats.num_subscriptions);
  }
  return list;
}

result<std::vector<observe::reactor_snapshot>> monitor_bridge::reactors() {
  std::vector<observe::reactor_snapshot> all;
  const auto& counters = node_.context().counters;
  for (size_t i = 0; i < counters.size(); ++i)
    all.push_back(observe::snapshot_of(*counters[i], static_cast<unsigned>(i)));
  return all;
}

result<observe::connections_snapshot> monitor_bridge::connections(
  const http::connections_request& q) {
  observe::connections_snapshot s;
  s.account_known = q.account.empty() || node_.context().accounts->find(q.account);
  connections_query query;
  query.open = q.state != http::connection_state::closed;
  query.closed = q.state != http::connection_state::open;
  query.subs = q.want_subs;
  query.cid = q.cid;
  query.account = q.account;
  auto report = node_.connections(query);
  if (!report) return report.error();
  s.open = std::move(report->open);
  s.closed = std::move(report->closed);
  // A tag is its account's; a closed one's in $G is not shown.
  name_tags tag_of(*node_.context().accounts);
  for (auto& c : s.open) c.name_tag = tag_of(c.account);
  for (auto& c : s.closed) {
    c.name_tag = c.account == routing::global_account ? "" : tag_of(c.account);
    for (auto& sub : c.subs) {
      sub.account = c.account;
      sub.account_tag = tag_of(c.account);
    }
  }
  // The rings of the reactors, merged into one by the time of the end.
  std::sort(s.closed.begin(), s.closed.end(),
            [](const auto& a, const auto& b) { return a.stop < b.stop; });
  return s;
}

result<observe::subs_snapshot> monitor_bridge::subscriptions(const http::subs_request& q) {
  observe::subs_snapshot all;
  subs_query query;
  query.accounts = accounts(q.account);
  auto report = node_.subscriptions(query);
  if (!report) return report.error();
  for (const observe::sublist_stats& one : report->figures) all.stats += one;
  if (!q.want_subs) return all;
  query.what = subs_slice::wanted::list;
  report = node_.subscriptions(query);
  if (!report) return report.error();
  all.subs = std::move(report->subs);
  name_tags tag_of(*node_.context().accounts);
  for (auto& sub : all.subs) sub.account_tag = tag_of(sub.account);
  return all;
}

result<observe::actor_snapshot> monitor_bridge::actors(bool with_connections) {
  auto tree = node_.actors(with_connections);
  if (!tree || monitor_port_ == 0) return tree;
  // It has a thread of its own; that it asks shows that it runs.
  observe::actor_snapshot monitor;
  monitor.kind = "monitor";
  monitor.name = "monitor of port " + std::to_string(monitor_port_);
  monitor.state = "running";
  monitor.uptime = observe::wall_now() - start_;
  {
    std::lock_guard lock(mutex_);
    monitor.restarts = failures_;
    monitor.last_error = last_failure_;
  }
  tree->children.push_back(std::move(monitor));
  return tree;
}

void monitor_bridge::note_failure(const std::string& why) {
  std::lock_guard lock(mutex_);
  ++failures_;
  last_failure_ = why;
}

observe::health_snapshot monitor_bridge::health(const http::health_request& q) {
  if (q.js_enabled)
    log::warn("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
  if (node_.context().lame_duck.load()) // the listener is closed
    return unhealthy(500, "error", "CONNECTION",
                     "failed to be ready for connections after 1ms: server", q.details);
  observe::health_snapshot healthy;
  if (!q.details) return healthy;
  auto root = node_.actors();
  if (!root) return unhealthy(503, "unavailable", "ACTOR", root.error().context, true);
  add_failed(*root, healthy.errors);
  if (healthy.errors.empty()) return healthy;
  healthy.status = "error";
  healthy.status_code = 503;
  return healthy;
}

} // namespace troupe
