#include "http/router.hpp"

#include "http/endpoints/accounts.hpp"
#include "http/endpoints/actorz.hpp"
#include "http/endpoints/connz.hpp"
#include "http/endpoints/healthz.hpp"
#include "http/endpoints/index.hpp"
#include "http/endpoints/subsz.hpp"
#include "http/endpoints/unbuilt.hpp"
#include "http/endpoints/varz.hpp"

namespace troupe::http {

namespace {

response json(std::string body, int status = 200) {
  return {status, "application/json", std::move(body), true, false};
}

response text(int status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body), false, false};
}

response bad_argument(const troupe::error& e) { return text(400, e.context); }
response unavailable(const troupe::error& e) { return text(503, e.context + "\n"); }

response not_found() {
  auto out = text(404, "404 page not found\n");
  out.no_sniff = true;
  return out;
}

} // namespace

std::string normalize_base_path(std::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size();) {
    auto end = std::min(path.find('/', i), path.size());
    auto part = path.substr(i, end - i);
    if (part == "..") out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
    else if (!part.empty() && part != ".") out += "/" + std::string(part);
    i = end + 1;
  }
  return out.empty() ? "/" : out;
}

router::router(monitor_source& source, std::string base_path, clock now)
    : source_(source), base_path_(normalize_base_path(base_path)), now_(std::move(now)) {}

response router::handle(std::string_view target) {
  struct entry {
    std::string_view path;
    std::string_view counter;
    page serve;
  };
  static constexpr entry entries[] = {
      {"/varz", "/varz", &router::varz},
      {"/connz", "/connz", &router::connz},
      {"/routez", "/routez", &router::routez},
      {"/gatewayz", "/gatewayz", &router::gatewayz},
      {"/leafz", "/leafz", &router::leafz},
      {"/subsz", "/subsz", &router::subsz},
      {"/subscriptionsz", "/subsz", &router::subsz},
      {"/accountz", "/accountz", &router::accountz},
      {"/accstatz", "/accstatz", &router::accstatz},
      {"/jsz", "/jsz", &router::jsz},
      {"/healthz", "/healthz", &router::healthz},
      {"/ipqueuesz", "/ipqueuesz", &router::ipqueuesz},
      {"/raftz", "/raftz", &router::raftz},
      {"/actorz", "/actorz", &router::actorz},
  };
  auto parsed = parse_target(target);
  if (!parsed) return text(400, "400 Bad Request");
  std::string_view path = parsed->path;
  if (path == base_path_) {
    ++counts_["/"];
    response out;
    out.content_type = "text/html; charset=utf-8";
    out.body = render_index(base_path_);
    return out;
  }
  if (base_path_ != "/") {
    if (!path.starts_with(base_path_)) return not_found();
    path.remove_prefix(base_path_.size());
  }
  for (auto& e : entries) {
    if (e.path != path) continue;
    ++counts_[std::string(e.counter)];
    return (this->*e.serve)(parsed->params);
  }
  return not_found();
}

response router::varz(const query&) {
  auto node = source_.node();
  if (!node) return unavailable(node.error());
  auto reactors = source_.reactors();
  if (!reactors) return unavailable(reactors.error());
  return json(render_varz({*node, *reactors, usage_.measure(), counts_, now_()}));
}

response router::connz(const query& params) {
  auto options = parse_connz(params);
  if (!options) return bad_argument(options.error());
  auto node = source_.node();
  if (!node) return unavailable(node.error());
  auto all = source_.connections(
      {options->state, options->account, options->subs || options->subs_detail});
  if (!all) return unavailable(all.error());
  return json(render_connz(*options, std::move(*all), node->server_id, now_()));
}

response router::subsz(const query& params) {
  auto options = parse_subsz(params);
  if (!options) return bad_argument(options.error());
  auto node = source_.node();
  if (!node) return unavailable(node.error());
  auto all = source_.subscriptions({options->account, options->subs});
  if (!all) return unavailable(all.error());
  return json(render_subsz(*options, *all, node->server_id, now_()));
}

response router::healthz(const query& params) {
  auto request = parse_healthz(params);
  if (!request) return bad_argument(request.error());
  auto bad = check_healthz(*request);
  auto health = bad ? *bad : source_.health(*request);
  return json(render_healthz(health), health.status_code);
}

response router::actorz(const query&) {
  auto node = source_.node();
  if (!node) return unavailable(node.error());
  auto root = source_.actors();
  if (!root) return unavailable(root.error());
  return json(render_actorz(*root, node->server_id, now_()));
}

response router::with_node(renderer render, const query& params) {
  auto node = source_.node();
  if (!node) return unavailable(node.error());
  auto body = render(params, *node, now_());
  return body ? json(std::move(*body)) : bad_argument(body.error());
}

response router::accountz(const query& params) { return with_node(render_accountz, params); }
response router::accstatz(const query& params) { return with_node(render_accstatz, params); }
response router::routez(const query& params) { return with_node(render_routez, params); }
response router::gatewayz(const query& params) { return with_node(render_gatewayz, params); }
response router::leafz(const query& params) { return with_node(render_leafz, params); }
response router::jsz(const query& params) { return with_node(render_jsz, params); }
response router::raftz(const query&) { return text(404, "No Raft nodes registered"); }
response router::ipqueuesz(const query&) { return json("{}"); }

} // namespace troupe::http
