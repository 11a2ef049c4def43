// A monitor_source with made-up values, for the tests of the pages and of the server.
#pragma once

#include "http/monitor_source.hpp"

#include <memory>

namespace troupe::http {

/// 2026-11-22T21:13:00.5Z
inline observe::wall_time fixed_now() {
  return observe::wall_time{std::chrono::seconds{1795381980} + std::chrono::milliseconds{500}};
}

struct fake_source : monitor_source {
  observe::node_snapshot a_node;
  std::vector<observe::reactor_snapshot> some_reactors{2};
  observe::connections_snapshot some_connections;
  observe::subs_snapshot some_subs;
  observe::actor_snapshot a_root{"node", "n1", "running", 0, 0, "", std::chrono::hours{1}, {}};
  observe::health_snapshot a_health;
  bool broken = false;

  fake_source() {
    auto options = std::make_shared<config::server_options>();
    options->http_port = 8222;
    options->config_digest = "sha256:00";
    a_node.options = options;
    a_node.server_id = "NID";
    a_node.server_name = "n1";
    a_node.runtime = "troupe0.1.0";
    a_node.host = "0.0.0.0";
    a_node.port = 4222;
    a_node.start = fixed_now() - std::chrono::hours{26};
    a_node.config_load_time = a_node.start;
    a_node.system_account = "$SYS";
    a_node.cores = 2;
    a_node.drivers = 2;
    a_node.accounts.resize(2);
    a_node.accounts[0].name = "$G";
    a_node.accounts[1].name = "$SYS";
    a_node.accounts[1].is_system = true;
    a_node.accounts[0].connections = 2;
    some_reactors[0].in_msgs = 3;
    some_reactors[1].in_msgs = 4;
    some_reactors[1].slow_consumers.clients = 1;
    some_reactors[1].connections = 2;
  }

  result<observe::node_snapshot> node(const accounts_request&) override {
    if (broken) return troupe::error{errc::unavailable, "the node did not answer in time"};
    return a_node;
  }
  result<std::vector<observe::reactor_snapshot>> reactors() override { return some_reactors; }
  result<observe::connections_snapshot> connections(const connections_request& r) override {
    auto out = some_connections;
    if (r.account == "nope") out = {false, {}, {}};
    return out;
  }
  result<observe::subs_snapshot> subscriptions(const subs_request&) override { return some_subs; }
  result<observe::actor_snapshot> actors(bool) override { return a_root; }
  observe::health_snapshot health(const health_request&) override { return a_health; }
};

inline observe::connection_snapshot a_connection(uint64_t cid) {
  observe::connection_snapshot c;
  c.cid = cid;
  c.ip = "127.0.0.1";
  c.port = 1000 + static_cast<int>(cid);
  c.start = fixed_now() - std::chrono::seconds{100 + cid};
  c.last_activity = fixed_now() - std::chrono::seconds{cid};
  return c;
}

} // namespace troupe::http
