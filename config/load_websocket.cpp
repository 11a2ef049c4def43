// The websocket block: where WebSocket clients connect, from which pages, and who they are.
#include "config/duration.hpp"
#include "config/load_context.hpp"
#include "protocol/websocket/handshake.hpp"
#include "protocol/websocket/origin.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

using text_field = std::string websocket_options::*;

void load_auth_timeout(load_context& ctx, const value& v) {
  double seconds = 1;  // whatever is no number, as in the NATS server
  if (auto n = v.get<int64_t>()) seconds = static_cast<double>(*n);
  else if (auto x = v.get<double>()) seconds = *x;
  constexpr double longest_s = 9e9;  // what fits in nanoseconds
  ctx.options.websocket.auth_timeout =
      nanoseconds{static_cast<int64_t>(std::clamp(seconds, 0.0, longest_s) * 1e9)};
}

void load_auth(load_context& ctx, const value& v) {
  auto m = ctx.block(v);
  if (!m) return;
  auto& o = ctx.options.websocket;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("simple_auth", key, field);
    if (!row) continue;
    auto name = row->name();
    if (name == "timeout") load_auth_timeout(ctx, field);
    else if (auto s = ctx.text(field)) (name == "user" ? o.user : name == "pass" ? o.pass : o.token) = *s;
  }
}

void load_handshake_timeout(load_context& ctx, const value& v) {
  auto& timeout = ctx.options.websocket.handshake_timeout;
  if (auto n = v.get<int64_t>()) {
    timeout = seconds_of(*n);
  } else if (auto s = v.get<std::string>()) {
    auto d = parse_duration(*s);
    if (!d) return ctx.error(v, d.error().context);
    timeout = *d;
  } else {
    ctx.error(v, std::string("error parsing handshake timeout: unsupported type ") + type_name(v));
  }
}

void load_ping_interval(load_context& ctx, const value& v) {
  auto& interval = ctx.options.websocket.ping_interval;
  if (auto s = v.get<std::string>()) {
    auto d = parse_duration(*s);
    if (!d) return ctx.error(v, "error parsing ping_interval: " + d.error().context);
    interval = *d;
  } else if (auto n = ctx.integer(v)) {
    ctx.warn(v, "ping_interval", "ping_interval should be converted to a duration");
    interval = seconds_of(*n);
  }
}

void load_headers(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m)
    return ctx.error(v, std::string("error parsing headers: unsupported type ") + type_name(v));
  auto& headers = ctx.options.websocket.headers;
  headers.clear();
  for (auto& [key, field] : *m) {
    if (auto s = field.get<std::string>()) headers[key] = *s;
    else
      ctx.error(field, "error parsing header key " + key + ": unsupported type " + type_name(field));
  }
}

void load_address(load_context& ctx, std::string_view name, const value& v) {
  auto& o = ctx.options.websocket;
  if (name == "host") {
    if (auto s = ctx.text(v)) o.host = *s;
    return;
  }
  if (name == "port" && !ctx.integer(v)) return;
  auto hp = parse_listen(v);
  if (!hp) return ctx.error(v, hp.error().context);
  if (name == "listen") o.host = hp->host;
  o.port = hp->port;
}

/// Null: it is no plain text.
text_field text_of(std::string_view name) {
  using o = websocket_options;
  static constexpr std::pair<std::string_view, text_field> fields[] = {
      {"advertise", &o::advertise},     {"jwt_cookie", &o::jwt_cookie},
      {"user_cookie", &o::user_cookie}, {"pass_cookie", &o::pass_cookie},
      {"token_cookie", &o::token_cookie}, {"no_auth_user", &o::no_auth_user}};
  for (auto& [known, field] : fields)
    if (known == name) return field;
  return nullptr;
}

void load_field(load_context& ctx, std::string_view name, const value& v) {
  auto& o = ctx.options.websocket;
  if (auto field = text_of(name)) {
    if (auto s = ctx.text(v)) o.*field = *s;
  } else if (name == "no_tls" || name == "same_origin" || name == "compression") {
    if (auto b = ctx.boolean(v))
      (name == "no_tls" ? o.no_tls : name == "same_origin" ? o.same_origin : o.compression) = *b;
  } else if (name == "allowed_origins") {
    o.allowed_origins = load_text_list(ctx, v, "allowed origins");
  } else if (name == "handshake_timeout") {
    load_handshake_timeout(ctx, v);
  } else if (name == "ping_interval") {
    load_ping_interval(ctx, v);
  } else if (name == "authorization") {
    load_auth(ctx, v);
  } else if (name == "headers") {
    load_headers(ctx, v);
  } else if (name == "tls") {
    o.tls = load_tls(ctx, v);
    // Nor has it any in the NATS server, which says nothing.
    if (o.tls && o.tls->connection_rate_limit > 0)
      ctx.out.notices.push_back(
        {v.at, "\"connection_rate_limit\" has no effect in the tls block of websocket, only in that of clients"});
  } else {
    load_address(ctx, name, v);
  }
}

troupe::error bad(std::string text) { return {errc::malformed, std::move(text)}; }

result<void> validate_origin(const std::string& text) {
  auto parsed = websocket::parse_origin(text);
  const std::string where = "unable to parse allowed origin";
  if (!parsed) return bad(where + ": " + parsed.error().context);
  if (parsed->scheme != "http" && parsed->scheme != "https")
    return bad(where + " " + go_quote(text)
               + ": allowed origins must be absolute URLs with http or https scheme");
  if (!parsed->has_host) return bad(where + " " + go_quote(text) + ": host is required");
  return {};
}

result<void> validate_headers(const websocket_options& o) {
  for (auto& [name, text] : o.headers) {
    if (auto ok = websocket::check_header_name(name); !ok) return ok;
    // The NATS server would write such a line out, and with it an answer nobody can read.
    if (!websocket::is_http_token(name) || text.find_first_of("\r\n") != std::string::npos)
      return bad("websocket: invalid header " + go_quote(name));
  }
  return {};
}

} // namespace

void load_websocket(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m) return ctx.error(v, std::string("Expected websocket to be a map, got ") + type_name(v));
  for (auto& [key, field] : *m) {
    auto row = ctx.known("websocket", key, field);
    if (!row) continue;
    load_field(ctx, row->name(), field);
    if (row->state != support::built) ctx.notice(field, *row);
  }
}

result<void> validate_websocket(const server_options& options) {
  auto& o = options.websocket;
  if (o.port == 0) return {};
  if (!o.tls && !o.no_tls) return bad("websocket requires TLS configuration");
  for (auto& text : o.allowed_origins)
    if (auto ok = validate_origin(text); !ok) return ok;
  if (!o.advertise.empty())
    if (auto address = parse_advertise(o.advertise); !address)
      return bad("Unable to get websocket connect URLs: " + address.error().context);
  if (auto ok = validate_no_auth_user(options, o.no_auth_user); !ok) return ok;
  if (!options.authorization.users.empty()) {
    if (!o.user.empty())
      return bad("websocket authentication username not compatible with presence of users/nkeys");
    if (!o.token.empty())
      return bad("websocket authentication token not compatible with presence of users/nkeys");
  }
  if (!o.jwt_cookie.empty() && !options.operators.enabled())
    return bad("trusted operators or trusted keys configuration is required for JWT authentication "
               "via cookie " + go_quote(o.jwt_cookie));
  return validate_headers(o);
}

} // namespace troupe::config
