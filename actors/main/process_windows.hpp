// What of a running node can be seen from outside besides its clients' port: the monitoring pages,
// profiles, the pid file and the ports file. Opened at start, changed by a reload.
//
// The main thread opens and closes, the reload's thread changes: both take the lock.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "actors/main/monitor_bridge.hpp"
#include "actors/main/process_files.hpp"
#include "actors/node/node.hpp"
#include "actors/node/reload_core.hpp"
#include "http/monitor_server.hpp"
#include "http/profile_router.hpp"

namespace troupe {

class process_windows {
public:
  explicit process_windows(node& n) : node_(n), bridge_(n, 0), pages_(bridge_) {}

  /// Pid file and monitor; without one of them the NATS server does not start either.
  result<void> open(const config::server_options& o);
  /// Once clients are listened for.
  void write_ports_file(const config::server_options& o);
  /// For a reload: the new monitor listens when this returns, the old one ends when the function
  /// is called. Where both need the same port the old one has to go first.
  result<std::function<void()>> prepare(const reload_plan& plan);
  void close_monitor();
  void remove_files() { ports_.remove(); }

  /// The monitoring pages, whether or not they are served over HTTP.
  http::pages& pages() { return pages_; }
  http::profiles& profiles() { return profiles_; }

private:
  using monitor_ptr = std::unique_ptr<http::monitor_server>;

  result<void> open_profiler(const config::server_options& o);
  http::monitor_config monitor_config_of(const config::server_options& o);
  result<monitor_ptr> open_monitor(const http::monitor_config& config);
  void put_in_place(monitor_ptr fresh, const http::monitor_config& config);
  void commit(const reload_plan& plan, monitor_ptr fresh, const http::monitor_config& config,
              bool replace);

  node& node_;
  std::mutex mutex_;
  monitor_bridge bridge_;
  http::pages pages_;
  http::monitor_config config_;  // of monitor_
  monitor_ptr monitor_;          // nullptr: none
  http::profiles profiles_{pages_};
  http::profile_router profile_pages_{pages_, profiles_};
  monitor_ptr profiler_;         // nullptr: none
  ports_file ports_;
  bool closed_ = false;
};

} // namespace troupe
