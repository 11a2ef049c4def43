#include "actors/main/system_pages.hpp"

#include "http/endpoints/accounts.hpp"
#include "http/endpoints/connz.hpp"
#include "http/endpoints/healthz.hpp"
#include "http/endpoints/subsz.hpp"
#include "http/endpoints/unbuilt.hpp"
#include "http/endpoints/varz.hpp"

namespace troupe {

result<std::string> system_pages::varz() {
  auto node = source_.node();
  if (!node) return node.error();
  auto reactors = source_.reactors();
  if (!reactors) return reactors.error();
  static const std::map<std::string, uint64_t> no_requests;
  return http::render_varz({*node, *reactors, usage_.measure(), no_requests, observe::wall_now()});
}

result<std::string> system_pages::connz(const http::query& params) {
  auto options = http::parse_connz(params);
  if (!options) return options.error();
  auto node = source_.node();
  if (!node) return node.error();
  auto all = source_.connections(
    {options->state, options->account, options->subs || options->subs_detail});
  if (!all) return all.error();
  return http::render_connz(*options, std::move(*all), node->server_id, observe::wall_now());
}

result<std::string> system_pages::subsz(const http::query& params) {
  auto options = http::parse_subsz(params);
  if (!options) return options.error();
  auto node = source_.node();
  if (!node) return node.error();
  auto all = source_.subscriptions({options->account, options->subs});
  if (!all) return all.error();
  return http::render_subsz(*options, *all, node->server_id, observe::wall_now());
}

result<std::string> system_pages::healthz(const http::query& params) {
  auto request = http::parse_healthz(params);
  if (!request) return request.error();
  auto bad = http::check_healthz(*request);
  observe::health_snapshot health = bad ? *bad : source_.health(*request);
  // Here it stands in the document, since there is no HTTP status.
  std::string page = http::render_healthz(health);
  if (page.find("\"status_code\"") == std::string::npos && page.ends_with('}'))
    page.insert(page.size() - 1, ",\"status_code\":" + std::to_string(health.status_code));
  return page;
}

result<std::string> system_pages::page(system_call call, const std::string& query) {
  const http::query params(query);
  auto with_node = [&](auto render) -> result<std::string> {
    auto node = source_.node();
    if (!node) return node.error();
    return render(params, *node, observe::wall_now());
  };
  switch (call) {
    case system_call::varz: return varz();
    case system_call::connz: return connz(params);
    case system_call::subsz: return subsz(params);
    case system_call::healthz: return healthz(params);
    case system_call::routez: return with_node(http::render_routez);
    case system_call::gatewayz: return with_node(http::render_gatewayz);
    case system_call::leafz: return with_node(http::render_leafz);
    case system_call::accountz: return with_node(http::render_accountz);
    case system_call::jsz: return with_node(http::render_jsz);
    case system_call::ipqueuesz:
    case system_call::raftz: return std::string("{}");
    case system_call::expvarz: return std::string(R"({"memstats":{},"cmdline":[]})");
    case system_call::profilez: {
      const std::string& name = params.get("name");
      std::string why = name.empty() ? "Profile name not specified"
                                     : "Profile \"" + name + "\" not found";
      std::string out;
      json_writer w(out);
      w.begin_object();
      w.key("profile");
      w.null();
      w.member("error", why);
      w.end_object();
      return out;
    }
    default: return error{errc::not_found, "there is no such page"};
  }
}

system_hooks::usage system_pages::measure() {
  const http::process_usage usage = usage_.measure();
  return {usage.memory_bytes, usage.cpu_percent};
}

system_hooks make_system_hooks(system_pages& pages) {
  system_hooks hooks;
  hooks.page = [&pages](system_call call, const std::string& query) { return pages.page(call, query); };
  hooks.measure = [&pages] { return pages.measure(); };
  return hooks;
}

} // namespace troupe
