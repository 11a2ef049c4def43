// The JSON of the system account: who speaks, replies and events, member for member as the NATS
// server writes them.
//
// Pure: ids, times and sequence numbers are arguments. Source of names and order: Go server events.go.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "actors/observe/snapshots.hpp"
#include "actors/reactor/peer_verifier.hpp"
#include "actors/system/system_request.hpp"
#include "config/options.hpp"
#include "protocol/json/writer.hpp"

namespace troupe {

using observe::wall_time;

inline constexpr std::string_view client_connect_type = "io.nats.server.advisory.v1.client_connect";
inline constexpr std::string_view client_disconnect_type =
  "io.nats.server.advisory.v1.client_disconnect";
inline constexpr std::string_view account_connections_type =
  "io.nats.server.advisory.v1.account_connections";

/// The server as each of its messages introduces it.
struct server_card {
  server_identity is;
  std::string id;
  std::string version;
  std::map<std::string, std::string> metadata;
  std::map<std::string, bool> feature_flags;
};

/// What makes one message differ from the next.
struct message_mark {
  uint64_t seq = 0;
  wall_time at{};
};
struct event_mark {
  std::string id;
  wall_time at{};
};

std::string server_info_json(const server_card& server, const message_mark& mark);
/// The reply to IDZ.
std::string server_id_json(const server_card& server);

/// A reply: `data` is a document that is valid JSON, empty for none.
std::string reply_json(const server_card& server, const message_mark& mark, std::string_view data);
/// A reply that tells of a failure; pages that fail have a null for their data.
std::string refusal_json(const server_card& server, const message_mark& mark, int code,
                         std::string_view description, bool null_data = false);

/// How a change of an account's JWT ended; `failure` empty: well.
std::string claims_update_json(const server_card& server, const message_mark& mark,
                               std::string_view account, std::string_view message,
                               std::string_view failure);
/// The accounts that a resolver keeps.
std::string claims_list_json(const server_card& server, const message_mark& mark,
                             const std::vector<std::string>& accounts);

/// Connect and disconnect events. A refused login is a disconnect with another subject.
std::string connect_json(const server_card& server, const message_mark& mark, const event_mark& event,
                         const observe::connection_snapshot& client);
std::string disconnect_json(const server_card& server, const message_mark& mark,
                            const event_mark& event, const observe::connection_snapshot& client,
                            std::string_view reason);

/// OCSP and clients: a certificate that is not good, and a handshake refused for it.
std::string peer_link_invalid_json(const server_card& server, const message_mark& mark,
                                   const event_mark& event, const peer_verdict& verdict);
std::string peer_rejected_json(const server_card& server, const message_mark& mark,
                               const event_mark& event, const peer_verdict& verdict);

/// Connections and traffic of an account.
std::string account_connections_json(const server_card& server, const message_mark& mark,
                                     const event_mark& event, const observe::account_snapshot& account);
/// The data of a STATZ reply.
std::string account_statz_json(const server_card& server, wall_time now,
                               const std::vector<observe::account_snapshot>& accounts);

/// The data of a PROFILEZ reply; an error goes without bytes.
std::string profile_json(std::string_view bytes, std::string_view error);

struct server_stats {
  wall_time start{};
  int64_t memory_bytes = 0;
  double cpu_percent = 0;
  int cores = 0, drivers = 0;
  int64_t active_accounts = 0;
  int64_t active_servers = 1;
  observe::reactor_snapshot traffic;  // of all reactors
};
std::string statsz_json(const server_card& server, const message_mark& mark, const server_stats& stats);

/// What a user may know of itself.
struct user_info {
  std::string user, account, account_name, user_name;
  const config::permissions* permissions = nullptr;
  int64_t expires_in_s = 0;  // 0: never
};
std::string user_info_json(const user_info& info);

} // namespace troupe
