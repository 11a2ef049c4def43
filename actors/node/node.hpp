// A whole node in one object: builds drivers, actor system, shards, hubs and listener in order,
// waits for the end, and takes everything down again in the order written in node_actor.hpp.
//
// Belongs to the thread that made it (main, or a test).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/node/reload_actor.hpp"
#include "actors/session/gather.hpp"
#include "actors/system/system_service.hpp"
#include "config/options.hpp"
#include "protocol/result.hpp"

namespace troupe {

struct node_context;
class authenticator;

/// A way of one's own to let clients in: from what the configuration asks for, `usual`, to what
/// decides. Called for each kind of listener, at the start and at each reload, on the thread that
/// reads the configuration.
using custom_authentication = std::function<std::shared_ptr<const authenticator>(
  const config::server_options& options, std::shared_ptr<const authenticator> usual)>;

class node {
public:
  /// `hooks`: how the configuration is read again; without, a reload is refused.
  explicit node(config::server_options options, reload_hooks hooks = {});
  ~node();

  /// What the system account shows of the process around the node. Before `start`.
  void serve_system_account(system_hooks hooks);
  /// See `authenticator` (actors/auth/auth_core.hpp). Before `start`.
  void authenticate_by(custom_authentication custom);
  /// Starts listening. The error names what failed and what to do.
  result<void> start();
  /// Blocks until the node has stopped; returns the process's exit code. Once.
  int wait();
  /// After wait(): ends drivers and actor system. Threads that asked the node for snapshots must
  /// have ended before, or CAF waits for them.
  void finish();
  /// Any thread: as if the process had got this signal; 0 stops it without naming one.
  void signal(int number);

  /// Reads the configuration again, as SIGHUP does, and waits for the outcome. Not a reactor's or
  /// an actor's thread. The error's context says why nothing changed.
  result<void> reload();

  /// Those in force; a reload replaces them.
  std::shared_ptr<const config::server_options> options() const;
  const node_context& context() const;
  const std::string& server_id() const;
  /// Where clients connect, once started.
  uint16_t client_port() const;
  /// Where WebSocket clients connect; 0: nowhere.
  uint16_t websocket_port() const;
  unsigned reactors() const;
  unsigned active_drivers() const;

  /// For monitoring; any thread but a reactor's; each blocks at most some seconds.
  result<connections_report> connections(const connections_query& q);
  result<subs_report> subscriptions(const subs_query& q);
  /// With connections: the first 1,024 of each reactor.
  result<observe::actor_snapshot> actors(bool with_connections = false);
  /// What waits, by the names that the NATS server has for it.
  std::vector<observe::queue_snapshot> queues() const;

private:
  struct parts;
  std::unique_ptr<parts> p_;
};

} // namespace troupe
