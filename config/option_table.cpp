#include "config/option_table.hpp"

#include <algorithm>
#include <cctype>

namespace troupe::config {

namespace {

using o = server_options;
using enum option_type;
using enum apply;
using enum support;

constexpr int64_t any_min = std::numeric_limits<int64_t>::min();
constexpr int64_t int32_max = std::numeric_limits<int32_t>::max();
constexpr int64_t port_max = 65535;

// block, names, type, default, reload, support, doc, nested, field, min, max
constexpr option_row top[] = {
    {"", "listen", any, "0.0.0.0:4222", live, built, "Client address, host:port or port."},
    {"", "host net", text, "0.0.0.0", live, built, "Client listen host.", "", &o::host},
    {"", "port", integer, "4222", live, built, "Client listen port, -1 for any free one.", "",
     &o::port, -1, port_max},
    {"", "server_name", text, "server id", restart, built, "Name of this server."},
    {"", "client_advertise", text, "", live, built, "host[:port] told to clients in INFO.", "",
     &o::client_advertise},
    {"", "server_tags", list, "", live, built, "Tags shown in /varz and used for placement.", "",
     &o::server_tags},
    {"", "server_metadata", map, "", live, built, "Free key and value pairs shown in /varz.", "*",
     &o::server_metadata},
    {"", "feature_flags", map, "", live, built, "Named switches of the NATS server.", "*",
     &o::feature_flags},
    {"", "reactors", integer, "one per core", restart, built,
     "Troupe only: units of ownership, each with its own event loop.", "", &o::reactors, 0, 64},

    {"", "debug", boolean, "false", live, built, "Log at debug level.", "", &o::debug},
    {"", "trace", boolean, "false", live, built, "Log every protocol line.", "", &o::trace},
    {"", "trace_verbose", boolean, "false", live, built, "Trace the system account as well.", "",
     &o::trace_verbose},
    {"", "trace_headers", boolean, "false", live, built, "Trace headers, not payloads.", "",
     &o::trace_headers},
    {"", "logtime", boolean, "true", live, built, "Start log lines with the time.", "",
     &o::logtime},
    {"", "logtime_utc", boolean, "false", live, built, "Log times in UTC.", "", &o::logtime_utc},
    {"", "log_file logfile", text, "stderr", live, built, "File that log lines go to.", "",
     &o::log_file},
    {"", "logfile_size_limit log_size_limit", integer, "0", live, built,
     "Bytes after which the log file is renamed, 0 for never.", "", &o::logfile_size_limit_bytes},
    {"", "logfile_max_num log_max_num", integer, "0", live, built,
     "Log files kept, the current one included; 0 for all.", "", &o::logfile_max_num},
    {"", "syslog", boolean, "false", live, built, "Log to the local syslog.", "", &o::syslog},
    {"", "remote_syslog", text, "", live, built, "Syslog server, udp://host:514.", "",
     &o::remote_syslog},
    {"", "max_traced_msg_len", integer, "0", live, built,
     "Payload bytes in a trace line, 0 for all.", "", &o::max_traced_msg_len},
    {"", "log_format", text, "text", live, built,
     "Troupe only: text as the NATS server's, or json, an object a line.", "", &o::log_format},
    {"", "log_level_override", text, "", live, built,
     "Troupe only: levels of single subsystems, \"session=debug, http=warn\".", "",
     &o::log_level_override},
    {"", "trace_connections", text, "", live, built,
     "Troupe only: connections to trace, \"cid:7, account:A, user:app, name:svc, ip:10.0.0.7\".",
     "", &o::trace_connections},
    {"", "pid_file pidfile", text, "", live, built, "File that holds the process id.", "",
     &o::pid_file},
    {"", "ports_file_dir", text, "", live, built, "Where <exe>_<pid>.ports is written.", "",
     &o::ports_file_dir},
    {"", "prof_port", integer, "0", restart, built, "Profiling port, 0 for none.", "",
     &o::prof_port, any_min, port_max},
    {"", "prof_block_rate", integer, "0", live, built,
     "Nanoseconds of waiting for a lock that make a sample of the block profile, 0 for none.", "",
     &o::prof_block_rate},

    {"", "http", any, "off", live, built, "Monitoring address, host:port or port."},
    {"", "http_port monitor_port", integer, "0", live, built, "Monitoring port, 0 for none.", "",
     &o::http_port, -1, port_max},
    {"", "https", any, "off", live, built, "Monitoring address with TLS."},
    {"", "https_port", integer, "0", live, built, "Monitoring port with TLS.", "",
     &o::https_port, -1, port_max},
    {"", "http_base_path", text, "/", live, built, "Path in front of every monitoring page.", "",
     &o::http_base_path},

    {"", "max_control_line", integer, "4096", live, built, "Bytes of the longest protocol line.",
     "", &o::max_control_line, any_min, int32_max},
    {"", "max_payload", integer, "1MB", live, built, "Bytes of the largest message.", "",
     &o::max_payload, any_min, int32_max},
    {"", "max_pending", integer, "64MB", live, built, "Bytes waiting for one slow reader.", "",
     &o::max_pending},
    {"", "max_connections max_conn", integer, "65536", live, built,
     "Client connections, 0 for none at all."},
    {"", "max_subscriptions max_subs", integer, "0", live, built,
     "Subscriptions of one connection, 0 for any.", "", &o::max_subscriptions},
    {"", "max_sub_tokens max_subscription_tokens", integer, "0", live, built,
     "Tokens in a subscription's subject.", "", &o::max_sub_tokens, 1, 255},
    {"", "max_closed_clients", integer, "10000", restart, built, "Closed connections in /connz.",
     "", &o::max_closed_clients},

    {"", "ping_interval", duration, "2m", live, built, "Time between PINGs.", "",
     &o::ping_interval},
    {"", "ping_max", integer, "2", live, built, "PINGs without an answer before closing.", "",
     &o::ping_max},
    {"", "write_deadline", duration, "10s", live, built, "Time a write may take.", "",
     &o::write_deadline},
    {"", "write_timeout", text, "default", live, built, "default, close or retry."},
    {"", "no_fast_producer_stall", boolean, "false", live, built,
     "Never hold back a producer for a slow consumer.", "", &o::no_fast_producer_stall},
    {"", "lame_duck_duration", duration, "2m", live, built,
     "Time over which clients are closed in lame duck mode, 30s at least."},
    {"", "lame_duck_grace_period", duration, "10s", live, built,
     "Wait before lame duck mode closes the first client."},

    {"", "disable_sublist_cache no_sublist_cache", boolean, "false", restart, built,
     "Do not cache matches.", "", &o::disable_sublist_cache},
    {"", "no_header_support", boolean, "false", restart, built, "Refuse messages with headers.", "",
     &o::no_header_support},
    {"", "connect_error_reports", integer, "3600", live, unbuilt, "Failed dials per report.", "",
     &o::connect_error_reports},
    {"", "reconnect_error_reports", integer, "1", live, unbuilt, "Failed redials per report.", "",
     &o::reconnect_error_reports},

    {"", "authorization", map, "", live, built, "Who may connect.", "authorization"},
    {"", "no_auth_user", text, "", live, built, "User of clients that present nothing.", "",
     &o::no_auth_user},
    {"", "system_account system", any, "$SYS", restart, built, "Name of the system account."},
    {"", "no_system_account no_system no_sys_acc", boolean, "false", restart, built,
     "Run without a system account.", "", &o::no_system_account},

    {"", "accounts", any, "", live, built, "Accounts, their users, imports, exports.",
     "*account"},
    {"", "mappings maps", map, "", live, built, "Subject mappings of the global account.",
     "*mapping"},
    {"", "tls", map, "", live, built, "TLS for clients.", "tls"},
    {"", "allow_non_tls", boolean, "false", restart, built, "Take plain clients beside TLS.", "",
     &o::allow_non_tls},
    {"", "ocsp", any, "", live, built, "OCSP stapling.", "ocsp"},
    {"", "ocsp_cache", any, "local", live, built, "Cache of OCSP answers.", "ocsp_cache"},
    {"", "proxy_protocol", boolean, "false", restart, built,
     "Take PROXY headers (1 and 2) on the clients' port, which only proxies should reach.", "",
     &o::proxy_protocol},
    {"", "proxies", map, "", live, built, "Trusted proxies.", "proxies"},
    {"", "default_sentinel", text, "", live, built, "JWT of clients that present nothing."},
    {"", "operator operators root roots root_operator root_operators", any, "", restart,
     built, "Operator JWTs that are trusted."},
    {"", "trusted_keys trusted", any, "", restart, built,
     "Operator keys that are trusted."},
    {"", "resolver account_resolver accounts_resolver", any, "", live, built,
     "Where account JWTs come from.", "resolver"},
    {"", "resolver_tls", map, "", live, built, "TLS towards the resolver.", "tls"},
    {"", "resolver_preload", map, "", live, built, "Account JWTs known from the start.", "*"},
    {"", "resolver_pinned_accounts", any, "", live, built, "Accounts that may log in."},
    {"", "cluster", map, "", restart, unbuilt, "Routes to the servers of this cluster.", "cluster"},
    {"", "gateway", map, "", restart, unbuilt, "Links to other clusters.", "gateway"},
    {"", "leafnodes leaf", map, "", restart, unbuilt, "Leaf node connections.", "leafnodes"},
    {"", "websocket ws", map, "", live, built, "WebSocket listener.", "websocket"},
    {"", "mqtt", map, "", restart, unbuilt, "MQTT listener.", "mqtt"},
    {"", "jetstream", any, "off", restart, unbuilt, "Streams and consumers.", "jetstream"},
    {"", "store_dir storedir", text, "", restart, unbuilt, "Where JetStream stores.", "",
     &o::store_dir},
    {"", "default_js_domain", map, "", restart, unbuilt, "JetStream domain by account.", "*"},
};

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool has_name(std::string_view names, std::string_view key) {
  while (!names.empty()) {
    auto end = std::min(names.find(' '), names.size());
    if (same_word(names.substr(0, end), key)) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

} // namespace

std::span<const option_row> top_level_options() { return top; }

const option_row* find_option(std::string_view block, std::string_view key) {
  auto rows = block.empty() ? top_level_options() : block_options();
  for (auto& row : rows)
    if (row.block == block && has_name(row.names, key)) return &row;
  return nullptr;
}

std::vector<const option_row*> unsupported_options() {
  std::vector<const option_row*> out;
  for (auto rows : {top_level_options(), block_options()})
    for (auto& row : rows)
      if (row.state == unbuilt || row.state == unbuilt_security) out.push_back(&row);
  return out;
}

std::string unsupported_text() {
  std::string out = "Options that are accepted but have no effect yet:\n";
  for (auto row : unsupported_options()) {
    std::string name(row->block);
    name += name.empty() ? "" : ".";
    name += row->name();
    out += "    " + name + std::string(name.size() < 40 ? 40 - name.size() : 1, ' ');
    out += row->doc;
    out += row->state == unbuilt_security ? " (NOT ENFORCED)\n" : "\n";
  }
  return out;
}

namespace {

/// Rows without a field of their own: what they fill.
struct compared {
  std::string_view name;
  bool (*differs)(const o& a, const o& b);
};

template <auto field>
bool unlike(const o& a, const o& b) { return a.*field != b.*field; }
template <auto field>
bool unlike_operators(const o& a, const o& b) { return a.operators.*field != b.operators.*field; }
template <auto field>
bool unlike_resolver(const o& a, const o& b) {
  return a.operators.resolver.*field != b.operators.resolver.*field;
}

// "listen" and "https" set fields that have rows of their own.
constexpr compared special[] = {
    {"server_name", unlike<&o::server_name>},
    {"max_connections", unlike<&o::max_connections>},
    {"write_timeout", unlike<&o::write_timeout>},
    {"lame_duck_duration", unlike<&o::lame_duck_duration>},
    {"lame_duck_grace_period", unlike<&o::lame_duck_grace_period>},
    {"http", unlike<&o::http_host>},
    {"authorization", unlike<&o::authorization>},
    {"accounts", unlike<&o::accounts>},
    {"mappings", unlike<&o::mappings>},
    {"proxies", unlike<&o::trusted_proxies>},
    {"system_account",
     [](const o& a, const o& b) {
       auto named = [](const o& x) -> std::string_view {
         return x.system_account.empty() ? default_system_account : std::string_view(x.system_account);
       };
       return named(a) != named(b);
     }},
    {"tls", unlike<&o::tls>},
    {"ocsp", unlike<&o::ocsp>},
    {"ocsp_cache", unlike<&o::ocsp_cache>},
    {"websocket", unlike<&o::websocket>},
    {"operator", unlike_operators<&operator_options::jwts>},
    {"trusted_keys", unlike_operators<&operator_options::trusted_keys>},
    {"default_sentinel", unlike_operators<&operator_options::default_sentinel>},
    {"resolver_pinned_accounts", unlike_operators<&operator_options::pinned_accounts>},
    {"resolver",
     [](const o& a, const o& b) {
       auto without = [](resolver_options r) {
         r.preload.clear();
         r.tls.reset();
         return r;
       };
       return without(a.operators.resolver) != without(b.operators.resolver);
     }},
    {"resolver_preload", unlike_resolver<&resolver_options::preload>},
    {"resolver_tls", unlike_resolver<&resolver_options::tls>},
};

bool differs(const option_row& row, const o& a, const o& b) {
  if (row.field.index() != 0)
    return std::visit(
        [&](auto member) {
          if constexpr (std::is_same_v<decltype(member), std::monostate>) return false;
          else return a.*member != b.*member;
        },
        row.field);
  for (auto& one : special)
    if (one.name == row.name()) return one.differs(a, b);
  return false;
}

} // namespace

std::vector<option_change> diff(const o& before, const o& after) {
  std::vector<option_change> out;
  for (auto& row : top)
    if (row.state == built && differs(row, before, after))
      out.push_back({&row, row.reload == live});
  return out;
}

} // namespace troupe::config
