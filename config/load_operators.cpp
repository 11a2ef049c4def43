// Operator mode: who is trusted to sign accounts, and where the accounts' JWTs come from. Texts of
// operators are read from their files here, so that a reload compares what they say.
#include "config/duration.hpp"
#include "config/load_context.hpp"
#include "protocol/auth/claims_check.hpp"
#include "protocol/auth/jwt.hpp"
#include "protocol/auth/nkey.hpp"

#include <algorithm>
#include <cctype>

namespace troupe::config {

namespace {

constexpr std::string_view jwt_start = "eyJ"; // of every token

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

/// A text, or a list of texts. `what` names the option in errors.
std::vector<std::string> load_texts(load_context& ctx, const value& v, const std::string& what) {
  if (auto s = v.get<std::string>()) return {*s};
  std::vector<std::string> out;
  auto list = v.get<array>();
  if (!list) {
    ctx.error(v, "error parsing " + what + ": unsupported type " + type_name(v));
    return out;
  }
  for (auto& entry : *list) {
    if (auto s = entry.get<std::string>())
      out.push_back(*s);
    else
      ctx.error(entry,
                "error parsing " + what + ": unsupported type in array " + type_name(entry));
  }
  return out;
}

/// A file's name or the token itself.
result<std::string> operator_text(load_context& ctx, const std::string& name) {
  std::string text = name;
  if (auto file = ctx.read_file(name))
    text = std::move(*file);
  else if (!name.starts_with(jwt_start))
    return file.error();
  if (auto token = find_decorated_jwt(text)) return std::move(*token);
  return error{errc::malformed, "expected 3 chunks"};
}

void load_operator(load_context& ctx, const value& v) {
  auto& jwts = ctx.options.operators.jwts;
  jwts.clear();
  for (const std::string& name : load_texts(ctx, v, "operators")) {
    auto token = operator_text(ctx, name);
    auto claims = token ? decode_operator_jwt(*token) : result<operator_claims>(token.error());
    if (!claims)
      ctx.error(v, "error parsing operator JWT: " + claims.error().context);
    else
      jwts.push_back(std::move(*token));
  }
}

void load_trusted_keys(load_context& ctx, const value& v) {
  auto& keys = ctx.options.operators.trusted_keys;
  keys = load_texts(ctx, v, "trusted");
  for (const std::string& key : keys) {
    if (!is_public_nkey(key, nkey_role::operator_))
      ctx.error(v, "trust key " + go_quote(key) + " required to be a valid public operator nkey");
  }
}

// -- the resolver ----------------------------------------------------------------------------------

constexpr char bad_resolver[] = "error parsing account resolver, should be MEM or "
                                " URL(\"url\") or a map containing dir and type state=[FULL|CACHE])";

/// The address in `URL("http://...")`; nothing if the text does not read so.
std::optional<std::string> url_of(const std::string& text) {
  const size_t word = upper(text).find("URL");
  if (word == std::string::npos) return {};
  const size_t open = text.find('(', word);
  const size_t close = text.rfind(')');
  if (open != word + 3 || close == std::string::npos || close < open) return {};
  std::string inner = text.substr(open + 1, close - open - 1);
  std::erase_if(inner, [](char c) { return c == '"' || c == ' ' || c == '\t'; });
  return inner;
}

bool is_http_url(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

void load_resolver_text(load_context& ctx, const value& v, const std::string& text) {
  auto& r = ctx.options.operators.resolver;
  if (upper(text).find("MEM") != std::string::npos) {
    r.kind = resolver_kind::memory;
    return;
  }
  const auto url = url_of(text);
  if (!url) return ctx.error(v, bad_resolver);
  if (!is_http_url(*url))
    return ctx.error(v, "error parsing account resolver url [" + go_quote(*url) + "]");
  r.kind = resolver_kind::url;
  r.url = *url;
}

nanoseconds duration_of(load_context& ctx, const value& v) {
  const std::string* s = ctx.text(v);
  if (!s) return 0s;
  auto d = parse_duration(*s);
  if (d) return *d;
  ctx.error(v, d.error().context);
  return 0s;
}

/// What fits which kind, in the server's words.
void check_resolver(load_context& ctx, const value& v, const map& m, const std::string& kind) {
  auto& r = ctx.options.operators.resolver;
  const bool has_interval = m.count("interval") > 0 && r.interval != 0s;
  const bool has_hard_delete = m.count("hard_delete") > 0;
  if (r.dir.empty()) ctx.error(v, "dir has no value and needs to point to a directory");
  if (kind == "CACHE") {
    if (has_interval) ctx.error(v, "CACHE does not accept sync");
    if (r.allow_delete) ctx.error(v, "CACHE does not accept allow_delete");
    if (has_hard_delete) ctx.error(v, "CACHE does not accept hard_delete");
  } else {
    if (r.ttl != 0s) ctx.error(v, "FULL does not accept ttl");
    if (has_hard_delete && !r.allow_delete)
      ctx.error(v, "hard_delete has no effect without delete");
  }
}

void load_resolver_block(load_context& ctx, const value& v, const map& m) {
  auto& r = ctx.options.operators.resolver;
  std::string kind;
  for (auto& [key, field] : m) {
    auto row = find_option("resolver", key); // the NATS server skips what it does not know
    if (!row) continue;
    const std::string_view name = row->name();
    if (name == "type") {
      if (auto s = ctx.text(field)) kind = upper(*s);
    } else if (name == "dir") {
      if (auto s = ctx.text(field)) r.dir = *s;
    } else if (name == "allow_delete") {
      if (auto b = ctx.boolean(field)) r.allow_delete = *b;
    } else if (name == "hard_delete") {
      if (auto b = ctx.boolean(field)) r.hard_delete = *b;
    } else if (name == "limit") {
      if (auto n = ctx.integer(field)) r.limit = *n;
    } else if (name == "ttl") {
      r.ttl = duration_of(ctx, field);
    } else if (name == "interval") {
      r.interval = duration_of(ctx, field);
    } else if (name == "timeout") {
      r.timeout = duration_of(ctx, field);
      if (r.timeout <= 0s)
        // Spelled as the NATS server does; it does not say where either, we do.
        ctx.error(v, "Fetch timeout " + format_duration(r.timeout) + " is too smal");
    }
  }
  if (kind == "MEM" || kind == "MEMORY") {
    r.kind = resolver_kind::memory;
    return;
  }
  if (kind != "FULL" && kind != "CACHE") return ctx.error(v, bad_resolver);
  r.kind = kind == "FULL" ? resolver_kind::full : resolver_kind::cache;
  check_resolver(ctx, v, m, kind);
  if (r.interval <= 0s) r.interval = 1min;
}

void load_resolver(load_context& ctx, const value& v) {
  auto& r = ctx.options.operators.resolver;
  r.kind = resolver_kind::none; // what the operator's claim said, if anything
  if (auto s = v.get<std::string>())
    load_resolver_text(ctx, v, *s);
  else if (auto m = v.get<map>())
    load_resolver_block(ctx, v, *m);
  else
    ctx.error(v, std::string("error parsing operator resolver, wrong type ") + type_name(v));
}

void load_preload(load_context& ctx, const value& v) {
  auto m = v.get<map>();
  if (!m) return ctx.error(v, "preload should be a map of account_public_key:account_jwt");
  auto& preload = ctx.options.operators.resolver.preload;
  preload.clear();
  for (auto& [key, entry] : *m) {
    auto token = entry.get<std::string>();
    if (!token)
      ctx.error(entry, "preload map value should be a string JWT");
    else if (!decode_account_jwt(*token))
      ctx.error(entry, "invalid account JWT");
    else
      preload[key] = *token;
  }
}

} // namespace

bool load_operators(load_context& ctx, std::string_view name, const value& v) {
  auto& o = ctx.options.operators;
  if (name == "operator") {
    load_operator(ctx, v);
  } else if (name == "trusted_keys") {
    load_trusted_keys(ctx, v);
  } else if (name == "resolver") {
    load_resolver(ctx, v);
  } else if (name == "resolver_preload") {
    load_preload(ctx, v);
  } else if (name == "resolver_tls") {
    o.resolver.tls = load_tls(ctx, v);
  } else if (name == "resolver_pinned_accounts") {
    o.pinned_accounts = load_texts(ctx, v, "resolver_pinned_accounts");
  } else if (name == "default_sentinel") {
    if (auto s = ctx.text(v)) o.default_sentinel = *s;
  } else {
    return false;
  }
  return true;
}

void finish_operators(load_context& ctx) {
  auto& o = ctx.options.operators;
  if (o.jwts.size() != 1) return;
  const auto claims = decode_operator_jwt(o.jwts.front());
  if (!claims) return;
  if (o.resolver.kind == resolver_kind::none && is_http_url(claims->account_server_url)) {
    o.resolver.kind = resolver_kind::url;
    o.resolver.url = claims->account_server_url + "/accounts"; // where nsc pushes to
  }
  if (ctx.options.system_account.empty()) ctx.options.system_account = claims->system_account;
}

// -- checks between options ------------------------------------------------------------------------

namespace {

troupe::error bad(std::string text) { return {errc::malformed, std::move(text)}; }

result<void> check_sentinel(const std::string& sentinel) {
  if (sentinel.empty()) return {};
  const auto user = decode_user_jwt(sentinel);
  if (!user) return bad("default sentinel JWT not valid");
  // A user of a scoped key may get it from the key's template.
  const bool scoped = !user->issuer_account.empty() && user->limits == user_permission_limits{};
  if (!user->limits.bearer && !scoped) return bad("default sentinel must be a bearer token");
  return {};
}

result<void> check_version(const operator_claims& claims, const asserted_version& ours) {
  const auto wanted = parse_asserted_version(claims.assert_server_version);
  const std::string who = "operator " + claims.data.subject;
  if (!wanted)
    return bad(who + " expects version " + claims.assert_server_version
               + " got error instead: " + wanted.error().context);
  if (*wanted <= ours) return {};
  const auto differs = [&](const char* part, int64_t theirs, int64_t mine) {
    return bad(who + " expected " + part + " version " + std::to_string(theirs) + " > server "
               + part + " version " + std::to_string(mine));
  };
  if (wanted->major != ours.major) return differs("major", wanted->major, ours.major);
  if (wanted->minor != ours.minor) return differs("minor", wanted->minor, ours.minor);
  return differs("update", wanted->update, ours.update);
}

result<void> check_system_account(const server_options& o,
                                  const std::vector<operator_claims>& claims) {
  const auto kind = o.operators.resolver.kind;
  if (o.system_account.empty()) {
    const bool files = kind == resolver_kind::full || kind == resolver_kind::cache;
    if (files && claims.front().system_account.empty())
      return bad("using nats based account resolver - the system account needs to be specified in "
                 "configuration or the operator jwt");
    return {};
  }
  bool named = false;
  for (auto& c : claims) {
    if (c.system_account == o.system_account) return {};
    named = named || !c.system_account.empty();
  }
  if (named) return bad("system_account in config and operator JWT must be identical");
  return {};
}

} // namespace

result<void> validate_operators(const server_options& o, std::string_view version) {
  auto& operators = o.operators;
  if (operators.jwts.empty()) {
    if (!operators.default_sentinel.empty())
      return bad("default sentinel requires operators and accounts");
    return {};
  }
  if (auto ok = check_sentinel(operators.default_sentinel); !ok) return ok;
  if (operators.resolver.kind == resolver_kind::none)
    return bad("operators require an account resolver to be configured");
  if (!o.accounts.empty()) return bad("operators do not allow Accounts to be configured directly");
  if (!o.authorization.users.empty())
    return bad("operators do not allow users to be configured directly");
  if (!operators.trusted_keys.empty())
    return bad("conflicting options for 'TrustedKeys' and 'TrustedOperators'");
  std::vector<operator_claims> claims;
  for (const std::string& token : operators.jwts) {
    auto c = decode_operator_jwt(token);
    if (!c) return bad("error parsing operator JWT: " + c.error().context);
    claims.push_back(std::move(*c));
  }
  if (auto ok = check_system_account(o, claims); !ok) return ok;
  const auto ours = parse_asserted_version(version.substr(0, version.find('-')));
  for (auto& c : claims) {
    if (auto ok = check_version(c, ours ? *ours : asserted_version{}); !ok) return ok;
    for (const std::string& key : c.trusted_keys())
      if (!is_public_nkey(key, nkey_role::operator_))
        return bad("trusted Keys " + go_quote(key)
                   + " are required to be a valid public operator nkey");
  }
  for (const std::string& key : operators.pinned_accounts)
    if (!is_public_nkey(key, nkey_role::account))
      return bad("pinned account key " + go_quote(key) + " is not a valid public account nkey");
  if (operators.resolver.kind == resolver_kind::url && !operators.resolver.preload.empty())
    return bad("resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR");
  if (o.authorization.callout)
    return bad("operators do not allow authorization callouts to be configured directly");
  return {};
}

} // namespace troupe::config
