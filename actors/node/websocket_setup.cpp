#include "actors/node/websocket_setup.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

bool overrides(const config::websocket_options& ws) {
  return !ws.user.empty() || !ws.token.empty() || !ws.no_auth_user.empty();
}

/// Own credentials replace those of other clients, all of them; users and nkeys stay. Both TLS blocks stay too: whether
/// certificates name users is each listener's own business, but whom the other's may name needs one here as well.
config::server_options own_options(const config::server_options& options) {
  config::server_options own = options;
  const config::websocket_options& ws = options.websocket;
  if (overrides(ws)) {
    own.authorization.user = ws.user;
    own.authorization.pass = ws.pass;
    own.authorization.token = ws.token;
    own.authorization.defined = true;
    own.no_auth_user = ws.no_auth_user;
  }
  return own;
}

websocket::upgrade_rules upgrade_rules_of(const config::websocket_options& ws) {
  websocket::upgrade_rules rules;
  rules.compression = ws.compression;
  rules.tls = ws.tls.has_value();
  rules.same_origin = ws.same_origin;
  for (const std::string& text : ws.allowed_origins)
    if (auto parsed = websocket::parse_origin(text)) rules.allowed_origins.push_back(*parsed);
  rules.headers = header_lines(ws.headers);
  rules.jwt_cookie = ws.jwt_cookie;
  rules.user_cookie = ws.user_cookie;
  rules.pass_cookie = ws.pass_cookie;
  rules.token_cookie = ws.token_cookie;
  return rules;
}

} // namespace

result<std::shared_ptr<const websocket_policy>> make_websocket_policy(
  const config::server_options& options, const node_policy& policy, uint16_t port,
  const authenticator_of& make_authenticator) {
  const config::websocket_options& ws = options.websocket;
  if (ws.port == 0) return std::shared_ptr<const websocket_policy>();
  auto own = std::make_shared<websocket_policy>();
  if (ws.tls) {
    auto tls = make_tls_context(*ws.tls, tls_purpose::clients, policy.peers);
    if (!tls) return tls.error();
    own->tls = std::move(*tls);
  }
  own->info = policy.info;
  own->info.host = ws.host;
  own->info.port = port;
  own->info.ip.clear();
  own->info.tls_required = own->info.tls_available = ws.tls.has_value();
  own->info.connect_urls = std::exchange(own->info.ws_connect_urls, {});
  own->settings = policy.settings;
  if (ws.auth_timeout > 0s) own->settings.auth_timeout = ws.auth_timeout;
  if (ws.ping_interval > 0s) own->settings.ping_interval = ws.ping_interval;
  own->auth = policy.auth;
  if (!options.operators.enabled()) {
    own->auth = make_authenticator(own_options(options));
    own->settings.auth_required = own->auth->required();
    own->settings.has_no_auth_user = own->auth->admits_silent();
  }
  own->info.auth_required = policy.info.auth_required || overrides(ws);
  own->upgrade = upgrade_rules_of(ws);
  if (ws.handshake_timeout > 0s) own->handshake_timeout = ws.handshake_timeout;
  return std::shared_ptr<const websocket_policy>(std::move(own));
}

result<bound_socket> listen_for_websocket(const config::server_options& options, int port) {
  auto bound = bind_socket(options.websocket.host, port);
  if (bound) bound->kind = listener_kind::websocket;
  else
    return error{bound.error().code,
                 "Unable to listen for websocket connections: " + bound.error().context};
  return bound;
}

} // namespace troupe
