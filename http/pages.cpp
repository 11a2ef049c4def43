#include "http/pages.hpp"

#include "http/endpoints/actorz.hpp"
#include "http/endpoints/healthz.hpp"
#include "http/endpoints/metrics.hpp"
#include "http/endpoints/runtime.hpp"
#include "http/endpoints/varz.hpp"
#include "http/thread_states.hpp"

namespace troupe::http {

pages::pages(monitor_source& source, clock now) : source_(source), now_(std::move(now)) {}

void pages::count(const std::string& path) {
  std::lock_guard lock(mutex_);
  ++counts_[path];
}

std::map<std::string, uint64_t> pages::request_counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

process_usage pages::measure() {
  std::lock_guard lock(mutex_);
  return usage_.measure();
}

result<std::string> pages::varz() {
  auto node = source_.node();
  if (!node) return node.error();
  auto reactors = source_.reactors();
  if (!reactors) return reactors.error();
  auto counts = request_counts();
  return render_varz({*node, *reactors, measure(), counts, now_()});
}

result<std::string> pages::metrics() {
  auto node = source_.node({accounts_request::depth::figures, {}});
  if (!node) return node.error();
  auto reactors = source_.reactors();
  if (!reactors) return reactors.error();
  observe::sublist_stats subs;
  for (auto& account : node->accounts)
    subs += account.stats;
  auto actors = source_.actors(false);
  if (!actors) return actors.error();
  bool healthy = source_.health({}).status_code == 200;
  auto counts = request_counts();
  return render_metrics({*node, *reactors, subs, *actors, healthy, measure(), counts});
}

result<std::string> pages::connz(const connz_options& options) {
  auto node = source_.node();
  if (!node) return node.error();
  auto all = source_.connections(connz_request(options));
  if (!all) return all.error();
  return render_connz(options, *all, node->server_id, now_());
}

result<std::string> pages::subsz(const subsz_options& options) {
  auto node = source_.node();
  if (!node) return node.error();
  auto all = source_.subscriptions({options.account, options.subs});
  if (!all) return all.error();
  return render_subsz(options, *all, node->server_id, now_());
}

result<std::string> pages::accountz(const accountz_options& options) {
  using depth = accounts_request::depth;
  auto node = source_.node({options.account.empty() ? depth::names : depth::figures, options.account});
  return node ? render_accountz(options, *node, now_()) : node.error();
}

result<std::string> pages::accstatz(const accstatz_options& options) {
  auto node = source_.node({accounts_request::depth::figures, {}});
  if (!node) return node.error();
  return render_accstatz(options, *node, now_());
}

result<std::string> pages::routez(const routez_options& options) {
  auto node = source_.node();
  if (!node) return node.error();
  return render_routez(options, *node, now_());
}

result<std::string> pages::gatewayz(const gatewayz_options& options) {
  auto node = source_.node();
  if (!node) return node.error();
  return render_gatewayz(options, *node, now_());
}

result<std::string> pages::leafz(const leafz_options& options) {
  auto node = source_.node();
  if (!node) return node.error();
  return render_leafz(options, *node, now_());
}

result<std::string> pages::jsz(const jsz_options& options) {
  auto node = source_.node();
  return node ? render_jsz(options, *node, now_()) : node.error();
}

result<std::string> pages::raftz(const raftz_options& options) { return render_raftz(options); }

result<std::string> pages::ipqueuesz(const ipqueuesz_options& options) {
  auto node = source_.node();
  if (!node) return node.error();
  return render_ipqueuesz(options, *node);
}

result<std::string> pages::actorz() {
  auto node = source_.node();
  if (!node) return node.error();
  auto root = source_.actors(true);
  if (!root) return root.error();
  return render_actorz(*root, node->server_id, now_());
}

observe::health_snapshot pages::healthz(const health_request& request) {
  auto bad = check_healthz(request);
  return bad ? *bad : source_.health(request);
}

std::string pages::expvarz() { return render_expvarz(command_line(), measure_heap()); }

std::string pages::stacksz() { return render_stacksz(thread_states()); }

} // namespace troupe::http
