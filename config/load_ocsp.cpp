// What is asked about certificates: OCSP stapling of the node's own, and whether clients' have been
// revoked. Texts are the NATS server's, with the field's name where it has only its type.
#include <strings.h>

#include <algorithm>
#include <array>

#include "config/duration.hpp"
#include "config/load_context.hpp"

namespace troupe::config {

namespace {

constexpr char problem[] = "error parsing ocsp config: ";

void load_mode(load_context& ctx, const value& v) {
  using enum ocsp_mode;
  static constexpr std::array<std::pair<const char*, ocsp_mode>, 4> modes{
    {{"always", always}, {"must", must}, {"never", never}, {"auto", automatic}}};
  auto s = ctx.text(v);
  if (!s) return;
  for (auto& [name, mode] : modes)
    if (::strcasecmp(s->c_str(), name) == 0) {
      ctx.options.ocsp.mode = mode;
      return;
    }
  ctx.error(v, problem + std::string("unsupported ocsp mode ") + go_quote(*s)
                 + " (it is auto, always, must or never)");
}

void add_url(load_context& ctx, const value& v) {
  auto s = ctx.text(v);
  if (!s) return;
  if (s->starts_with("http://") || s->starts_with("https://")) ctx.options.ocsp.urls.push_back(*s);
  else ctx.error(v, problem + std::string("unsupported url ") + go_quote(*s) + " (it begins with http://)");
}

void load_block(load_context& ctx, const map& m) {
  for (auto& [key, v] : m) {
    auto row = ctx.known("ocsp", key, v, problem + std::string("unsupported field ") + go_quote(key));
    if (!row) continue;
    if (row->name() == "mode") {
      load_mode(ctx, v);
    } else {
      ctx.options.ocsp.urls.clear();
      if (auto list = v.get<array>())
        for (const value& one : *list) add_url(ctx, one);
      else add_url(ctx, v);
    }
  }
}

/// Seconds, whole or not, or a duration. Negative ones change nothing, as in the NATS server.
void seconds(load_context& ctx, const value& v, std::string_view what, nanoseconds& to) {
  constexpr double longest_s = 1e8;
  const auto s = read_seconds(v, "unexpected type");
  if (!s) return ctx.error(v, std::string(what) + "conversion error: " + s.error().context);
  if (*s >= 0) to = nanoseconds{static_cast<int64_t>(std::min(*s, longest_s) * 1e9)};
}

constexpr std::string_view peer_problem = "error parsing tls peer config, ";
constexpr std::string_view cache_problem = "error parsing OCSP peer cache config, ";

void load_peer_field(load_context& ctx, std::string_view name, const std::string& key, const value& v,
                     ocsp_peer_options& to) {
  auto flag = [&](bool& field) {
    if (auto b = v.get<bool>()) field = *b;
    else ctx.error(v, std::string(peer_problem) + "unknown field [" + go_quote(key) + "]");
  };
  if (name == "verify") flag(to.verify);
  else if (name == "warn_only") flag(to.warn_only);
  else if (name == "unknown_is_good") flag(to.unknown_is_good);
  else if (name == "allow_when_ca_unreachable") flag(to.allow_when_ca_unreachable);
  else if (name == "allowed_clockskew") seconds(ctx, v, peer_problem, to.allowed_clockskew);
  else if (name == "ca_timeout") seconds(ctx, v, peer_problem, to.ca_timeout);
  else seconds(ctx, v, peer_problem, to.cache_ttl);
}

void load_cache_field(load_context& ctx, std::string_view name, const std::string& key, const value& v) {
  ocsp_cache_options& to = ctx.options.ocsp_cache;
  const std::string unknown = std::string(cache_problem) + "unknown field [" + go_quote(key) + "]";
  auto s = v.get<std::string>();
  auto b = v.get<bool>();
  if (name == "type") {
    const bool local = s && ::strcasecmp(s->c_str(), "local") == 0;
    if (!s) ctx.error(v, unknown);
    else if (!local && ::strcasecmp(s->c_str(), "none") != 0)
      ctx.error(v, std::string(cache_problem) + "unknown type [" + *s + "]");
    else to.local = local;
  } else if (name == "local_store") {
    if (s) to.local_store = *s;
    else ctx.error(v, unknown);
  } else if (name == "preserve_revoked") {
    if (b) to.preserve_revoked = *b;
    else ctx.error(v, unknown);
  } else {
    nanoseconds every = to.save_interval;
    seconds(ctx, v, cache_problem, every);
    to.save_interval = std::max<nanoseconds>(every, 1s);
  }
}

} // namespace

std::optional<ocsp_peer_options> load_ocsp_peer(load_context& ctx, const value& v) {
  constexpr nanoseconds usual_timeout = 2s;
  ocsp_peer_options out;
  if (auto b = v.get<bool>()) {
    out.verify = *b;
  } else if (auto m = v.get<map>()) {
    for (auto& [key, field] : *m)
      if (auto row = ctx.known("ocsp_peer", key, field,
                               std::string(peer_problem) + "unknown field [" + go_quote(key) + "]"))
        load_peer_field(ctx, row->name(), key, field, out);
  } else {
    ctx.error(v, std::string("error parsing ocsp peer config: unsupported type ") + type_name(v));
    return std::nullopt;
  }
  if (out.ca_timeout == 0s) out.ca_timeout = usual_timeout;
  return out;
}

void load_ocsp_cache(load_context& ctx, const value& v) {
  ctx.options.ocsp_cache = {};
  if (auto b = v.get<bool>()) {
    ctx.options.ocsp_cache.local = *b;
  } else if (auto m = v.get<map>()) {
    for (auto& [key, field] : *m)
      if (auto row = ctx.known("ocsp_cache", key, field,
                               std::string(cache_problem) + "unknown field [" + go_quote(key) + "]"))
        load_cache_field(ctx, row->name(), key, field);
  } else {
    ctx.error(v, std::string(cache_problem) + "unsupported type " + type_name(v));
  }
}

void load_ocsp(load_context& ctx, const value& v) {
  ctx.options.ocsp = {ocsp_mode::automatic, {}};
  if (auto b = v.get<bool>()) {
    if (!*b) ctx.options.ocsp.mode = ocsp_mode::never;
  } else if (auto m = v.get<map>()) {
    load_block(ctx, *m);
  } else {
    ctx.error(v, problem + std::string("unsupported type ") + type_name(v));
  }
}

} // namespace troupe::config
