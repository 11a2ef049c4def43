// The values behind every monitoring page: what a reactor or an actor answers when asked.
//
// Plain copies, made on the owner's thread and read on the monitor's. Sizes are bytes, times are
// wall clock, spans are nanoseconds. Rendering (field order, omitted fields) is http/'s business.
#pragma once

#include "actors/observe/counters.hpp"
#include "config/options.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::observe {

using std::chrono::nanoseconds;
using wall_time = std::chrono::sys_time<nanoseconds>;

inline wall_time wall_now() {
  return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now());
}

/// Whole seconds since 1970. Not `time()`: on Linux it reads a coarser clock, which enters a second
/// up to a tick late.
inline int64_t wall_seconds() {
  return std::chrono::floor<std::chrono::seconds>(wall_now()).time_since_epoch().count();
}

/// One subscription, as in /subsz and /connz?subs=detail.
struct sub_snapshot {
  std::string account;     // set for /subsz only
  std::string account_tag; // set for /subsz only
  std::string subject;
  std::string queue; // empty: no queue group
  std::string sid;
  int64_t msgs = 0;
  int64_t max = 0; // 0: no auto-unsubscribe
  uint64_t cid = 0;
};

struct tls_peer_cert {
  std::string subject;
  std::string spki_sha256;
  std::string cert_sha256;
};

/// One connection, open or (when `stop` is set) closed.
struct connection_snapshot {
  uint64_t cid = 0;
  std::string kind = "Client"; // Client | Leafnode | Router | Gateway
  std::string type = "nats";   // nats | websocket | mqtt
  std::string ip;
  int port = 0;
  wall_time start{};
  wall_time last_activity{};
  std::optional<wall_time> stop;
  std::string reason; // why it was closed
  nanoseconds rtt{0}; // 0: not measured yet
  int64_t pending_bytes = 0;
  int64_t in_msgs = 0, out_msgs = 0, in_bytes = 0, out_bytes = 0;
  int64_t stalls = 0;
  uint32_t subscriptions = 0;
  std::string name, lang, version; // from CONNECT
  std::string tls_version, tls_cipher_suite;
  std::vector<tls_peer_cert> tls_peer_certs;
  bool tls_first = false;
  std::string authorized_user; // a token shows as "[REDACTED]" upstream; the session decides
  std::string account = "$G";
  std::vector<sub_snapshot> subs; // filled only when the query asks
  std::string jwt, issuer_key, name_tag;
  std::vector<std::string> tags;
  std::string mqtt_client;
  std::string proxy_key;
  unsigned reactor = 0; // where it lives; not shown in /connz
};

struct kind_counts {
  uint64_t clients = 0, routes = 0, gateways = 0, leafs = 0;
  uint64_t total() const { return clients + routes + gateways + leafs; }
};

/// The connections of a node; `closed` is the ring of the last max_closed_clients, oldest first.
struct connections_snapshot {
  bool account_known = true; // false: the query named an account that does not exist
  std::vector<connection_snapshot> open;
  std::vector<connection_snapshot> closed;
};

/// One reactor's counters at one moment. Sum them with `+=`.
struct reactor_snapshot {
  unsigned index = 0;
  uint64_t in_msgs = 0, in_bytes = 0, out_msgs = 0, out_bytes = 0;
  uint64_t in_client_msgs = 0, in_client_bytes = 0, out_client_msgs = 0, out_client_bytes = 0;
  uint64_t forwarded_msgs = 0, forwarded_batches = 0;
  kind_counts slow_consumers;
  kind_counts stale_connections;
  uint64_t stalls = 0;
  uint64_t auth_errors = 0;
  uint64_t failures = 0;
  int64_t connections = 0;
  uint64_t total_connections = 0;
  int64_t subscriptions = 0;

  reactor_snapshot& operator+=(const reactor_snapshot& other);
};

/// Reads the counters; safe from any thread.
reactor_snapshot snapshot_of(const reactor_counters& counters, unsigned index);

/// Statistics of the subscription shards, as in /subsz. Sum them with `+=`.
struct sublist_stats {
  uint64_t num_subscriptions = 0;
  uint64_t num_cache = 0; // entries in the match caches
  uint64_t num_inserts = 0, num_removes = 0, num_matches = 0;
  uint64_t cache_hits = 0;
  uint64_t max_fanout = 0;
  uint64_t total_fanout = 0;   // sum over cached results
  uint64_t cached_results = 0; // how many results `total_fanout` sums

  sublist_stats& operator+=(const sublist_stats& other);
};

struct subs_snapshot {
  sublist_stats stats;
  std::vector<sub_snapshot> subs; // filled only when the query asks
};

/// One node of the actor tree, as in /actorz.
struct actor_snapshot {
  std::string kind; // reactor, listener, connection, ...
  std::string name;
  std::string state; // running, restarting, stopping, failed
  uint64_t mailbox_depth = 0;
  uint64_t restarts = 0;
  std::string last_error;
  nanoseconds uptime{0};
  std::vector<actor_snapshot> children;
};

/// A listener and the address it really got ("-1" ports resolved).
struct listen_address {
  std::string kind; // client, http, route, ...
  std::string host;
  int port = 0;
};

/// One account, as in /accountz and /accstatz.
struct account_snapshot {
  std::string name;
  std::string name_tag;  // of its token; empty: it has none
  bool is_system = false;
  int64_t connections = 0, leafnodes = 0, total_connections = 0;
  uint32_t subscriptions = 0;
  int64_t sent_msgs = 0, sent_bytes = 0, received_msgs = 0, received_bytes = 0;
  int64_t slow_consumers = 0;
  wall_time updated{};   // when its rules were last set
  sublist_stats stats;
  std::shared_ptr<const config::account_options> rules; // nullptr: none
};

/// What is known of clients' certificates without asking, and how it was of use.
struct ocsp_cache_snapshot {
  std::string type;
  int64_t hits = 0, misses = 0, answers = 0, revoked = 0, good = 0, unknown = 0;
};

/// What waits in the node, as in /ipqueuesz.
struct queue_snapshot {
  std::string name;
  size_t pending = 0, in_progress = 0;
};

/// What belongs to the node as a whole.
struct node_snapshot {
  std::string server_id;
  std::string server_name;
  std::string git_commit; // empty: not shown
  std::string runtime;    // shown as "go" in /varz; ours says what it is
  std::string host;
  int port = 0;
  std::string ip; // of client_advertise, empty: not shown
  std::vector<std::string> connect_urls, ws_connect_urls;
  std::optional<wall_time> tls_cert_not_after; // of the clients' listener
  std::optional<wall_time> websocket_cert_not_after;
  std::optional<ocsp_cache_snapshot> ocsp_cache;  // none where answers are not kept
  std::vector<listen_address> listeners;
  wall_time start{};
  wall_time config_load_time{};
  std::shared_ptr<const config::server_options> options;
  std::string system_account; // empty when switched off
  int cores = 0;
  int drivers = 0; // threads that run reactors; "gomaxprocs" in /varz
  bool auth_required = false;
  bool lame_duck = false;
  std::vector<account_snapshot> accounts; // those that were asked for
  std::vector<queue_snapshot> queues;     // by name
};

struct health_error {
  std::string type; // as in HealthzError: "CONNECTION", "BAD_REQUEST", "JETSTREAM", ...
  std::string account, stream, consumer;
  std::string error;
};

struct health_snapshot {
  std::string status = "ok"; // ok, unavailable, error
  int status_code = 200;     // of the HTTP answer
  std::string error;
  std::vector<health_error> errors; // only when details are asked for
};

} // namespace troupe::observe
