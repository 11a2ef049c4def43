// The accounts block. Accounts are read in the order of their names; their users join those of the
// authorization block, since names and keys are unique over all of them.
#include "config/load_context.hpp"
#include "protocol/auth/nkey.hpp"
#include "protocol/subject/subject.hpp"

#include <charconv>

namespace troupe::config {

namespace {

bool load_trace_dest(load_context& ctx, const value& v, const std::string& key,
                     account_options& out) {
  auto s = v.get<std::string>();
  if (!s)
    ctx.error(v, "Field " + go_quote(key) + " should be a string, got " + type_name(v));
  else if (!is_valid_publish_subject(*s))
    ctx.error(v, "Trace destination " + go_quote(*s) + " is not valid");
  else out.trace_dest = *s;
  return s != nullptr;
}

void load_trace_sampling(load_context& ctx, const value& v, const std::string& key,
                         account_options& out) {
  int64_t n = 0;
  if (auto i = v.get<int64_t>()) {
    n = *i;
  } else if (auto s = v.get<std::string>()) {
    auto digits = s->ends_with('%') ? s->substr(0, s->size() - 1) : *s;
    auto end = digits.data() + digits.size();
    auto [stop, ec] = std::from_chars(digits.data(), end, n);
    if (ec != std::errc{} || stop != end || digits.empty())
      return ctx.error(v, "Invalid trace destination sampling value " + go_quote(*s));
  } else {
    return ctx.error(v, "Trace destination sampling field " + go_quote(key)
                            + " should be an integer or a percentage, got " + type_name(v));
  }
  if (n < 1 || n > 100) // the first word is the NATS server's
    return ctx.error(v, "Ttrace destination sampling value " + std::to_string(n)
                            + " is invalid, needs to be [1..100]");
  out.trace_sampling = static_cast<int>(n);
}

void load_trace(load_context& ctx, const value& v, const std::string& key, account_options& out) {
  auto m = v.get<map>();
  if (!m && v.get<std::string>()) {
    load_trace_dest(ctx, v, key, out);
    return;
  }
  if (!m)
    return ctx.error(v, "Expected account message trace " + go_quote(key)
                            + " to be a string or a map/struct, got " + type_name(v));
  bool has_dest = false, has_sampling = false;
  for (auto& [name, field] : *m) {
    auto row = ctx.known("msg_trace", name, field,
                         "Unknown field " + go_quote(name)
                             + " parsing account message trace map/struct " + go_quote(key));
    if (!row) return;
    if (row->name() == "dest") has_dest = load_trace_dest(ctx, field, name, out);
    else load_trace_sampling(ctx, field, name, out);
    has_sampling = has_sampling || row->name() == "sampling";
  }
  if (has_sampling && !has_dest) {
    ctx.out.warnings.push_back(
        {v.at, "Trace destination sampling ignored since no destination was set"});
    out.trace_sampling = 0;
  }
}

void load_limits(load_context& ctx, const value& v, account_limits& out) {
  auto m = v.get<map>();
  if (!m)
    return ctx.error(v, "Expected account limits to be a map/struct, got " + show(v));
  for (auto& [key, field] : *m) {
    auto row = ctx.known("account_limits", key, field,
                         "Unknown field " + go_quote(key) + " parsing account limits");
    auto n = row ? ctx.integer(field) : nullptr;
    if (!n) continue;
    auto name = row->name();
    (name == "max_connections"     ? out.max_connections
     : name == "max_subscriptions" ? out.max_subscriptions
     : name == "max_payload"       ? out.max_payload
                                   : out.max_leafnodes) = *n;
  }
}

void load_account_field(load_context& ctx, const option_row& row, const std::string& key,
                        const value& v, account_options& out) {
  auto name = row.name();
  if (name == "nkey") {
    auto s = v.get<std::string>();
    if (s && is_public_nkey(*s, nkey_role::account)) out.nkey = *s;
    else
      ctx.error(v, "Not a valid public nkey for an account: "
                       + (s ? go_quote(*s) : "'" + show(v) + "'"));
  } else if (name == "imports") {
    out.imports = load_imports(ctx, v);
  } else if (name == "exports") {
    out.exports = load_exports(ctx, v);
  } else if (name == "mappings") {
    out.mappings = load_mappings(ctx, v, out.name);
  } else if (name == "default_permissions") {
    out.default_permissions = load_permissions(ctx, v);
  } else if (name == "limits") {
    load_limits(ctx, v, out.limits);
  } else if (name == "msg_trace") {
    load_trace(ctx, v, key, out);
  } else if (name == "jetstream") {
    check_option(ctx, row, key, v);
  }
  if (row.state != support::built) ctx.notice(v, row);
}

void load_account(load_context& ctx, const std::string& account, const map& m) {
  account_options out;
  out.name = account;
  std::vector<user_options> users;
  const value* users_at = nullptr;
  for (auto& [key, v] : m) {
    auto row = ctx.known("account", key, v);
    if (!row) continue;
    if (row->name() != "users") {
      load_account_field(ctx, *row, key, v, out);
      continue;
    }
    users = load_users(ctx, v);
    users_at = &v;
  }
  auto& auth = ctx.options.authorization;
  if (!users.empty() && !auth.user.empty()) {
    ctx.error(*users_at, "Can not have a single user/pass and accounts");
  } else if (!users.empty() && !auth.token.empty()) {
    ctx.error(*users_at, "Can not have a token and accounts");
  } else if (!users.empty()) {
    apply_default_permissions(users, out.default_permissions);
    for (auto& user : users)
      user.account = account;
    ctx.add_users(*users_at, std::move(users));
  }
  ctx.options.accounts.push_back(std::move(out));
}

bool is_reserved(load_context& ctx, const value& at, const std::string& name) {
  if (name != "$G") return false;
  ctx.error(at, "\"$G\" is a Reserved Account");
  return true;
}

/// Names alone: accounts with nothing in them.
void load_account_names(load_context& ctx, const array& list) {
  std::set<std::string> seen;
  for (auto& entry : list) {
    auto s = ctx.text(entry);
    if (!s || is_reserved(ctx, entry, *s)) continue;
    if (!seen.insert(*s).second) {
      ctx.error(entry, "Duplicate Account Entry: " + *s);
      continue;
    }
    account_options account;
    account.name = *s;
    ctx.options.accounts.push_back(std::move(account));
  }
}

} // namespace

void load_accounts(load_context& ctx, const value& v) {
  ctx.options.accounts.clear();
  if (auto list = v.get<array>()) return load_account_names(ctx, *list);
  auto m = v.get<map>();
  if (!m) return ctx.error(v, "Expected map entries for accounts");
  for (auto& [name, entry] : *m) {
    if (entry.used_as_variable) continue; // a block that others refer to
    auto account = entry.get<map>();
    if (!account) ctx.error(entry, "Expected map entries for accounts");
    else if (!is_reserved(ctx, entry, name)) load_account(ctx, name, *account);
  }
  // Imports of a broken tree would be reported for what is broken elsewhere.
  if (!ctx.out.errors.empty()) return;
  fill_in_account_functions(ctx, v);
  check_accounts(ctx, v);
}

} // namespace troupe::config
