#include "actors/main/process_windows.hpp"

#include "actors/main/profile_hooks.hpp"
#include "actors/observe/logger.hpp"
#include "http/wait_profile.hpp"
#include "protocol/host_port.hpp"

namespace troupe {

namespace {

/// What https needs is there.
result<void> check_monitor(const config::server_options& o) {
  if (o.https_port == 0) return {};
  if (o.http_port != 0)
    return error{errc::malformed, "Can't start monitoring: can't specify both HTTP ("
                                      + std::to_string(o.http_port) + ") and HTTPs ("
                                      + std::to_string(o.https_port) + ") ports"};
  if (!o.tls)
    return error{errc::malformed, "Can't start monitoring: TLS cert and key required for HTTPS"};
  return {};
}

bool same_address(const http::monitor_config& a, const http::monitor_config& b) {
  return a.host == b.host && a.port == b.port && static_cast<bool>(a.tls) == static_cast<bool>(b.tls);
}

} // namespace

http::monitor_config process_windows::monitor_config_of(const config::server_options& o) {
  http::monitor_config mc;
  mc.host = o.http_host.empty() ? o.host : o.http_host;
  mc.port = o.https_port != 0 ? o.https_port : o.http_port;
  mc.base_path = o.http_base_path;
  mc.on_failure = [bridge = &bridge_](const std::string& why) { bridge->note_failure(why); };
  if (o.https_port != 0)
    mc.tls = [this] { return node_.context().policy()->monitor_tls; };
  mc.on_verdict = [this](peer_verdict_ptr verdict) {
    if (session_events* events = node_.context().events.get()) events->peer_judged_elsewhere(std::move(verdict));
  };
  return mc;
}

result<process_windows::monitor_ptr> process_windows::open_monitor(
  const http::monitor_config& config) {
  if (config.port == 0) return monitor_ptr();
  auto fresh = std::make_unique<http::monitor_server>(config, pages_);
  if (auto ok = fresh->start(); !ok)
    return error{ok.error().code, "Can't start monitoring: can't listen to the monitor port: "
                                    + ok.error().context};
  return fresh;
}

void process_windows::put_in_place(monitor_ptr fresh, const http::monitor_config& config) {
  monitor_ = std::move(fresh);
  config_ = config;
  bridge_.set_monitor_port(monitor_ ? monitor_->port() : 0);
  if (monitor_)
    log::info("Starting {} monitor on {}", config.tls ? "https" : "http",
              join_host_port(config.host, monitor_->port()));
}

result<void> process_windows::open_profiler(const config::server_options& o) {
  if (o.prof_port == 0) return {};
  http::monitor_config config;
  config.host = o.host;
  config.port = o.prof_port;
  profiler_ = std::make_unique<http::monitor_server>(
    config, [this](std::string_view target) { return profile_pages_.handle(target); });
  if (auto ok = profiler_->start(); !ok) {
    profiler_.reset();
    return error{ok.error().code, "error starting profiler: " + ok.error().context};
  }
  watch_heap();
  watch_locks();
  http::set_block_rate(o.prof_block_rate);
  log::info("profiling port: {}", profiler_->port());
  return {};
}

result<void> process_windows::open(const config::server_options& o) {
  std::lock_guard lock(mutex_);
  if (!o.pid_file.empty())
    if (auto ok = write_pid_file(o.pid_file); !ok) return ok.error();
  if (auto ok = open_profiler(o); !ok) return ok;
  if (auto ok = check_monitor(o); !ok) return ok;
  const http::monitor_config config = monitor_config_of(o);
  auto fresh = open_monitor(config);
  if (!fresh) return fresh.error();
  put_in_place(std::move(*fresh), config);
  return {};
}

void process_windows::write_ports_file(const config::server_options& o) {
  if (o.ports_file_dir.empty()) return;
  process_ports ports;
  ports.host = o.host;
  ports.client = node_.client_port();
  ports.client_tls = o.tls && !o.allow_non_tls;
  ports.monitoring_host = config_.host;
  ports.monitoring = monitor_ ? monitor_->port() : 0;
  ports.monitoring_tls = static_cast<bool>(config_.tls);
  ports.profile = profiler_ ? profiler_->port() : 0;
  ports.websocket_host = o.websocket.host;
  ports.websocket = node_.websocket_port();
  ports.websocket_tls = o.websocket.tls.has_value();
  if (auto ok = ports_.write(o.ports_file_dir, ports); !ok) log::error("{}", ok.error().context);
}

result<std::function<void()>> process_windows::prepare(const reload_plan& plan) {
  std::lock_guard lock(mutex_);
  if (auto ok = check_monitor(plan.options); !ok) return ok.error();
  const http::monitor_config config = monitor_config_of(plan.options);
  const bool moved = !same_address(config, config_);
  const bool replace = moved || config.base_path != config_.base_path;
  auto fresh = std::make_shared<monitor_ptr>();
  // It says the same whatever becomes of the reload.
  if (plan.pid_file && !plan.options.pid_file.empty())
    if (auto ok = write_pid_file(plan.options.pid_file); !ok) return ok.error();
  if (moved) {
    auto opened = open_monitor(config);
    if (!opened) return opened.error();
    *fresh = std::move(*opened);
  }
  return std::function<void()>(
    [this, plan, fresh, config, replace] { commit(plan, std::move(*fresh), config, replace); });
}

void process_windows::commit(const reload_plan& plan, monitor_ptr fresh,
                             const http::monitor_config& config, bool replace) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  if (replace && !fresh && config.port != 0) { // other paths at the same address
    http::monitor_config same = config;
    if (monitor_) same.port = monitor_->port();
    monitor_.reset();
    auto again = open_monitor(same);
    if (!again) log::error("{}", again.error().context);
    else fresh = std::move(*again);
  }
  if (replace) put_in_place(std::move(fresh), config);
  http::set_block_rate(plan.options.prof_block_rate);
  if (!plan.ports_file && !replace) return;
  ports_.remove();
  write_ports_file(plan.options);
}

void process_windows::close_monitor() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (monitor_) monitor_->stop();
  profiles_.cancel();
  if (profiler_) profiler_->stop();
}

} // namespace troupe
