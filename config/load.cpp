#include "config/load.hpp"

#include "config/duration.hpp"
#include "config/json.hpp"
#include "config/load_context.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <tuple>

namespace troupe::config {

void load_context::warn(const value& at, std::string_view field, std::string_view reason) {
  out.warnings.push_back(
      {at.at, "invalid use of field \"" + std::string(field) + "\": " + std::string(reason)});
}

namespace {

/// The option is there but asks for nothing: `proxy_required: false`, `accounts {}`.
bool asks_for_nothing(const value& v, const option_row& row) {
  if (auto b = v.get<bool>()) return !*b;
  if (auto s = v.get<std::string>()) return s->empty();
  if (auto a = v.get<array>()) return a->empty();
  auto m = v.get<map>();
  return m && m->empty() && row.name() != "tls";
}

} // namespace

void load_context::notice(const value& at, const option_row& row) {
  auto name = row.block.empty() ? std::string(row.name())
                                : std::string(row.block) + "." + std::string(row.name());
  auto text = "option \"" + name + "\" is not built yet";
  if (row.state != support::unbuilt_security) {
    out.notices.push_back({at.at, text + " and has no effect"});
  } else if (asks_for_nothing(at, row)) {
    return;
  } else if (options.allow_unsupported) {
    out.notices.push_back({at.at, text + ": what it should protect is NOT protected"});
  } else {
    error(at, text + ": refusing to run without the protection it asks for (to run unprotected, "
                     "start with --allow_unsupported)");
  }
}

void load_context::unknown(const value& at, const std::string& key) {
  if (!at.used_as_variable) error(at, "unknown field \"" + key + "\"");
}

const option_row* load_context::known(std::string_view block, const std::string& key,
                                      const value& at, const std::string& text) {
  auto row = find_option(block, key);
  if (!row && text.empty()) unknown(at, key);
  else if (!row && !at.used_as_variable) error(at, text);
  return row;
}

void load_context::wrong_type(const value& at, const char* wanted) {
  error(at,
        std::string("interface conversion: interface {} is ") + type_name(at) + ", not " + wanted);
}

result<host_port> parse_listen(const value& v) {
  auto bad = [](std::string text) { return troupe::error{errc::malformed, std::move(text)}; };
  if (auto n = v.get<int64_t>()) {
    if (*n < random_port || *n > 65535)
      return bad("could not parse port \"" + std::to_string(*n) + "\"");
    return host_port{"", static_cast<int>(*n)};
  }
  auto s = v.get<std::string>();
  if (!s) return bad(std::string("expected port or host:port, got ") + type_name(v));
  auto colon = s->rfind(':');
  auto host = s->substr(0, std::min(colon, s->size()));
  bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (colon == std::string::npos || (!bracketed && host.find(':') != std::string::npos))
    return bad("could not parse address string \"" + *s + "\"");
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto text = s->substr(colon + 1);
  int port = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size() || text.empty() || port < random_port
      || port > 65535)
    return bad("could not parse port \"" + text + "\"");
  return host_port{host, port};
}

std::string lower(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

result<double> read_seconds(const value& v, const char* other) {
  if (auto n = v.get<int64_t>()) return static_cast<double>(*n);
  if (auto x = v.get<double>()) return *x;
  auto text = v.get<std::string>();
  if (!text) return troupe::error{errc::malformed, other};
  auto d = parse_duration(*text);
  if (!d) return d.error();
  return std::chrono::duration<double>(*d).count();
}

nanoseconds seconds_of(int64_t n) {
  constexpr int64_t longest = INT64_MAX / 1'000'000'000;
  return std::chrono::seconds{std::clamp(n, -longest, longest)};
}

namespace {

/// Writes a value of the row's type into the row's field.
struct setter {
  load_context& ctx;
  const option_row& row;
  const std::string& key;
  const value& v;

  void operator()(std::monostate) {}

  void operator()(bool server_options::*field) {
    if (auto b = ctx.boolean(v)) ctx.options.*field = *b;
  }
  template <class Int>
  requires std::is_integral_v<Int>
  void operator()(Int server_options::*field) {
    auto n = ctx.integer(v);
    if (!n) return;
    if (*n > row.max) return ctx.error(v, key + " value is too big");
    if (*n < row.min) return ctx.error(v, key + " value can not be negative");
    ctx.options.*field = static_cast<Int>(*n);
  }
  void operator()(std::string server_options::*field) {
    if (auto s = ctx.text(v)) ctx.options.*field = *s;
  }
  void operator()(nanoseconds server_options::*field) {
    if (auto s = v.get<std::string>()) {
      auto d = parse_duration(*s);
      if (!d)
        return ctx.error(v, "error parsing " + std::string(row.name()) + ": " + d.error().context);
      ctx.options.*field = *d;
      return;
    }
    ctx.warn(v, row.name(), std::string(row.name()) + " should be converted to a duration");
    if (auto n = ctx.integer(v)) ctx.options.*field = seconds_of(*n);
  }
  void operator()(std::vector<std::string> server_options::*field) {
    auto& tags = ctx.options.*field;
    tags.clear();
    auto add = [&](const value& x) {
      auto s = x.get<std::string>();
      if (!s)
        return ctx.error(v, std::string("error parsing tags: unsupported type ") + type_name(x)
                                + " where string is expected");
      std::string tag;
      for (char c : *s)
        tag.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
      tag.erase(0, std::min(tag.find_first_not_of(" \t"), tag.size()));
      tag.erase(tag.find_last_not_of(" \t") + 1);
      if (!tag.empty() && std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
    };
    if (auto list = v.get<array>()) std::for_each(list->begin(), list->end(), add);
    else if (v.get<std::string>()) add(v);
    else ctx.error(v, std::string("error parsing tags: unsupported type ") + type_name(v));
  }
  void operator()(std::map<std::string, std::string> server_options::*field) {
    auto m = v.get<map>();
    if (!m)
      return ctx.error(v, std::string("error parsing metadata: unsupported type ") + type_name(v));
    for (auto& [name, x] : *m)
      if (auto s = ctx.text(x)) (ctx.options.*field)[name] = *s;
  }
  void operator()(std::map<std::string, bool> server_options::*field) {
    auto m = v.get<map>();
    if (!m)
      return ctx.error(v, std::string("error parsing feature flags: unsupported type ")
                              + type_name(v));
    for (auto& [name, x] : *m) {
      if (auto b = x.get<bool>()) (ctx.options.*field)[name] = *b;
      else
        ctx.error(x, "error parsing feature flag \"" + name + "\": expected bool, got "
                         + type_name(x));
    }
  }
};

void load_lame_duck(load_context& ctx, std::string_view name, const value& v) {
  auto s = ctx.text(v);
  if (!s) return;
  auto d = parse_duration(*s);
  if (!d) return ctx.error(v, "error parsing " + std::string(name) + ": " + d.error().context);
  if (name == "lame_duck_duration") {
    if (*d < 30s)
      return ctx.error(v, "invalid lame_duck_duration of " + format_duration(*d)
                              + ", minimum is 30 seconds");
    ctx.options.lame_duck_duration = *d;
  } else {
    if (*d < 0s) return ctx.error(v, "invalid lame_duck_grace_period, needs to be positive");
    ctx.options.lame_duck_grace_period = *d;
  }
}

void load_listen(load_context& ctx, std::string_view name, const value& v) {
  auto hp = parse_listen(v);
  if (!hp) return ctx.error(v, hp.error().context);
  auto& o = ctx.options;
  if (name == "listen") {
    o.host = hp->host;
    o.port = hp->port;
    return;
  }
  o.http_host = hp->host;
  (name == "http" ? o.http_port : o.https_port) = hp->port;
}

void load_server_name(load_context& ctx, const value& v) {
  auto s = ctx.text(v);
  if (s && s->find(' ') != std::string::npos) ctx.error(v, "server name cannot contain spaces");
  else if (s) ctx.options.server_name = *s;
}

void load_write_timeout(load_context& ctx, const value& v) {
  auto s = ctx.text(v);
  if (!s) return;
  if (*s != "default" && *s != "close" && *s != "retry")
    return ctx.error(v, "write_timeout must be 'default', 'close' or 'retry'");
  ctx.options.write_timeout = *s == "close"   ? write_timeout_policy::close
                              : *s == "retry" ? write_timeout_policy::retry
                                              : write_timeout_policy::unset;
}

/// The options that are more than one field, or need a check of their own. False: what stands in
/// the block has not been checked.
bool load_special(load_context& ctx, std::string_view name, const value& v) {
  auto& o = ctx.options;
  if (name == "listen" || name == "http" || name == "https") {
    load_listen(ctx, name, v);
  } else if (load_operators(ctx, name, v)) {
    return true;
  } else if (name == "proxies") {
    load_proxies(ctx, v);
  } else if (name == "websocket") {
    load_websocket(ctx, v);
  } else if (name == "lame_duck_duration" || name == "lame_duck_grace_period") {
    load_lame_duck(ctx, name, v);
  } else if (name == "server_name") {
    load_server_name(ctx, v);
  } else if (name == "tls") {
    o.tls = load_tls(ctx, v);
  } else if (name == "ocsp") {
    load_ocsp(ctx, v);
  } else if (name == "ocsp_cache") {
    load_ocsp_cache(ctx, v);
  } else if (name == "mappings") {
    o.mappings = load_mappings(ctx, v, "$G");
  } else if (name == "system_account") {
    if (auto s = v.get<std::string>()) o.system_account = *s;
    else ctx.error(v, "system account name must be a string");
  } else if (name == "max_connections") {
    if (auto n = ctx.integer(v)) o.max_connections = *n == 0 ? -1 : *n;
  } else if (name == "write_timeout") {
    load_write_timeout(ctx, v);
  } else if (name == "jetstream") {
    o.jetstream = jetstream_enabled(v);
    return false;
  } else if (name == "default_js_domain") {
    o.default_js_domain.clear();
    if (auto m = v.get<map>())
      for (auto& [account, field] : *m)
        if (auto domain = field.get<std::string>()) o.default_js_domain[account] = *domain;
    return false;
  } else {
    return name == "authorization" || name == "accounts"; // load_users_and_accounts
  }
  return true;
}

/// A file may say 0 where it means "the default".
void fill_defaults(server_options& o) {
  const server_options fresh;
  auto fill = [](auto& x, const auto& y) {
    if (x == std::remove_cvref_t<decltype(x)>{}) x = y;
  };
  fill(o.host, fresh.host);
  fill(o.port, fresh.port);
  fill(o.max_control_line, fresh.max_control_line);
  fill(o.max_payload, fresh.max_payload);
  fill(o.max_pending, fresh.max_pending);
  fill(o.max_connections, fresh.max_connections);
  fill(o.max_closed_clients, fresh.max_closed_clients);
  fill(o.ping_interval, fresh.ping_interval);
  fill(o.ping_max, fresh.ping_max);
  fill(o.write_deadline, fresh.write_deadline);
  fill(o.lame_duck_grace_period, fresh.lame_duck_grace_period);
  if (o.websocket.port != 0) fill(o.websocket.host, fresh.host);
}

void sort_by_place(std::vector<diagnostic>& list) {
  std::stable_sort(list.begin(), list.end(), [](const diagnostic& a, const diagnostic& b) {
    auto place = [](const diagnostic& d) {
      return std::make_tuple(d.at.file ? std::string_view(*d.at.file) : std::string_view{},
                             d.at.line, d.at.column);
    };
    return place(a) < place(b);
  });
}

} // namespace

std::string load_result::to_string() const {
  std::string out;
  for (auto list : {&warnings, &errors})
    for (auto& d : *list)
      out += d.to_string() + "\n";
  return out;
}

namespace {

/// One top-level option.
void load_option(load_context& ctx, const std::string& key, const value& v) {
  auto row = find_option("", key);
  if (!row && ctx.env && ctx.env->stand_in && ctx.env->stand_in->name() == key) row = ctx.env->stand_in;
  if (!row) return ctx.unknown(v, key);
  if (row->field.index() != 0) {
    std::visit(setter{ctx, *row, key, v}, row->field);
  } else if (!load_special(ctx, row->name(), v)) {
    check_option(ctx, *row, key, v);
  }
  if (row->state == support::unbuilt || row->state == support::unbuilt_security)
    ctx.notice(v, *row);
}

/// With nobody but the system account defined, and no word about who may connect, clients that
/// present nothing work in the global account, as they would without any account defined.
void open_global_account(load_context& ctx) {
  auto& o = ctx.options;
  auto system = o.system_account.empty() ? std::string(default_system_account) : o.system_account;
  if (ctx.has_authorization || !o.no_auth_user.empty() || o.operators.enabled()
      || o.accounts.size() != 1 || o.accounts[0].name != system)
    return;
  user_options anybody;
  anybody.name = open_account_user;
  o.no_auth_user = anybody.name;
  o.no_auth_user_is_ours = true;
  o.authorization.users.push_back(std::move(anybody));
}

/// The blocks whose users have to be unique over both: accounts come last, so that an error about
/// them says more.
void load_users_and_accounts(load_context& ctx, const map& m) {
  for (std::string_view name : {"authorization", "accounts"})
    for (auto& [key, v] : m)
      if (auto row = find_option("", key); row && row->name() == name)
        name == "accounts" ? load_accounts(ctx, v) : load_authorization(ctx, v);
  open_global_account(ctx);
}

/// The NATS server looks only among the accounts that the file has.
void check_callout_accounts(load_context& ctx, const position& at) {
  const server_options& o = ctx.options;
  if (!o.authorization.callout) return;
  for (const std::string& name : o.authorization.callout->allowed_accounts)
    if (std::none_of(o.accounts.begin(), o.accounts.end(),
                     [&](const account_options& a) { return a.name == name; }))
      ctx.out.errors.push_back({at, "auth_callout allowed account " + go_quote(name)
                                        + " not found in configured accounts", false});
}

} // namespace

load_result load(const value& root, server_options base, const parse_environment* env) {
  load_result out;
  out.options = std::move(base);
  load_context ctx{out.options, out, false, {}, env};
  auto m = root.get<map>();
  if (!m || m->empty()) {
    auto file = root.at.file ? *root.at.file : std::string{};
    out.warnings.push_back({root.at, file + ": config has no values or is empty", false});
    return out;
  }
  for (auto& [key, v] : *m)
    load_option(ctx, key, v);
  finish_operators(ctx);
  load_users_and_accounts(ctx, *m);
  check_callout_accounts(ctx, root.at);
  for (auto name : {"trace_verbose", "trace_headers"})
    for (auto& [key, v] : *m)
      if (auto row = find_option("", key); row && row->name() == name)
        if (auto on = v.get<bool>()) out.options.trace = *on || out.options.trace;
  out.options.declared = read_declared(root);
  fill_defaults(out.options);
  fill_auth_timeout(out.options);
  sort_by_place(out.errors);
  sort_by_place(out.warnings);
  sort_by_place(out.notices);
  return out;
}

namespace {

/// The NATS server's text names no place but a line; where it has none, ours follows.
diagnostic as_go_says(diagnostic d) {
  bool has_line = d.text.find("on line ") != std::string::npos;
  if (d.has_position && !has_line) d.text += "\n    at " + d.at.to_string();
  d.has_position = false;
  return d;
}

} // namespace

load_result load_file(const std::string& path, const parse_environment& env, server_options base) {
  auto parsed = parse_file(path, env);
  if (parsed.failure) {
    load_result out;
    out.options = std::move(base);
    out.syntax_failure = true;
    out.errors.push_back(as_go_says(std::move(*parsed.failure)));
    out.options.config_file = path;
    return out;
  }
  auto out = load(parsed.root, std::move(base), &env);
  out.options.config_file = path;
  out.options.config_digest = digest(parsed.root);
  return out;
}

} // namespace troupe::config
