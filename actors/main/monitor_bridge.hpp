// Answers the monitoring pages from a running node: asks the reactors by message, adds what the
// process knows of itself. Its methods run on the monitor's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "actors/node/node.hpp"
#include "actors/routing/account.hpp"
#include "http/monitor_source.hpp"

namespace troupe {

class monitor_bridge final : public http::monitor_source {
public:
  monitor_bridge(class node& n, int monitor_port);

  result<observe::node_snapshot> node(const http::accounts_request& accounts) override;
  result<std::vector<observe::reactor_snapshot>> reactors() override;
  result<observe::connections_snapshot> connections(const http::connections_request& q) override;
  result<observe::subs_snapshot> subscriptions(const http::subs_request& q) override;
  result<observe::actor_snapshot> actors(bool with_connections) override;
  observe::health_snapshot health(const http::health_request& q) override;
  void set_monitor_port(int port) { monitor_port_ = port; }
  /// A request made the monitor throw: for /actorz. Any thread.
  void note_failure(const std::string& why);

private:
  std::vector<routing::account_ptr> accounts(const std::string& only) const;
  result<std::vector<observe::account_snapshot>> snapshots(const http::accounts_request& q);

  class node& node_;
  std::atomic<int> monitor_port_;
  observe::wall_time start_;
  std::mutex mutex_;  // of what follows
  uint64_t failures_ = 0;
  std::string last_failure_;
};

} // namespace troupe
