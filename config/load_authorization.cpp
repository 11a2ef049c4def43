#include "config/duration.hpp"
#include "config/load_context.hpp"

#include <set>

namespace troupe::config {

namespace {

constexpr double longest_usual_timeout_s = 60;

void load_timeout(load_context& ctx, const value& v, const std::string& key) {
  double seconds = 0;
  if (auto n = v.get<int64_t>()) {
    seconds = static_cast<double>(*n);
  } else if (auto x = v.get<double>()) {
    seconds = *x;
  } else if (auto s = v.get<std::string>()) {
    auto d = parse_duration(*s);
    if (!d)
      return ctx.error(v, "error parsing authorization config, 'timeout' " + d.error().context);
    seconds = std::chrono::duration<double>(*d).count();
  } else {
    return ctx.error(v, "error parsing authorization config, 'timeout' wrong type");
  }
  if (seconds > longest_usual_timeout_s) {
    ctx.warn(v, key,
             "timeout of " + show(v) + " (" + std::to_string(seconds)
                 + " seconds) is high, consider keeping it under 60 seconds. possibly caused by "
                   "unquoted duration; use '1m' instead of 1m, for example");
  }
  constexpr double longest_s = 9e9; // what fits in nanoseconds
  if (seconds > 0)
    ctx.options.authorization.timeout =
        nanoseconds{static_cast<int64_t>(std::min(seconds, longest_s) * 1e9)};
}

user_options load_user(load_context& ctx, const map& m) {
  user_options user;
  for (auto& [key, v] : m) {
    auto row = find_option("user", key);
    if (!row) {
      ctx.unknown(v, key);
      continue;
    }
    auto name = row->name();
    if (name == "user" || name == "pass" || name == "nkey") {
      auto s = ctx.text(v);
      if (!s) continue;
      (name == "user" ? user.name : name == "pass" ? user.password : user.nkey) = *s;
    } else if (!row->nested.empty()) {
      check_block(ctx, v, row->nested);
    }
    if (row->state != support::built) ctx.notice(v, *row);
  }
  return user;
}

void load_users(load_context& ctx, const value& v) {
  auto list = v.get<array>();
  if (!list) return ctx.error(v, "Expected users field to be an array, got " + show(v));
  std::set<std::string> seen;
  for (auto& entry : *list) {
    auto m = entry.get<map>();
    if (!m) {
      ctx.error(entry, "Expected user entry to be a map/struct, got " + show(entry));
      continue;
    }
    auto user = load_user(ctx, *m);
    if (user.name.empty() && user.nkey.empty()) {
      ctx.error(entry, "User entry requires a user");
      continue;
    }
    if (!user.nkey.empty() && (!user.name.empty() || !user.password.empty())) {
      ctx.error(entry, "Nkey users do not take usernames or passwords");
      continue;
    }
    auto& id = user.nkey.empty() ? user.name : user.nkey;
    if (!seen.insert(id).second) {
      ctx.error(v, std::string("Duplicate ") + (user.nkey.empty() ? "user" : "nkey") + " \"" + id
                       + "\" detected");
      continue;
    }
    ctx.options.authorization.users.push_back(std::move(user));
  }
}

} // namespace

void load_authorization(load_context& ctx, const value& v) {
  auto m = ctx.block(v);
  if (!m) return;
  auto& auth = ctx.options.authorization;
  auth = {};
  bool has_users = false;
  for (auto& [key, field] : *m) {
    auto row = find_option("authorization", key);
    if (!row) {
      ctx.unknown(field, key);
      continue;
    }
    auto name = row->name();
    if (name == "timeout") {
      load_timeout(ctx, field, key);
    } else if (name == "users") {
      has_users = true;
      load_users(ctx, field);
    } else if (name == "user" || name == "pass" || name == "token") {
      if (auto s = ctx.text(field))
        (name == "user" ? auth.user : name == "pass" ? auth.pass : auth.token) = *s;
    } else if (!row->nested.empty()) {
      check_block(ctx, field, row->nested);
    }
    if (row->state != support::built) ctx.notice(field, *row);
  }
  if ((!auth.user.empty() || !auth.pass.empty()) && !auth.token.empty())
    return ctx.error(v, "Cannot have a user/pass and token");
  if (has_users && !auth.user.empty())
    return ctx.error(v, "Can not have a single user/pass and a users array");
  if (has_users && !auth.token.empty())
    return ctx.error(v, "Can not have a token and a users array");
}

} // namespace troupe::config
