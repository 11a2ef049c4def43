// Where the monitoring pages get their values: the node implements this.
//
// Methods are called on the threads that render pages, several at a time, and may block for a
// bounded time, e.g. while reactors answer a message. An error becomes status 503 with the context
// as text.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "protocol/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::http {

enum class connection_state : uint8_t { open, closed, any };

struct connections_request {
  connection_state state = connection_state::open;
  std::string account;    // empty: all. The source filters by it and tells whether it exists.
  bool want_subs = false; // fill connection_snapshot::subs
  uint64_t cid = 0;       // 0: all; else no other is needed
};

struct subs_request {
  std::string account; // empty: all
  bool want_subs = false;
};

/// What is wanted of the accounts in node_snapshot::accounts.
struct accounts_request {
  enum class depth : uint8_t { nothing, names, figures } what = depth::nothing;
  std::string account; // empty: all
};

struct health_request {
  bool js_enabled = false, js_enabled_only = false, js_server_only = false, js_meta_only = false;
  bool leaf_remotes_connected = false;
  std::string account, stream, consumer;
  bool details = false;
};

class monitor_source {
public:
  virtual ~monitor_source() = default;
  virtual result<observe::node_snapshot> node(const accounts_request& accounts = {}) = 0;
  virtual result<std::vector<observe::reactor_snapshot>> reactors() = 0;
  /// All connections of the wanted states; paging, sorting and other filters happen here in http/.
  virtual result<observe::connections_snapshot> connections(const connections_request& request) = 0;
  virtual result<observe::subs_snapshot> subscriptions(const subs_request& request) = 0;
  /// The tree of actors, with or without those of connections.
  virtual result<observe::actor_snapshot> actors(bool with_connections) = 0;
  /// Arguments have been checked already.
  virtual observe::health_snapshot health(const health_request& request) = 0;
};

} // namespace troupe::http
