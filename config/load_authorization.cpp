// The authorization block: who may connect; and the proxies block: who may speak for others.
#include "config/duration.hpp"
#include "config/load_context.hpp"
#include "protocol/auth/nkey.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

void load_timeout(load_context& ctx, const value& v, const std::string& key) {
  auto seconds = load_auth_seconds(ctx, v, key, "authorization");
  constexpr double longest_s = 9e9; // what fits in nanoseconds
  if (!seconds || *seconds <= 0) return;
  ctx.options.authorization.timeout =
      nanoseconds{static_cast<int64_t>(std::min(*seconds, longest_s) * 1e9)};
  ctx.options.authorization.timeout_given = true;
}

/// A list of names; `what` as the NATS server calls it.
std::vector<std::string> load_names(load_context& ctx, const value& v, const char* what) {
  std::vector<std::string> out;
  auto list = v.get<array>();
  if (!list) {
    ctx.error(v, std::string("Expected ") + what + " field to be an array, got " + type_name(v));
    return out;
  }
  for (auto& entry : *list)
    if (auto s = ctx.text(entry)) out.push_back(*s);
  return out;
}

/// One field of the callout; false after an error in it.
bool load_callout_field(load_context& ctx, auth_callout_options& out, std::string_view name,
                        const value& v) {
  if (name == "auth_users" || name == "allowed_accounts") {
    bool users = name == "auth_users";
    (users ? out.auth_users : out.allowed_accounts) =
        load_names(ctx, v, users ? "auth_users" : "allowed accounts");
    return true;
  }
  auto s = ctx.text(v);
  if (!s) return false;
  if (name == "account") {
    if (!s->empty()) out.account = *s;
  } else if (name == "issuer") {
    out.issuer = *s;
    if (is_public_nkey(*s, nkey_role::account)) return true;
    ctx.error(v, "Expected callout user to be a valid public account nkey, got " + go_quote(*s));
    return false;
  } else {
    out.xkey = *s;
    if (is_public_nkey(*s, nkey_role::curve)) return true;
    ctx.error(v, "Expected callout xkey to be a valid public xkey, got " + go_quote(*s));
    return false;
  }
  return true;
}

std::optional<auth_callout_options> load_callout(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m) {
    ctx.error(v, "Expected authorization callout to be a map/struct, got " + show(v));
    return std::nullopt;
  }
  auth_callout_options out;
  bool good = true;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("auth_callout", key, field,
                         "Unknown field " + go_quote(key) + " parsing authorization callout");
    if (row) good = load_callout_field(ctx, out, row->name(), field) && good;
  }
  if (!good) return std::nullopt;
  auto& place = m->empty() ? v : m->begin()->second;
  if (out.issuer.empty())
    ctx.error(place, "Authorization callouts require an issuer to be specified");
  else if (out.auth_users.empty())
    ctx.error(place, "Authorization callouts require authorized users to be specified");
  return out;
}

} // namespace

std::optional<double> load_auth_seconds(load_context& ctx, const value& v, const std::string& key,
                                        std::string_view block) {
  constexpr double longest_usual_s = 60;
  const auto seconds = read_seconds(v);
  if (!seconds) {
    ctx.error(v, "error parsing " + std::string(block) + " config, 'timeout' " + seconds.error().context);
    return std::nullopt;
  }
  if (*seconds > longest_usual_s)
    ctx.warn(v, key,
             "timeout of " + show(v) + " (" + std::to_string(*seconds)
                 + " seconds) is high, consider keeping it under 60 seconds. possibly caused by "
                   "unquoted duration; use '1m' instead of 1m, for example");
  return *seconds;
}

void load_authorization(load_context& ctx, const value& v) {
  auto m = ctx.block(v);
  if (!m) return;
  ctx.has_authorization = true;
  auto& auth = ctx.options.authorization;
  auth = {};
  auth.defined = true;
  bool has_users = false;
  std::vector<user_options> users;
  for (auto& [key, field] : *m) {
    auto row = ctx.known("authorization", key, field);
    if (!row) continue;
    auto name = row->name();
    if (name == "timeout") {
      load_timeout(ctx, field, key);
    } else if (name == "users") {
      has_users = true;
      users = load_users(ctx, field);
    } else if (name == "default_permissions") {
      auth.default_permissions = load_permissions(ctx, field);
    } else if (name == "auth_callout") {
      auth.callout = load_callout(ctx, field);
    } else if (name == "proxy_required") {
      if (auto b = ctx.boolean(field)) auth.proxy_required = *b;
    } else if (auto s = ctx.text(field)) {
      (name == "user" ? auth.user : name == "pass" ? auth.pass : auth.token) = *s;
    }
    if (row->state != support::built) ctx.notice(field, *row);
  }
  apply_default_permissions(users, auth.default_permissions);
  if ((!auth.user.empty() || !auth.pass.empty()) && !auth.token.empty())
    return ctx.error(v, "Cannot have a user/pass and token");
  if (has_users && !auth.user.empty())
    return ctx.error(v, "Can not have a single user/pass and a users array");
  if (has_users && !auth.token.empty())
    return ctx.error(v, "Can not have a token and a users array");
  ctx.add_users(v, std::move(users));
}

void load_proxies(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m)
    return ctx.error(v, std::string("expected proxies to be a map/struct, got ") + type_name(v));
  for (auto& [key, field] : *m) {
    if (!ctx.known("proxies", key, field)) continue;
    auto list = field.get<array>();
    if (!list) {
      ctx.error(field, std::string("expected proxies' trusted field to be an array, got ")
                           + type_name(field));
      continue;
    }
    for (auto& entry : *list) {
      auto proxy = entry.get<map>();
      if (!proxy) {
        ctx.error(entry, std::string("expected proxies' trusted entry to be a map/struct, got ")
                             + type_name(entry));
        continue;
      }
      if (proxy->empty()) ctx.error(entry, "proxy trusted key \"\" is invalid");
      for (auto& [name, x] : *proxy) {
        auto s = ctx.known("proxy", name, x) ? ctx.text(x) : nullptr;
        if (!s) continue;
        if (decode_public_nkey(*s)) ctx.options.trusted_proxies.push_back(*s);
        else ctx.error(x, "invalid proxy key " + go_quote(*s));
      }
    }
  }
}

} // namespace troupe::config
