// Who hears of sessions that come and go: the system account. A pointer to it stands in
// node_context and is null where there is none.
//
// Thread: the reactor of the session. Calls come from a session's turn, never from a match, so that
// what hears them may publish.
#pragma once

#include "actors/observe/snapshots.hpp"
#include "actors/reactor/peer_verifier.hpp"
#include "actors/routing/account.hpp"
#include "protocol/client/error_text.hpp"

namespace troupe {

class session_events {
public:
  virtual ~session_events() = default;
  /// A login was accepted.
  virtual void connected(const observe::connection_snapshot& client) = 0;
  /// A connection has ended; its reason stands in the snapshot.
  virtual void disconnected(const observe::connection_snapshot& client) = 0;
  /// A login was refused. `account`: whose owner hears it too, and why; mostly where the session stood then.
  virtual void refused(const observe::connection_snapshot& client, closed_reason reason,
                       routing::account& account, std::string_view why) = 0;
  /// A certificate of a client's chain has been revoked, or nobody says that it has not.
  virtual void peer_link_invalid(const peer_verdict& verdict) = 0;
  /// A client's handshake was refused for that.
  virtual void peer_rejected(const peer_verdict& verdict) = 0;
  /// Tells what there is to tell of a verdict.
  void peer_judged(const peer_verdict& verdict) {
    if (verdict.bad_link) peer_link_invalid(verdict);
    if (!verdict.good) peer_rejected(verdict);
  }
  /// Any thread: what was found about a client that is none of the hubs'.
  virtual void peer_judged_elsewhere(peer_verdict_ptr verdict) = 0;
  /// An account has a connection more or less.
  virtual void account_changed(routing::account& account) = 0;
};

} // namespace troupe
