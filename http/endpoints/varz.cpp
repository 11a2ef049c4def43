#include "http/endpoints/varz.hpp"

#include "actors/observe/snapshot_json.hpp"
#include "config/version.hpp"
#include "http/render.hpp"
#include "protocol/auth/claims_write.hpp"
#include "protocol/auth/jwt.hpp"

namespace troupe::http {

namespace {

double seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

void write_empty(json_writer& w, std::string_view name) {
  w.key(name);
  w.begin_object();
  w.end_object();
}

template <class Map>
void write_map(json_writer& w, std::string_view name, const Map& m) {
  w.key(name);
  w.begin_object();
  for (auto& [key, value] : m)
    w.member(key, value);
  w.end_object();
}

void write_identity(json_writer& w, const observe::node_snapshot& node,
                    const config::server_options& options) {
  w.member("server_id", node.server_id);
  w.member("server_name", node.server_name);
  w.member("version", std::string(config::compatible_version));
  w.member("proto", config::protocol_level);
  w.member_if("git_commit", node.git_commit);
  w.member("go", node.runtime);
  w.member("host", node.host);
  w.member("port", node.port);
  w.member_if("auth_required", node.auth_required);
  if (options.tls) {
    w.member_if("tls_required", !options.allow_non_tls);
    w.member_if("tls_verify", options.tls->verify);
    w.member_if("tls_ocsp_peer_verify", options.tls->ocsp_peer && options.tls->ocsp_peer->verify);
  }
  w.member_if("ip", node.ip);
  w.member_if("connect_urls", node.connect_urls);
  w.member_if("ws_connect_urls", node.ws_connect_urls);
}

/// The port in use of a listener, or what was asked for when it is not there.
int port_of(const observe::node_snapshot& node, std::string_view kind, int asked) {
  for (auto& listener : node.listeners)
    if (listener.kind == kind) return listener.port;
  return asked;
}

void write_websocket(json_writer& w, const observe::node_snapshot& node,
                     const config::websocket_options& o) {
  w.key("websocket");
  w.begin_object();
  w.member_if("host", o.host);
  if (o.port != 0) w.member("port", port_of(node, "websocket", o.port));
  w.member_if("advertise", o.advertise);
  w.member_if("no_auth_user", o.no_auth_user);
  w.member_if("jwt_cookie", o.jwt_cookie);
  w.member_if("handshake_timeout", o.handshake_timeout.count());
  w.member_if("auth_timeout", seconds(o.auth_timeout));
  w.member_if("no_tls", o.no_tls);
  if (o.tls) {
    w.member_if("tls_map", o.tls->verify_and_map);
    w.member_if("tls_pinned_certs", o.tls->pinned_certs);
  }
  w.member_if("same_origin", o.same_origin);
  w.member_if("allowed_origins", o.allowed_origins);
  w.member_if("compression", o.compression);
  if (o.tls) w.member_if("tls_ocsp_peer_verify", o.tls->ocsp_peer && o.tls->ocsp_peer->verify);
  if (node.websocket_cert_not_after)
    w.member("tls_cert_not_after", format_time(*node.websocket_cert_not_after));
  w.end_object();
}

/// What operators state; their tokens are not shown.
void write_operators(json_writer& w, const std::vector<std::string>& tokens) {
  if (tokens.empty()) return;
  w.key("trusted_operators_claim");
  w.begin_array();
  for (auto& token : tokens)
    if (auto claims = decode_operator_jwt(token)) write_claims(w, *claims);
  w.end_array();
}

void write_proxies(json_writer& w, const std::vector<std::string>& trusted) {
  if (trusted.empty()) return;
  w.key("proxies");
  w.begin_object();
  w.key("trusted");
  w.begin_array();
  for (auto& key : trusted) {
    w.begin_object();
    w.member("key", key);
    w.end_object();
  }
  w.end_array();
  w.end_object();
}

void write_limits(json_writer& w, const observe::node_snapshot& node,
                  const config::server_options& o) {
  w.member("max_connections", o.max_connections);
  w.member_if("max_subscriptions", o.max_subscriptions);
  w.member("ping_interval", o.ping_interval.count());
  w.member("ping_max", o.ping_max);
  w.member("http_host", o.http_host.empty() ? o.host : o.http_host);
  w.member("http_port", o.http_port == 0 ? 0 : port_of(node, "http", o.http_port));
  w.member("http_base_path", o.http_base_path);
  w.member("https_port", o.https_port == 0 ? 0 : port_of(node, "http", o.https_port));
  w.member("auth_timeout", seconds(o.authorization.timeout));
  w.member("max_control_line", o.max_control_line);
  w.member("max_payload", o.max_payload);
  w.member("max_pending", o.max_pending);
  for (auto block : {"cluster", "gateway", "leaf", "mqtt"})
    write_empty(w, block);
  write_websocket(w, node, o.websocket);
  write_empty(w, "jetstream");
  w.member("tls_timeout", o.tls ? seconds(o.tls->timeout) : 2.0);
  w.member("write_deadline", o.write_deadline.count());
  if (o.write_timeout != config::write_timeout_policy::unset)
    w.member("write_timeout",
             o.write_timeout == config::write_timeout_policy::close ? "close" : "retry");
}

void write_ocsp_cache(json_writer& w, const observe::ocsp_cache_snapshot& c) {
  w.key("ocsp_peer_cache");
  w.begin_object();
  w.member_if("cache_type", c.type);
  w.member_if("cache_hits", c.hits);
  w.member_if("cache_misses", c.misses);
  w.member_if("cached_responses", c.answers);
  w.member_if("cached_revoked_responses", c.revoked);
  w.member_if("cached_good_responses", c.good);
  w.member_if("cached_unknown_responses", c.unknown);
  w.end_object();
}

void write_process(json_writer& w, const varz_view& view) {
  w.member("start", format_time(view.node.start));
  w.member("now", format_time(view.now));
  w.member("uptime", format_uptime(view.now - view.node.start));
  w.member("mem", view.usage.memory_bytes);
  w.member("cores", view.node.cores);
  w.member("gomaxprocs", view.node.drivers);
  w.member("cpu", view.usage.cpu_percent);
}

void write_traffic(json_writer& w, const observe::reactor_snapshot& sum) {
  w.member("connections", sum.connections);
  w.member("total_connections", sum.total_connections);
  w.member("routes", 0);
  w.member("remotes", 0);
  w.member("leafnodes", 0);
  w.member("in_msgs", sum.in_msgs);
  w.member("in_bytes", sum.in_bytes);
  w.member("in_client_msgs", sum.in_client_msgs);
  w.member("in_client_bytes", sum.in_client_bytes);
  w.member("out_msgs", sum.out_msgs);
  w.member("out_bytes", sum.out_bytes);
  w.member("out_client_msgs", sum.out_client_msgs);
  w.member("out_client_bytes", sum.out_client_bytes);
  w.member("slow_consumers", sum.slow_consumers.total());
  w.member("stale_connections", sum.stale_connections.total());
  w.member("stalled_clients", sum.stalls);
  w.member("subscriptions", sum.subscriptions);
}

} // namespace

std::span<const feature_flag> known_feature_flags() { return config::feature_flags; }

std::string render_varz(const varz_view& view) {
  static const config::server_options defaults;
  auto& options = view.node.options ? *view.node.options : defaults;
  observe::reactor_snapshot sum;
  for (auto& reactor : view.reactors)
    sum += reactor;
  return document([&](json_writer& w) {
    write_identity(w, view.node, options);
    write_limits(w, view.node, options);
    write_process(w, view);
    write_traffic(w, sum);
    write_map(w, "http_req_stats", view.http_req_stats);
    w.member("config_load_time", format_time(view.node.config_load_time));
    w.member("config_digest", options.config_digest);
    w.member_if("tags", options.server_tags);
    if (!options.server_metadata.empty()) write_map(w, "metadata", options.server_metadata);
    write_map(w, "feature_flags", config::merged_feature_flags(options.feature_flags));
    w.member_if("system_account", view.node.system_account);
    if (view.node.ocsp_cache) write_ocsp_cache(w, *view.node.ocsp_cache);
    observe::write_kinds(w, "slow_consumer_stats", sum.slow_consumers);
    observe::write_kinds(w, "stale_connection_stats", sum.stale_connections);
    w.key("disk_io_wait_stats");
    w.begin_object();
    for (auto name : {"waiters", "waits", "wait_time", "max_wait_time"})
      w.member(name, 0);
    w.end_object();
    write_operators(w, options.operators.jwts);
    write_proxies(w, options.trusted_proxies);
    if (view.node.tls_cert_not_after)
      w.member("tls_cert_not_after", format_time(*view.node.tls_cert_not_after));
  });
}

} // namespace troupe::http
