// The composition root: command line -> node, monitor, log, files; then waits for the end.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "actors/main/monitor_bridge.hpp"
#include "actors/main/process_files.hpp"
#include "actors/main/send_signal.hpp"
#include "actors/node/node.hpp"
#include "actors/node/signal_source.hpp"
#include "actors/observe/logger.hpp"
#include "actors/session/node_context.hpp"
#include "config/cli.hpp"
#include "config/version.hpp"
#include "http/monitor_server.hpp"

namespace troupe {
namespace {

int fail(const std::string& text) {
  std::fprintf(stderr, "nats-server: %s\n", text.c_str());
  return 1;
}

/// As many descriptors as the system lets us have: every client is one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Read blocks of 128 KiB come and go: they must stay on the heap instead of being mapped anew.
void tune_allocator() {
  ::mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
  ::mallopt(M_ARENA_MAX, 4);
}

void log_banner(const config::cli_result& cli, const node& n) {
  log::info("Starting nats-server");
  log::info("  Version:  {} (troupe {})", config::compatible_version, config::own_version);
  log::info("  Name:     {}", n.context().info.server_name);
  log::info("  ID:       {}", n.server_id());
  log::info("  Reactors: {}", n.reactors());
  if (!cli.options.config_file.empty())
    log::info("Using configuration file: {} ({})", cli.options.config_file,
              cli.options.config_digest);
  for (const config::diagnostic& d : cli.notices) log::warn("{}", d.to_string());
}

int run(const config::cli_result& cli) {
  const config::server_options& options = cli.options;
  if (auto started = log::start(log::settings_of(options)); !started)
    return fail(started.error().context);
  if (auto valid = config::validate(options); !valid) {
    log::stop();
    return fail(valid.error().context);
  }
  node n(options);
  if (auto ok = n.start(); !ok) {
    log::fatal("{}", ok.error().context);
    log::stop();
    return 1;
  }
  log_banner(cli, n);
  log::info("Listening for client connections on {}:{}", options.host, n.client_port());

  std::unique_ptr<monitor_bridge> bridge;
  std::unique_ptr<http::monitor_server> monitor;
  int failed = 0;
  if (options.http_port != 0) {
    bridge = std::make_unique<monitor_bridge>(n, options.http_port);
    http::monitor_config mc;
    mc.host = options.http_host.empty() ? options.host : options.http_host;
    mc.port = options.http_port;
    mc.base_path = options.http_base_path;
    monitor = std::make_unique<http::monitor_server>(mc, *bridge);
    if (auto ok = monitor->start(); ok) {
      bridge->set_monitor_port(monitor->port());
      log::info("Starting http monitor on {}:{}", mc.host, monitor->port());
    } else {
      log::fatal("{}", ok.error().context);
      failed = 1;
    }
  }
  ports_file ports;
  if (!options.ports_file_dir.empty()) {
    auto ok = ports.write(options.ports_file_dir,
                          {options.host, n.client_port(), monitor ? monitor->port() : 0});
    if (!ok) log::error("{}", ok.error().context);
  }
  if (!options.pid_file.empty())
    if (auto ok = write_pid_file(options.pid_file); !ok) log::error("{}", ok.error().context);
  if (failed)
    n.signal(SIGINT);
  else
    log::info("Server is ready");

  int code = n.wait();
  if (monitor) monitor->stop();
  n.finish();
  ports.remove();
  log::stop();
  return failed ? 1 : code;
}

} // namespace
} // namespace troupe

int main(int argc, char** argv) {
  using namespace troupe;
  std::vector<std::string> args(argv + 1, argv + argc);
  config::cli_result cli = config::parse_command_line(args, config::system_environment());
  if (!cli.output.empty()) std::fputs(cli.output.c_str(), stdout);
  if (!cli.diagnostics.empty()) std::fputs(cli.diagnostics.c_str(), stderr);
  switch (cli.action) {
    case config::cli_action::send_signal:
      if (auto ok = send_signal(cli.signal); !ok) return fail(ok.error().context);
      return 0;
    case config::cli_action::run: break;
    default: return cli.exit_code;
  }
  tune_allocator();
  raise_descriptor_limit();
  block_signals();
  return run(cli);
}
