// Everything a node can be told: one struct, filled from defaults, then the file, then the flags.
//
// A value object: no invariants of its own beyond what load.hpp checks. Durations are nanoseconds,
// sizes are bytes. The defaults are the NATS server's. Readers hold a shared_ptr<const
// server_options>; a reload publishes a new one and never changes an old one.
#pragma once

#include "config/declared_parts.hpp"
#include "config/security_options.hpp"
#include "protocol/limits.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe::config {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

inline constexpr int default_client_port = 4222;
inline constexpr int random_port = -1;
inline constexpr char default_host[] = "0.0.0.0";
inline constexpr char global_account[] = "$G";
inline constexpr char default_system_account[] = "$SYS";
/// Name of the user that clients without credentials become when only the system account has users.
inline constexpr char open_account_user[] = "nats-everyone";

/// What happens to a connection whose socket took no byte for `write_deadline`.
enum class write_timeout_policy : uint8_t { unset, close, retry };

struct authorization_options {
  std::string user;
  std::string pass;
  std::string token;
  nanoseconds timeout = 2s;   // time a client has to send its CONNECT
  bool timeout_given = false; // else it follows from that of TLS
  std::vector<user_options> users;
  std::optional<permissions> default_permissions;
  std::optional<auth_callout_options> callout;
  bool proxy_required = false;
  bool defined = false; // the file has an authorization block
  bool operator==(const authorization_options&) const = default;

  /// True when a client must present something, as far as this block tells.
  bool required() const {
    return !user.empty() || !token.empty() || !users.empty() || callout.has_value();
  }
};

struct server_options {
  // -- identity and client listener
  std::string host = default_host;
  int port = default_client_port; // -1: the system picks one
  std::string server_name;        // empty: the server id
  std::string client_advertise;   // host[:port] put in INFO
  std::vector<std::string> server_tags;
  std::map<std::string, std::string> server_metadata;
  std::map<std::string, bool> feature_flags;
  unsigned reactors = 0; // ours: units of ownership, 0: one per core

  // -- logging
  bool debug = false;
  bool trace = false;
  bool trace_verbose = false;
  bool trace_headers = false;
  bool logtime = true;
  bool logtime_utc = false;
  std::string log_file;
  int64_t logfile_size_limit_bytes = 0; // 0: never rotate
  int64_t logfile_max_num = 0;          // rotated files kept, 0: all
  bool syslog = false;
  std::string remote_syslog;      // udp://host:port or tcp://host:port
  int64_t max_traced_msg_len = 0; // bytes of payload in a trace line, 0: all
  std::string log_format;         // ours: "text" or "json", empty: text
  std::string log_level_override; // ours: "subsystem=level, ...", see log_options.hpp
  std::string trace_connections;  // ours: "cid:7, account:A, ...", see trace_filter.hpp

  // -- files of the process
  std::string pid_file;
  std::string ports_file_dir;
  int prof_port = 0;
  int64_t prof_block_rate = 0;

  // -- monitoring; a port of 0 means off, -1 random
  std::string http_host; // empty: same as `host`
  int http_port = 0;
  int https_port = 0;
  std::string http_base_path;

  // -- limits
  int32_t max_control_line = default_max_control_line_bytes;
  int32_t max_payload = default_max_payload_bytes;
  int64_t max_pending = default_max_pending_bytes;
  int64_t max_connections = default_max_connections; // 0 or less: nobody
  int64_t max_subscriptions = 0;                     // per connection, 0: no limit
  uint8_t max_sub_tokens = 0;                        // 0: no limit
  int64_t max_closed_clients = max_closed_clients_kept;

  // -- keep-alive and writing
  nanoseconds ping_interval = 2min;
  int64_t ping_max = 2;
  nanoseconds write_deadline = 10s;
  write_timeout_policy write_timeout = write_timeout_policy::unset; // unset: close for clients
  bool no_fast_producer_stall = false;

  // -- lame duck mode
  nanoseconds lame_duck_duration = 2min;
  nanoseconds lame_duck_grace_period = 10s;

  // -- switches
  bool disable_sublist_cache = false;
  bool no_header_support = false;
  bool allow_non_tls = false;
  int64_t connect_error_reports = 3600;
  int64_t reconnect_error_reports = 1;

  // -- who may connect
  authorization_options authorization;
  std::string no_auth_user;
  bool no_auth_user_is_ours = false; // not of the file: only the system account is defined
  std::string system_account;
  bool no_system_account = false;
  std::vector<account_options> accounts;   // in the order of their names; without $G unless named
  std::vector<subject_mapping> mappings;   // top level: those of $G
  std::vector<std::string> trusted_proxies; // public keys "U..."
  bool proxy_protocol = false;
  operator_options operators;

  // -- TLS for clients, and their WebSocket listener
  std::optional<tls_options> tls;
  ocsp_options ocsp;
  ocsp_cache_options ocsp_cache;
  websocket_options websocket;

  // -- JetStream switches known to the command line; the block itself is not built yet
  bool jetstream = false;
  std::string store_dir;
  std::map<std::string, std::string> default_js_domain; // account -> domain

  // -- cluster switches known to the command line; the block itself is not built yet
  std::string cluster_name;
  std::string cluster_listen;
  std::string cluster_advertise;
  bool cluster_no_advertise = false;
  int64_t cluster_connect_retries = 0;
  std::string routes;

  // -- what else the file says of parts that are not built
  declared_parts declared;

  // -- command line only: options that should protect something but are not built merely warn
  bool allow_unsupported = false;

  // -- where this came from
  std::string config_file;   // empty: no file
  std::string config_digest; // "sha256:<hex>" of the parsed file, empty without one

  bool operator==(const server_options&) const = default;
};

} // namespace troupe::config
