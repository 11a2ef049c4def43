#include "actors/node/reload_core.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

#include "config/duration.hpp"
#include "config/load.hpp"
#include "config/option_table.hpp"
#include "protocol/client/go_quote.hpp"

namespace troupe {

namespace {

using config::option_row;
using config::server_options;

template <size_t N>
bool one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What the NATS server calls an option in a refusal: "max_pending" is MaxPending.
std::string field_name(std::string_view option) {
  static constexpr std::pair<std::string_view, std::string_view> irregular[] = {
    {"max_subscriptions", "MaxSubs"},
    {"disable_sublist_cache", "NoSublistCache"},
    {"allow_non_tls", "AllowNonTLS"},
    {"http", "HTTPHost"},
    {"http_port", "HTTPPort"},
    {"https_port", "HTTPSPort"},
    {"http_base_path", "HTTPBasePath"},
    {"operator", "TrustedOperators"},
    {"resolver_pinned_accounts", "resolverPinnedAccounts"},
  };
  for (auto& [name, field] : irregular)
    if (name == option) return std::string(field);
  std::string out;
  bool upper = true;
  for (char c : option) {
    if (c != '_') out += upper ? static_cast<char>(std::toupper(c)) : c;
    upper = c == '_';
  }
  return out;
}

std::string text_of(bool x) { return x ? "true" : "false"; }
std::string text_of(const std::string& x) { return x; }
std::string text_of(config::nanoseconds x) { return config::format_duration(x); }
template <class Int>
requires std::is_integral_v<Int>
std::string text_of(Int x) { return std::to_string(x); }
std::string text_of(const std::vector<std::string>& x) {
  std::string out = "[";
  for (auto& s : x) out += (out.size() > 1 ? " " : "") + s;
  return out + "]";
}
template <class T>
std::string text_of(const std::map<std::string, T>& x) {
  std::string out = "map[";
  for (auto& [key, v] : x) out += (out.size() > 4 ? " " : "") + key + ":" + text_of(v);
  return out + "]";
}

/// An option's value as Go prints it. Blocks, which may hold secrets, have none.
std::string value_text(const option_row& row, const server_options& o) {
  if (row.field.index() != 0)
    return std::visit(
      [&](auto member) -> std::string {
        if constexpr (std::is_same_v<decltype(member), std::monostate>) return {};
        else return text_of(o.*member);
      },
      row.field);
  auto name = row.name();
  if (name == "server_name") return o.server_name;
  if (name == "system_account") return o.system_account;
  if (name == "max_connections") return std::to_string(o.max_connections);
  if (name == "lame_duck_duration") return text_of(o.lame_duck_duration);
  if (name == "lame_duck_grace_period") return text_of(o.lame_duck_grace_period);
  if (name == "http") return o.http_host;
  if (name == "write_timeout") {
    using enum config::write_timeout_policy;
    return o.write_timeout == close ? "close" : o.write_timeout == retry ? "retry" : "default";
  }
  return "[...]";
}

error refusal(const std::string& field, const std::string& old_text, const std::string& new_text) {
  return {errc::malformed,
          "config reload not supported for " + field + ": old=" + old_text + ", new=" + new_text};
}

/// Go's %v of a number of seconds.
std::string seconds_text(config::nanoseconds d) {
  double s = std::chrono::duration<double>(d).count();
  std::array<char, 32> text;
  auto [end, ec] = std::to_chars(text.data(), text.data() + text.size(), s);
  return {text.data(), end};
}

void add_authorization_lines(const server_options& before, const server_options& after,
                             std::vector<std::string>& lines) {
  const auto& a = before.authorization;
  const auto& b = after.authorization;
  auto users = [](const config::authorization_options& auth, bool by_key) {
    std::vector<config::user_options> out;
    std::copy_if(auth.users.begin(), auth.users.end(), std::back_inserter(out),
                 [&](auto& user) { return user.nkey.empty() != by_key; });
    return out;
  };
  if (a.user != b.user) lines.push_back("Reloaded: authorization username");
  if (a.pass != b.pass) lines.push_back("Reloaded: authorization password");
  if (a.token != b.token) lines.push_back("Reloaded: authorization token");
  if (a.timeout != b.timeout)
    lines.push_back("Reloaded: authorization timeout = " + seconds_text(b.timeout));
  if (users(a, false) != users(b, false)) lines.push_back("Reloaded: authorization users");
  if (users(a, true) != users(b, true)) lines.push_back("Reloaded: authorization nkey users");
  if (a.callout != b.callout) lines.push_back("Reloaded: authorization callout");
}

void add_tls_lines(const server_options& before, const server_options& after,
                   std::vector<std::string>& lines) {
  lines.push_back(std::string("Reloaded: tls = ") + (after.tls ? "enabled" : "disabled"));
  if (!after.tls) return;
  const config::tls_options none;
  const auto& a = before.tls ? *before.tls : none;
  const auto& b = *after.tls;
  if (a.timeout != b.timeout)
    lines.push_back("Reloaded: tls timeout = " + seconds_text(b.timeout));
  if (a.pinned_certs != b.pinned_certs)
    lines.push_back("Reloaded: " + std::to_string(b.pinned_certs.size()) + " pinned_certs");
  if (a.order != b.order)
    lines.push_back("Reloaded: Client TLS handshake first: "
                    + text_of(b.order != config::handshake_order::after_info));
}

/// Keys of `list` that are not in `other`, as Go's %q of a list.
std::string keys_missing(const std::vector<std::string>& list,
                         const std::vector<std::string>& other) {
  std::string out;
  for (auto& key : list)
    if (std::find(other.begin(), other.end(), key) == other.end())
      out += (out.empty() ? "" : " ") + go_quote(key);
  return out.empty() ? out : "[" + out + "]";
}

void add_proxy_lines(const server_options& before, const server_options& after,
                     std::vector<std::string>& lines) {
  auto removed = keys_missing(before.trusted_proxies, after.trusted_proxies);
  auto added = keys_missing(after.trusted_proxies, before.trusted_proxies);
  if (!removed.empty())
    lines.push_back("Reloaded: proxies trusted keys " + removed + " were removed");
  if (!added.empty()) lines.push_back("Reloaded: proxies trusted keys " + added + " were added");
}

void add_lines(const option_row& row, const server_options& before, const server_options& after,
               std::vector<std::string>& lines) {
  auto name = row.name();
  if (name == "authorization") return add_authorization_lines(before, after, lines);
  if (name == "tls") return add_tls_lines(before, after, lines);
  if (name == "proxies") return add_proxy_lines(before, after, lines);
  if (name == "no_fast_producer_stall")
    return lines.push_back(std::string("Reloaded: fast producers will ")
                           + (after.no_fast_producer_stall ? "not " : "") + "be stalled");
  static constexpr std::pair<std::string_view, std::string_view> words[] = {
    {"server_tags", "Reloaded: tags"},
    {"server_metadata", "Reloaded: metadata"},
    {"accounts", "Reloaded: accounts"},
    {"mappings", "Reloaded: mappings"},
    {"ocsp", "Reloaded: OCSP"},
    {"ocsp_cache", "Reloaded OCSP peer cache"},
    {"websocket", "Reloaded: websocket"},
    {"resolver", "Reloaded: resolver"},
    {"resolver_preload", "Reloaded: resolver_preload"},
    {"resolver_tls", "Reloaded: resolver_tls"},
  };
  for (auto& [option, line] : words)
    if (option == name) return lines.push_back(std::string(line));
  auto text = value_text(row, after);
  if (name == "client_advertise") return lines.push_back("Reload: client_advertise = " + text);
  lines.push_back("Reloaded: " + std::string(name) + " = " + text);
}

/// A port that the file leaves to the system stays what it is.
void keep_random_ports(const server_options& current, server_options& next) {
  auto keep = [](int now, int& then) {
    if (then == config::random_port && now != 0) then = now;
  };
  keep(current.port, next.port);
  keep(current.http_port, next.http_port);
  keep(current.https_port, next.https_port);
  keep(current.websocket.port, next.websocket.port);
}

/// Rules that are more than "live or not".
result<void> check_special(const option_row& row, const server_options& before,
                           const server_options& after) {
  auto name = row.name();
  if (name == "no_auth_user" && !before.no_auth_user.empty()) {
    // Sessions let in as that user cannot be told from others of its name: it may go with its user.
    const auto& users = after.authorization.users;
    bool still_there = std::any_of(users.begin(), users.end(), [&](auto& user) {
      return user.name == before.no_auth_user || user.nkey == before.no_auth_user;
    });
    if (still_there || !after.no_auth_user.empty())
      return refusal("NoAuthUser", before.no_auth_user, after.no_auth_user);
  }
  // A listener moves, but is neither opened nor closed for good.
  if (name == "websocket" && (before.websocket.port == 0) != (after.websocket.port == 0))
    return refusal("Websocket", value_text(row, before), value_text(row, after));
  const auto has_resolver = [](const server_options& o) {
    return o.operators.resolver.kind != config::resolver_kind::none;
  };
  if (name == "resolver" && has_resolver(before) != has_resolver(after))
    return error{errc::malformed,
                 "config reload not supported for moving to or from an account resolver"};
  if (name == "client_advertise" && !after.client_advertise.empty())
    if (auto good = config::parse_advertise(after.client_advertise); !good)
      return error{errc::malformed, "invalid ClientAdvertise value of " + after.client_advertise
                                      + ", err=" + good.error().context};
  return {};
}

void mark(reload_plan& plan, std::string_view name) {
  static constexpr std::array<std::string_view, 13> logging{
    "debug",          "trace",           "trace_verbose",      "logtime",
    "logtime_utc",    "log_file",        "logfile_size_limit", "logfile_max_num",
    "syslog",         "remote_syslog",   "log_format",         "log_level_override",
    "trace_connections"};
  static constexpr std::array<std::string_view, 4> monitor{"http", "http_port", "https_port",
                                                           "http_base_path"};
  plan.logging = plan.logging || one_of(name, logging);
  plan.monitor = plan.monitor || one_of(name, monitor);
  plan.client_listener = plan.client_listener || name == "host" || name == "port";
  plan.pid_file = plan.pid_file || name == "pid_file";
  plan.max_connections = plan.max_connections || name == "max_connections";
  plan.ports_file = plan.ports_file || name == "ports_file_dir" || plan.monitor
                    || plan.client_listener;
}

void mark_websocket(reload_plan& plan, const config::websocket_options& before,
                    const config::websocket_options& after) {
  plan.websocket_listener = before.host != after.host || before.port != after.port;
  // It tells the address and whether TLS is spoken there.
  plan.ports_file = plan.ports_file || plan.websocket_listener
                    || before.tls.has_value() != after.tls.has_value();
}

} // namespace

result<reload_plan> plan_reload(const server_options& current, server_options next) {
  keep_random_ports(current, next);
  reload_plan plan;
  for (const config::option_change& change : config::diff(current, next)) {
    const option_row& row = *change.row;
    if (!change.live)
      return refusal(field_name(row.name()), value_text(row, current), value_text(row, next));
    if (auto ok = check_special(row, current, next); !ok) return ok.error();
    add_lines(row, current, next, plan.lines);
    mark(plan, row.name());
    if (row.name() == "websocket") mark_websocket(plan, current.websocket, next.websocket);
  }
  plan.options = std::move(next);
  return plan;
}

} // namespace troupe
