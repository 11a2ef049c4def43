#include "http/endpoints/accounts.hpp"

#include "actors/observe/snapshot_json.hpp"
#include "http/endpoints/account_rules.hpp"
#include "http/render.hpp"
#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/claims_write.hpp"

#include <algorithm>

namespace troupe::http {

namespace {

using observe::account_snapshot;

const account_claims* claims_of(const account_snapshot& a) {
  return a.rules ? a.rules->claims.get() : nullptr;
}

wall_time at_second(int64_t since_1970) { return wall_time(std::chrono::seconds(since_1970)); }

int64_t to_seconds(wall_time t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

/// What the token of an account says; the token itself is never shown.
void write_token(json_writer& w, const account_snapshot& a, wall_time now) {
  const account_claims* claims = claims_of(a);
  if (claims) w.member_if("issuer_key", claims->data.issuer);
  w.member("name_tag", a.name_tag.empty() ? a.name : a.name_tag);
  if (!claims) return;
  w.member_if("tags", claims->tags);
  w.key("decoded_jwt");
  write_claims(w, *claims);
  if (const auto remarks = remarks_on(*claims, to_seconds(now)); !remarks.empty()) {
    w.key("validation_result_jwt");
    w.begin_array();
    for (const claim_remark& one : remarks) {
      w.begin_object();
      w.member("description", one.text);
      w.member("blocking", false);
      w.member("time_check", one.about_time);
      w.end_object();
    }
    w.end_array();
  }
  if (claims->revocations.empty()) return;
  w.key("revoked_user");
  w.begin_object();
  for (auto& [key, since] : claims->revocations) w.member(key, format_time(at_second(since)));
  w.end_object();
}

bool expired(const account_snapshot& a, wall_time now) {
  const account_claims* claims = claims_of(a);
  return claims && claims->data.expires != 0 && at_second(claims->data.expires) <= now;
}

void write_detail(json_writer& w, const account_snapshot& a, const std::string& system,
                  wall_time now) {
  w.key("account_detail");
  w.begin_object();
  w.member("account_name", a.name);
  w.member("update_time", format_time(a.updated));
  w.member_if("is_system", a.is_system);
  w.member("expired", expired(a, now));
  w.member("complete", true);
  w.member("jetstream_enabled", false);
  w.member("leafnode_connections", a.leafnodes);
  w.member("client_connections", a.connections);
  w.member("subscriptions", a.subscriptions);
  if (a.rules) write_account_rules(w, *a.rules, a.name, system);
  write_token(w, a, now);
  w.key("sublist_stats");
  w.begin_object();
  write_sublist_stats(w, a.stats);
  w.end_object();
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
    if (detail) return write_detail(w, *detail, node.system_account, now);
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
      if (wanted(account)) {
        w.begin_object();
        observe::write_account_stat(w, account);
        w.end_object();
      }
    w.end_array();
  });
}

} // namespace troupe::http
