// What the sessions of a node share: its identity, its rules, its accounts and its counters.
// Built before the first reactor runs; afterwards read by all, written only through atomics.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/auth/auth_core.hpp"
#include "actors/observe/counters.hpp"
#include "actors/session/session_settings.hpp"
#include "protocol/client/connect.hpp"

namespace troupe {

struct node_context {
  server_info info;  // what every INFO has in common
  std::string system_account;
  session_settings settings;
  std::unique_ptr<const authenticator> auth;
  std::vector<std::shared_ptr<observe::reactor_counters>> counters;  // by reactor

  std::atomic<uint64_t> next_client_id{1};
  std::atomic<int64_t> open_clients{0};
  std::atomic<bool> lame_duck{false};
  int64_t max_connections = default_max_connections;
  size_t closed_kept_per_reactor = max_closed_clients_kept;
};

} // namespace troupe
