#include "http/endpoints/accounts.hpp"

#include "http/endpoints/account_rules.hpp"
#include "http/render.hpp"

#include <algorithm>

namespace troupe::http {

namespace {

using observe::account_snapshot;

void write_detail(json_writer& w, const account_snapshot& a, const std::string& system) {
  w.key("account_detail");
  w.begin_object();
  w.member("account_name", a.name);
  w.member("update_time", format_time(a.updated));
  w.member_if("is_system", a.is_system);
  w.member("expired", false);
  w.member("complete", true);
  w.member("jetstream_enabled", false);
  w.member("leafnode_connections", a.leafnodes);
  w.member("client_connections", a.connections);
  w.member("subscriptions", a.subscriptions);
  if (a.rules) write_account_rules(w, *a.rules, a.name, system);
  w.member("name_tag", a.name);
  w.key("sublist_stats");
  w.begin_object();
  write_sublist_stats(w, a.stats);
  w.end_object();
  w.end_object();
}

void write_data(json_writer& w, std::string_view name, int64_t msgs, int64_t bytes) {
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

void write_stat(json_writer& w, const account_snapshot& a) {
  w.begin_object();
  w.member("acc", a.name);
  w.member("name", a.name);
  w.member("conns", a.connections);
  w.member("leafnodes", a.leafnodes);
  w.member("total_conns", a.total_connections);
  w.member("num_subscriptions", a.subscriptions);
  write_data(w, "sent", a.sent_msgs, a.sent_bytes);
  write_data(w, "received", a.received_msgs, a.received_bytes);
  w.member("slow_consumers", a.slow_consumers);
  w.end_object();
}

} // namespace

accountz_options parse_accountz(const query& params) { return {params.get("acc")}; }

result<accstatz_options> parse_accstatz(const query& params) {
  auto unused = params.get_bool("unused");
  if (!unused) return unused.error();
  return accstatz_options{{}, *unused};
}

result<std::string> render_accountz(const accountz_options& options,
                                    const observe::node_snapshot& node, wall_time now) {
  auto& wanted = options.account;
  const account_snapshot* detail = nullptr;
  for (auto& account : node.accounts)
    if (account.name == wanted) detail = &account;
  if (!wanted.empty() && !detail)
    return troupe::error{errc::not_found, "Account " + wanted + " does not exist"};
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("now", format_time(now));
    w.member_if("system_account", node.system_account);
    if (detail) return write_detail(w, *detail, node.system_account);
    std::vector<std::string> names;
    for (auto& account : node.accounts)
      names.push_back(account.name);
    w.member_if("accounts", names);
  });
}

std::string render_accstatz(const accstatz_options& options, const observe::node_snapshot& node,
                            wall_time now) {
  auto wanted = [&](const account_snapshot& a) {
    auto& names = options.accounts;
    return (options.unused || a.connections != 0 || a.leafnodes != 0)
           && (names.empty() || std::find(names.begin(), names.end(), a.name) != names.end());
  };
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("now", format_time(now));
    w.key("account_statz");
    w.begin_array();
    for (auto& account : node.accounts)
      if (wanted(account)) write_stat(w, account);
    w.end_array();
  });
}

} // namespace troupe::http
