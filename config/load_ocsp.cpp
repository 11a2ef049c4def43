// What is asked about certificates: OCSP stapling of the node's own.
#include <strings.h>

#include <array>

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

} // namespace

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
