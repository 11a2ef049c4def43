// What a session's subscriptions reach in other accounts, by stream imports of its own: for each
// such import, a subscription in the exporting account that hands what it gets to the session.
//
// Thread: the session's reactor. Only sessions whose account imports streams have one.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/routing/account.hpp"
#include "actors/routing/message.hpp"

namespace troupe {

/// The session, as the shadows see it.
struct shadowed_session {
  routing::subscriber* subscriber = nullptr;
  routing::shard_actor* shard = nullptr;  // of its account
  reactor_index reactor = 0;
};

class shadow_subscriptions {
public:
  shadow_subscriptions();
  ~shadow_subscriptions();
  shadow_subscriptions(const shadow_subscriptions&) = delete;
  shadow_subscriptions& operator=(const shadow_subscriptions&) = delete;

  /// Doubles `primary`, a subscription of the session to `filter`, wherever imports reach.
  void add(const shadowed_session& session, routing::subscription& primary, std::string_view filter,
           std::string_view queue);
  /// To be called before the session gives `primary` back.
  void remove(const routing::subscription& primary);

private:
  class shadow;

  std::unordered_map<const routing::subscription*, std::vector<std::unique_ptr<shadow>>> shadows_;
};

} // namespace troupe
