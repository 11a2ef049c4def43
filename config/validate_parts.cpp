// What has to fit together in the blocks whose parts are not built. The texts, and what is asked of whom,
// are the NATS server's.
#include "config/duration.hpp"
#include "config/load.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/service_url.hpp"
#include "protocol/subject/account_functions.hpp"
#include "protocol/subject/subject.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace troupe::config {

namespace {

troupe::error bad(std::string text) { return {errc::malformed, std::move(text)}; }

bool has_cluster(const server_options& o) {
  return o.declared.cluster.port != 0 || !o.cluster_listen.empty();
}
bool has_gateway(const server_options& o) {
  return !o.declared.gateway.name.empty() || o.declared.gateway.port != 0;
}

template <class Range, class Text>
std::string go_list(const Range& list, Text text) {
  std::string out = "[";
  for (auto& one : list) out += (out.size() > 1 ? " " : "") + text(one);
  return out + "]";
}

result<void> check_round_trips(const compression_wish& wish) {
  std::vector<nanoseconds> used;
  for (nanoseconds one : wish.round_trips) {
    one = std::max(one, nanoseconds{0});
    if (one != 0s && std::any_of(used.begin(), used.end(), [&](auto x) { return one < x; }))
      return bad("RTT threshold values " + go_list(wish.round_trips, format_duration)
                 + " should be in ascending order");
    used.push_back(one);
  }
  if (used.empty()) return {};
  while (!used.empty() && used.back() == 0s) used.pop_back();
  constexpr size_t most = 4;
  if (used.size() > most)
    return bad("compression mode " + go_quote(wish.mode) + " should have no more than 4 RTT thresholds: "
               + go_list(wish.round_trips, format_duration));
  if (used.empty())
    return bad("compression mode " + go_quote(wish.mode) + " requires at least one RTT threshold");
  return {};
}

/// `by_default`: what "on" means there.
result<void> check_compression(const compression_wish& wish, const char* by_default) {
  std::string mode = wish.mode;
  for (char& c : mode) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (mode == "on" || mode == "enabled" || mode == "true") mode = by_default;
  if (mode == "auto" || mode == "s2_auto") return check_round_trips(wish);
  static constexpr std::string_view others[] = {
    "not supported", "not_supported", "disabled", "off",    "false",     "accept",
    "fast",          "s2_fast",       "better",   "s2_better", "best", "s2_best"};
  if (std::find(std::begin(others), std::end(others), mode) != std::end(others)) return {};
  return bad("unsupported compression mode " + go_quote(wish.mode));
}

result<void> check_leaf_account(const server_options& o, const std::string& name, const char* what) {
  const bool there = name.empty() || name == global_account
                     || (name == default_system_account && o.system_account.empty()
                         && !o.no_system_account)
                     || std::any_of(o.accounts.begin(), o.accounts.end(),
                                    [&](auto& a) { return a.name == name; });
  if (there) return {};
  return bad("cannot find local account " + go_quote(name) + " specified in leafnode " + what);
}

result<void> check_leaf_accounts(const server_options& o) {
  const declared_leafnodes& leaf = o.declared.leafnodes;
  if (o.operators.jwts.empty()) {
    if (auto ok = check_leaf_account(o, leaf.account, "authorization"); !ok) return ok;
    for (auto& name : leaf.user_accounts)
      if (auto ok = check_leaf_account(o, name, "authorization"); !ok) return ok;
    for (auto& remote : leaf.remotes)
      if (auto ok = check_leaf_account(o, remote.account, "remote"); !ok) return ok;
    return {};
  }
  if (!leaf.user_accounts.empty())
    return bad("operator mode does not allow specifying users in leafnode config");
  for (auto& remote : leaf.remotes)
    if (!is_public_nkey(remote.account, nkey_role::account))
      return bad("operator mode requires account nkeys in remotes. Please add an `account` key to each "
                 "remote in your `leafnodes` section, to assign it to an account. Each account value "
                 "should be a 56 character public key, starting with the letter 'A'");
  if (leaf.port != 0 && !leaf.account.empty() && !is_public_nkey(leaf.account, nkey_role::account))
    return bad("operator mode and non account nkeys are incompatible");
  return {};
}

result<void> check_remote(const declared_remote& remote) {
  size_t websockets = 0;
  for (auto& url : remote.urls)
    if (is_websocket_url(url)) ++websockets;
  if (websockets != 0 && websockets != remote.urls.size())
    return bad("remote leaf node configuration cannot have a mix of websocket and non-websocket urls: "
               + go_list(remote.urls, [](auto& url) { return go_quote(shown_url(url, leafnode_port)); }));
  compression_wish wish = remote.compression;
  if (wish.mode.empty()) wish.mode = "s2_auto";
  return check_compression(wish, "s2_auto");
}

/// Functions in what is denied, as far as they are known before there is a connection.
result<void> check_denied(const declared_remote& remote, const char* option, const std::vector<std::string>& subjects) {
  const account_names names{.account = remote.account.empty() ? global_account : remote.account.c_str(),
                            .remote_later = true};
  std::string faults;
  for (const std::string& subject : subjects)
    if (auto filled = fill_account_functions(subject.substr(0, subject.find(' ')), names); !filled)
      faults += (faults.empty() ? "" : "\n") + ("permission subject " + go_quote(subject) + ": " + filled.error().context);
  if (faults.empty()) return {};
  return bad("invalid " + std::string(option) + " for remote " + remote.shown + ": " + faults);
}

result<void> check_leafnodes(const server_options& o) {
  const declared_leafnodes& leaf = o.declared.leafnodes;
  for (auto& remote : leaf.remotes) {
    if (auto ok = check_denied(remote, "deny_imports", remote.deny_imports); !ok) return ok;
    if (auto ok = check_denied(remote, "deny_exports", remote.deny_exports); !ok) return ok;
  }
  if (auto ok = check_leaf_accounts(o); !ok) return ok;
  compression_wish wish = leaf.compression;
  if (wish.mode.empty() && leaf.port != 0) wish.mode = "s2_auto";
  if (!wish.mode.empty())
    if (auto ok = check_compression(wish, "s2_auto"); !ok) return ok;
  for (auto& remote : leaf.remotes)
    if (auto ok = check_remote(remote); !ok) return ok;
  if (leaf.port != 0 && has_gateway(o) && o.system_account.empty())
    return bad("leaf nodes and gateways (both being defined) require a system account to also be configured");
  return {};
}

result<void> check_gateway(const server_options& o) {
  const declared_gateway& gateway = o.declared.gateway;
  if (!has_gateway(o)) return {};
  if (gateway.name.empty()) return bad("gateway has no name");
  if (gateway.port == 0)
    return bad("gateway " + go_quote(gateway.name) + " has no port specified (select -1 for random port)");
  for (size_t i = 0; i < gateway.gateways.size(); ++i) {
    auto& one = gateway.gateways[i];
    if (one.name.empty()) return bad("gateway in the list " + std::to_string(i) + " has no name");
    if (one.urls.empty()) return bad("gateway " + go_quote(one.name) + " has no URL");
  }
  return {};
}

result<void> check_pinned_accounts(const server_options& o) {
  const declared_cluster& cluster = o.declared.cluster;
  std::vector<std::string> accounts = cluster.accounts;
  // The system's is among them without being named.
  std::string system = o.system_account;
  if (system.empty() && !o.no_system_account) system = default_system_account;
  if (has_cluster(o) && cluster.pool_size >= 0 && !system.empty()
      && std::find(accounts.begin(), accounts.end(), system) == accounts.end())
    accounts.push_back(system);
  if (!accounts.empty() && cluster.pool_size < 0)
    return bad("pool_size cannot be negative if pinned accounts are specified");
  std::set<std::string> seen;
  for (auto& name : accounts)
    if (!seen.insert(name).second)
      return bad("found duplicate account name " + go_quote(name) + " in pinned accounts list "
                 + go_list(accounts, [](auto& x) { return go_quote(x); }));
  return {};
}

result<void> check_cluster(const server_options& o) {
  const declared_cluster& cluster = o.declared.cluster;
  const std::string& name = o.cluster_name.empty() ? cluster.name : o.cluster_name;
  if (name.find(' ') != std::string::npos) return bad("cluster name cannot contain spaces");
  if (!cluster.compression.mode.empty())
    if (auto ok = check_compression(cluster.compression, "s2_fast"); !ok) return ok;
  if (!o.declared.gateway.name.empty() && !name.empty() && name != o.declared.gateway.name)
    return bad("cluster name conflicts between cluster and gateway definitions");
  const bool named_by_server = name.empty() && o.declared.gateway.name.empty()
                               && !o.declared.leafnodes.remotes.empty() && !has_cluster(o);
  if ((named_by_server ? o.server_name : name) == "_") return bad("cluster name is reserved");
  return check_pinned_accounts(o);
}

result<void> check_mqtt(const server_options& o) {
  const declared_mqtt& mqtt = o.declared.mqtt;
  if (mqtt.port == 0) return {};
  const bool gateway = o.declared.gateway.port != 0;
  if (o.server_name.empty() && (has_cluster(o) || gateway))
    return bad("mqtt requires server name to be explicitly set");
  if (auto ok = validate_no_auth_user(o, mqtt.no_auth_user); !ok) return ok;
  if (!o.authorization.users.empty()) {
    if (!mqtt.user.empty())
      return bad("mqtt authentication username not compatible with presence of users/nkeys");
    if (!mqtt.token.empty())
      return bad("mqtt authentication token not compatible with presence of users/nkeys");
  }
  if (mqtt.ack_wait < 0s) return bad("ack wait must be a positive value");
  if (mqtt.js_api_timeout < 0s) return bad("JS API timeout must be a positive value");
  if (!o.jetstream && !has_cluster(o) && !gateway && o.declared.leafnodes.port == 0
      && o.declared.leafnodes.remotes.empty())
    return bad("mqtt requires JetStream to be enabled if running in standalone mode");
  return {};
}

result<void> check_domain(const std::string& domain) {
  if (domain.empty()) return {};
  const std::string subject = "$JS." + domain + ".API.>";
  if (!is_valid_subject(subject))
    return bad("invalid domain name: derived " + go_quote(subject) + " is not a valid subject");
  if (domain.find_first_of(" \t\r\n\f.*>") != std::string::npos)
    return bad("invalid domain name: may not contain ., * or >");
  if (domain == "ACK" || domain == "FC" || domain == "SNAPSHOT" || domain == "EVENT")
    return bad("invalid domain name: " + go_quote(domain) + " is reserved");
  return {};
}

result<void> check_jetstream(const server_options& o) {
  const declared_jetstream& js = o.declared.jetstream;
  if (o.operators.jwts.empty())
    for (auto& [account, domain] : o.default_js_domain)
      if (!domain.empty() && js.accounts.contains(account))
        return bad("default_js_domain contains account name " + go_quote(account)
                   + " with enabled JetStream");
  if (auto ok = check_domain(js.domain); !ok) return ok;
  if (!o.jetstream || !has_cluster(o)) return {};
  if (o.server_name.empty()) return bad("jetstream cluster requires `server_name` to be set");
  if (o.declared.cluster.name.empty() && o.cluster_name.empty() && o.declared.gateway.name.empty())
    return bad("jetstream cluster requires `cluster.name` to be set");
  std::string hint = js.extension_hint;
  for (char& c : hint) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (!hint.empty() && hint != "no_extend" && hint != "will_extend")
    return bad("expected 'no_extend' for string value, got '" + hint + "'");
  if (js.negative_catchup) return bad("jetstream max catchup cannot be negative");
  return {};
}

} // namespace

std::vector<std::string> validate_parts(const server_options& options) {
  std::vector<std::string> out;
  for (auto check : {check_leafnodes, check_gateway, check_cluster, check_mqtt, check_jetstream})
    if (auto ok = check(options); !ok) out.push_back(ok.error().context);
  return out;
}

} // namespace troupe::config
