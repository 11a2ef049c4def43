// The composition root: command line -> node, monitor, log, files; then waits for the end.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "actors/main/banner.hpp"
#include "actors/main/process_title.hpp"
#include "actors/main/process_windows.hpp"
#include "actors/main/send_signal.hpp"
#include "actors/main/service_notify.hpp"
#include "actors/main/system_hooks.hpp"
#include "actors/node/node.hpp"
#include "actors/node/reload_core.hpp"
#include "actors/node/signal_source.hpp"
#include "actors/observe/logger.hpp"
#include "actors/reactor/tls_context.hpp"
#include "actors/session/node_context.hpp"
#include "config/cli.hpp"
#include "protocol/host_port.hpp"

namespace troupe {
namespace {

/// Files and variables of the process; TLS blocks are tried as they are read.
config::parse_environment environment() {
  config::parse_environment env = config::system_environment();
  env.check_tls = [](const config::tls_options& tls) -> result<void> {
    auto made = make_tls_context(tls);
    if (!made) return made.error();
    return {};
  };
  return env;
}

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

void log_tls(const config::server_options& options) {
  if (!options.tls) return;
  const bool first_only = options.tls->order == config::handshake_order::first;
  log::info("TLS {} for client connections",
            options.allow_non_tls && !first_only ? "available" : "required");
  if (first_only)
    log::warn("Clients that are not using \"TLS Handshake First\" option will fail to connect");
}

[[noreturn]] void cannot_start();

/// Everything around the node, in the order it starts.
class process {
public:
  process(const config::cli_result& cli, service_notify& service)
      : cli_(cli), service_(service), node_(cli.options, make_hooks()), windows_(node_) {}

  int run() {
    node_.serve_system_account(make_system_hooks(windows_.pages(), windows_.profiles()));
    auto listening = node_.start();
    log_banner(cli_, node_);
    if (!listening) {
      log::fatal("{}", listening.error().context);
      return 1;
    }
    if (auto ok = windows_.open(options()); ok) {
      std::set_terminate(usual_end_);
      log_websocket_listener(options(), node_.websocket_port());
      log::info("Listening for client connections on {}", join_host_port(options().host, node_.client_port()));
      if (options().proxy_protocol) log::info("PROXY protocol enabled for client connections");
      log_tls(options());
      windows_.write_ports_file(options());
      log::info("Server is ready");
      service_.ready([this] { return static_cast<bool>(node_.subscriptions({})); },
                     [this] { return node_.context().lame_duck.load(); });
    } else {
      log::fatal("{}", ok.error().context);
      failed_ = true;
      node_.signal(0);
    }
    int code = node_.wait();
    service_.stopping();
    service_.stop_watchdog();
    windows_.close_monitor();
    node_.finish();
    windows_.remove_files();
    return failed_ ? 1 : code;
  }

private:
  const config::server_options& options() const { return cli_.options; }

  reload_hooks make_hooks() {
    reload_hooks hooks;
    hooks.read = [this] { return config::read_again(cli_.flags, environment()); };
    hooks.prepare = [this](const reload_plan& plan) { return windows_.prepare(plan); };
    hooks.under_way = [this](bool begins) { begins ? service_.reloading() : service_.reloaded(); };
    return hooks;
  }

  const config::cli_result& cli_;
  service_notify& service_;
  const std::terminate_handler usual_end_ = std::set_terminate(cannot_start);
  node node_;
  process_windows windows_;
  bool failed_ = false;
};

/// The rest of `-t --test_reload`: 3 when the file is fine but would need a restart.
int test_reload(const config::cli_result& cli) {
  static constexpr int needs_restart = 3;
  auto plan = plan_reload(cli.options, cli.reload_options);
  if (!plan) {
    fail(plan.error().context);
    return needs_restart;
  }
  std::fprintf(stderr,
               "nats-server: configuration file %s is valid (%s)\n"
               "nats-server: configuration file %s can be reloaded\n",
               cli.options.config_file.c_str(), cli.options.config_digest.c_str(),
               cli.reload_file.c_str());
  return 0;
}

/// Until the server is ready: what nobody catches (a constructor that gets no thread ends so, below
/// its own hands) is told, and the exit code is that of a server which could not start.
[[noreturn]] void cannot_start() {
  std::string why = "the system gives no thread, memory or descriptor";
  try {
    if (const auto failure = std::current_exception()) std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {
  }
  log::fatal("Cannot start: {}", why);
  log::stop();
  std::_Exit(1);
}

int run(const config::cli_result& cli) {
  service_notify service; // takes its variables before other threads run
  if (auto started = log::start(log::settings_of(cli.options)); !started)
    return fail(started.error().context);
  if (auto valid = config::validate(cli.options); !valid) {
    log::stop();
    return fail(valid.error().context);
  }
  int code = process(cli, service).run();
  log::stop();
  return code;
}

} // namespace
} // namespace troupe

int main(int argc, char** argv) {
  using namespace troupe;
  std::vector<std::string> args(argv + 1, argv + argc);
  hide_arguments(argc, argv);
  config::cli_result cli = config::parse_command_line(args, environment());
  if (!cli.output.empty()) std::fputs(cli.output.c_str(), stdout);
  if (!cli.diagnostics.empty()) std::fputs(cli.diagnostics.c_str(), stderr);
  if (!cli.reload_file.empty()) return test_reload(cli);
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
