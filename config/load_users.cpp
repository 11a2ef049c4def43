// Users: who they are, what they may do, how they may connect.
#include "config/load_context.hpp"
#include "protocol/auth/nkey.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace troupe::config {

namespace {

constexpr std::array<std::string_view, 7> connection_types{
    "STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"};

std::vector<std::string> load_connection_types(load_context& ctx, const value& v) {
  std::vector<std::string> out;
  std::string unknown;
  for (auto& text : load_text_list(ctx, v, "allowed connection types")) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (std::find(connection_types.begin(), connection_types.end(), text) == connection_types.end())
      unknown += (unknown.empty() ? "" : " ") + go_quote(text);
    else if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
  }
  if (!unknown.empty()) ctx.error(v, "invalid connection types [" + unknown + "]");
  return out;
}

/// One user. Nothing after an error that leaves no user.
std::optional<user_options> load_user(load_context& ctx, const value& entry) {
  auto m = entry.get<map>();
  if (!m) {
    ctx.error(entry, "Expected user entry to be a map/struct, got " + show(entry));
    return std::nullopt;
  }
  user_options user;
  const value* nkey_at = nullptr;
  for (auto& [key, v] : *m) {
    auto row = ctx.known("user", key, v);
    if (!row) continue;
    auto name = row->name();
    if (name == "user" || name == "pass" || name == "nkey") {
      auto s = ctx.text(v);
      if (!s) continue;
      (name == "user" ? user.name : name == "pass" ? user.password : user.nkey) = *s;
      if (name == "nkey") nkey_at = &v;
    } else if (name == "permissions") {
      user.perms = load_permissions(ctx, v);
    } else if (name == "allowed_connection_types") {
      user.allowed_connection_types = load_connection_types(ctx, v);
    } else if (auto b = ctx.boolean(v)) {
      user.proxy_required = *b;
    }
    if (row->state != support::built) ctx.notice(v, *row);
  }
  auto& first = m->empty() ? entry : m->begin()->second;
  if (user.name.empty() && user.nkey.empty()) {
    ctx.error(first, "User entry requires a user");
  } else if (user.nkey.empty()) {
    return user;
  } else if (!is_public_nkey(user.nkey, nkey_role::user)) {
    ctx.error(nkey_at ? *nkey_at : first, "Not a valid public nkey for a user");
  } else if (!user.name.empty() || !user.password.empty()) {
    ctx.error(nkey_at ? *nkey_at : first, "Nkey users do not take usernames or passwords");
  } else {
    return user;
  }
  return std::nullopt;
}

} // namespace

std::vector<std::string> load_text_list(load_context& ctx, const value& v, std::string_view what) {
  std::vector<std::string> out;
  auto where = "error parsing " + std::string(what) + ": unsupported type ";
  if (auto s = v.get<std::string>()) {
    out.push_back(*s);
  } else if (auto list = v.get<array>()) {
    for (auto& entry : *list) {
      if (auto text = entry.get<std::string>()) out.push_back(*text);
      else ctx.error(entry, where + "in array " + type_name(entry));
    }
  } else {
    ctx.error(v, where + type_name(v));
  }
  return out;
}

std::vector<user_options> load_users(load_context& ctx, const value& v) {
  std::vector<user_options> out;
  auto list = v.get<array>();
  if (!list) {
    ctx.error(v, "Expected users field to be an array, got " + show(v));
    return out;
  }
  for (auto& entry : *list)
    if (auto user = load_user(ctx, entry)) out.push_back(std::move(*user));
  return out;
}

void apply_default_permissions(std::vector<user_options>& users,
                               const std::optional<permissions>& defaults) {
  if (!defaults) return;
  for (auto& user : users)
    if (!user.perms) user.perms = defaults;
}

void load_context::add_users(const value& at, std::vector<user_options> users) {
  for (auto& user : users) {
    bool by_key = !user.nkey.empty();
    auto& id = by_key ? user.nkey : user.name;
    if (!user_ids.insert(id).second) {
      error(at, std::string("Duplicate ") + (by_key ? "nkey " : "user ") + go_quote(id)
                    + " detected");
      continue;
    }
    options.authorization.users.push_back(std::move(user));
  }
}

} // namespace troupe::config
