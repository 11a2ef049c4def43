// What all reactors have to tell of connections and subscriptions, asked for slice by slice, so that no
// reactor is held up by a long list (report_slice in session_messages.hpp).
//
// Any thread that may wait: not a reactor's, not one of CAF's workers. An error (`unavailable`): a
// reactor did not answer in time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/session/session_messages.hpp"
#include "protocol/result.hpp"

namespace troupe {

/// How long one slice may take.
inline constexpr auto answer_within = std::chrono::seconds(5);

error no_answer(const caf::error& e, const caf::actor_system& sys);

struct connections_query {
  bool open = true;
  bool closed = false;
  bool subs = false;    // of the open ones; closed ones have theirs anyway
  uint64_t cid = 0;     // 0: all
  std::string account = {};  // empty: all
};
/// What is open is told as it was when it was looked at, within the call. A connection stands in one
/// of both lists: one that was closed meanwhile among the closed ones.
struct connections_report {
  std::vector<observe::connection_snapshot> open;
  std::vector<observe::connection_snapshot> closed;  // oldest first, reactor by reactor
};

/// `before`: the number of the first connection that does not count any more.
result<connections_report> gather_connections(caf::actor_system& sys,
                                              const std::vector<hub_handle>& hubs,
                                              const connections_query& q, uint64_t before);

/// For /actorz: the connections of each hub, but of none more than `most`.
result<std::vector<std::vector<observe::actor_snapshot>>> gather_actors(
  caf::actor_system& sys, const std::vector<hub_handle>& hubs, size_t most);

struct subs_query {
  subs_slice::wanted what = subs_slice::wanted::figures;
  std::vector<std::shared_ptr<routing::account>> accounts = {};
  std::string subject = {}, queue = {};  // as in subs_slice
};
/// The sums of all reactors; `figures` by account.
result<subs_report> gather_subscriptions(caf::actor_system& sys,
                                         const std::vector<hub_handle>& hubs, const subs_query& q);

} // namespace troupe
