// What the sessions of a node share: its rules, its identity and its counters.
//
// `node_policy` is what a configuration decides: immutable, replaced whole by a reload, which sends
// the new one to every hub. `node_context` is what lives as long as the node: built before the first
// reactor runs; afterwards read by all, written only through atomics and `publish`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/auth/auth_core.hpp"
#include "actors/observe/counters.hpp"
#include "actors/observe/snapshots.hpp"
#include "actors/reactor/peer_verifier.hpp"
#include "actors/reactor/tls_context.hpp"
#include "actors/routing/account.hpp"
#include "actors/session/session_events.hpp"
#include "actors/session/session_settings.hpp"
#include "actors/session/websocket_policy.hpp"
#include "config/trace_filter.hpp"
#include "protocol/client/connect.hpp"

namespace troupe {

class staple_watch;

struct node_policy {
  std::shared_ptr<const config::server_options> options;
  server_info info;  // what every INFO has in common
  session_settings settings;
  config::trace_filter traced;  // connections traced although the node is not
  std::shared_ptr<const authenticator> auth;
  tls_context_ptr tls;         // of clients; nullptr: they come without
  std::shared_ptr<const websocket_policy> websocket;  // nullptr: no such listener
  tls_context_ptr monitor_tls;  // of HTTPS for the monitoring pages; nullptr: they have none
  std::shared_ptr<staple_watch> staples;  // of the certificates above; nullptr: none is stapled
  std::shared_ptr<peer_verifier> peers;   // whom tls blocks with ocsp_peer ask about clients
  std::string system_account;  // empty: there is none
  int64_t max_connections = default_max_connections;  // 0 or less: nobody
  observe::wall_time loaded = observe::wall_now();    // when its configuration was read

  /// Whether some block has clients' certificates checked by OCSP.
  bool judges_peers() const {
    return (tls && tls->judges_peers()) || (websocket && websocket->tls && websocket->tls->judges_peers());
  }

  // What depends on where a client came in.
  const websocket_policy* for_websocket(listener_kind kind) const {
    return kind == listener_kind::websocket ? websocket.get() : nullptr;
  }
  const session_settings& settings_of(listener_kind kind) const {
    const websocket_policy* own = for_websocket(kind);
    return own ? own->settings : settings;
  }
  const authenticator& auth_of(listener_kind kind) const {
    const websocket_policy* own = for_websocket(kind);
    return own ? *own->auth : *auth;
  }
  const server_info& info_of(listener_kind kind) const {
    const websocket_policy* own = for_websocket(kind);
    return own ? own->info : info;
  }
};
using node_policy_ptr = std::shared_ptr<const node_policy>;

struct node_context {
  std::vector<std::shared_ptr<observe::reactor_counters>> counters;  // by reactor

  std::shared_ptr<routing::account_directory> accounts;
  /// Who hears of sessions; nullptr without a system account.
  std::shared_ptr<session_events> events;

  std::atomic<uint64_t> next_client_id{1};
  std::atomic<int64_t> open_clients{0};  // every socket of a client
  std::atomic<int64_t> sessions{0};  // without WebSocket connections that are not upgraded yet
  std::atomic<bool> lame_duck{false};
  uint64_t closed_kept = max_closed_clients_kept;  // of the whole node
  std::atomic<uint64_t> closed{0};  // sessions that ended so far

  /// The policy in force. Any thread; sessions ask their hub instead, which has it at hand.
  node_policy_ptr policy() const {
    std::lock_guard lock(mutex_);
    return policy_;
  }
  void publish(node_policy_ptr policy) {
    std::lock_guard lock(mutex_);
    policy_ = std::move(policy);
  }

private:
  mutable std::mutex mutex_;
  node_policy_ptr policy_ = std::make_shared<node_policy>();
};

} // namespace troupe
