// The subscriptions of one account on one reactor, as an actor: carries interest changes and
// delivery batches between the reactors, and the core's decisions to the connections here.
//
// Connections of the same reactor call it directly (they are pinned to the same reactor); shards
// of other reactors send it messages. Interest leaves before deliveries, and both before any
// socket of this turn is flushed: see the causality rule in reactor.hpp.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "actors/observe/counters.hpp"
#include "actors/observe/snapshots.hpp"
#include "actors/reactor/driver_pool.hpp"
#include "actors/reactor/pinned_actor.hpp"
#include "actors/reactor/restart_budget.hpp"
#include "actors/routing/delivery_batch.hpp"
#include "actors/routing/message.hpp"
#include "actors/routing/shard_core.hpp"

namespace troupe::routing {

class exchange;
struct account_links;
struct request_chain;

struct interest_batch {
  reactor_index from;
  std::vector<interest_change> changes;
  bool whole = false;  // all there is: what was said before does not count
};
/// A shard could not take over what another said: it wants all of it again.
struct interest_wanted {
  reactor_index by;
};
struct shard_peers;

// Node-local payloads: they share memory and never leave the process.
using interest_batch_ptr = std::shared_ptr<const interest_batch>;
using delivery_batch_ptr = std::shared_ptr<delivery_batch>;
using shard_peers_ptr = std::shared_ptr<const shard_peers>;

using shard_handle = caf::typed_actor<
  // The shards of this account on all reactors, by reactor index.
  caf::reacts_to<shard_peers_ptr>,
  // Another reactor's interest began, ended or changed its weight.
  caf::reacts_to<interest_batch_ptr>,
  caf::reacts_to<interest_wanted>,
  // Messages for subscribers here.
  caf::reacts_to<delivery_batch_ptr>>;

struct shard_peers {
  std::vector<shard_handle> shards;
};

} // namespace troupe::routing

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::interest_batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::interest_wanted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::delivery_batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::shard_peers_ptr)

namespace troupe::routing {

/// What the shards of one account share: read by all, counters written by relaxed stores.
struct account_info {
  std::string name;
  bool is_system = false;
};

class shard_actor final : public pinned<shard_handle::base>, public turn_hook {
public:
  shard_actor(caf::actor_config& cfg, std::shared_ptr<const account_info> account,
              std::shared_ptr<observe::reactor_counters> counters, bool use_cache);

  const char* name() const override { return "shard"; }

  /// Before anybody else knows it: the account's shards on all reactors.
  void introduce(shard_peers_ptr peers) { peers_ = std::move(peers); }
  /// What the account imports and maps from now on, and what carries its requests to others.
  void use(exchange* requests, std::shared_ptr<const account_links> links) {
    exchange_ = requests;
    links_ = std::move(links);
  }
  const std::shared_ptr<const account_links>& links() const { return links_; }

  // -- called by sessions of this reactor --------------------------------------------------------

  const account_info& account() const { return *account_; }
  subscription* subscribe(subscriber* owner, std::string_view subject, std::string_view queue,
                          std::string_view sid);
  void unsubscribe(subscription* sub);
  void unsubscribe_all(std::span<subscription* const> subs);
  /// Routes one message; whether anyone was there to take it. `from` is held back when a link to
  /// another reactor is full; nullptr: a publisher inside the node, whom nothing holds back.
  /// `chain`: the service imports through which it came.
  bool publish(const message& m, producer* from, const request_chain* chain = nullptr);
  /// Where the account's mappings send a subject; nothing: it stays. Empty: to nowhere.
  std::optional<std::string> map(std::string_view subject);
  /// The subscription got its last message outside of a match of this shard: its owner hears of it
  /// at the end of the turn, if it is still there.
  void expire_later(subscription& sub);
  /// The publisher, or a batch, is done with a traced message.
  void end_trace(message_trace& trace);
  shard_core& core() { return core_; }
  const shard_core& core() const { return core_; }
  /// Written on this reactor, read on any thread.
  observe::account_traffic& traffic() { return traffic_; }
  const observe::account_traffic& traffic() const { return traffic_; }

  /// Sends what this turn gathered. Interest first.
  void at_turn_end() override;

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  using producer_list = std::vector<producer*>;

  bool deliver_plain(const match_result& r, const message& m);
  bool deliver_queue(const queue_match& q, const message& m, uint8_t hops);
  bool deliver_to_member(const queue_match& q, const message& m, uint64_t start);
  bool deliver_one(subscription& sub, const message& m);
  void publish_at_turn_end();
  void publish_gathered();
  void remove_expired();
  void forget_expired(const subscription* sub);
  bool publish_to_services(const message& m, uint64_t plain_targets, bool delivered, producer* from,
                           const request_chain* chain);
  bool serve(const message& m, producer* from, const request_chain* chain);

  void note_remote_queue(reactor_index target, std::string_view queue, uint8_t hops);
  void forward(const message& m, uint64_t plain_targets, producer* from, bool taken);
  delivery_batch& batch_for(reactor_index target);
  void take_interest(const interest_batch& batch);
  void send_all_interest(reactor_index to);
  void take_batch(delivery_batch& batch);
  void take_message(const message& m, const remote_delivery& how);
  void forget_queue_targets();
  std::string label() const;
  bool take_queues(const message& m, const match_result& r, const remote_delivery& how);
  void settle_link(const delivery_batch& batch);
  void send_batch(reactor_index target);

  shard_core core_;
  std::shared_ptr<const account_info> account_;
  std::shared_ptr<observe::reactor_counters> counters_;
  observe::account_traffic traffic_;
  shard_peers_ptr peers_;
  caf::strong_actor_ptr until_published_;  // itself, while the reactor has it among its hooks
  std::shared_ptr<const account_links> links_;
  exchange* exchange_ = nullptr;
  std::vector<delivery_batch_ptr> outgoing_;   // by target reactor
  std::vector<producer_list> contributors_;    // who filled each of them
  std::vector<remote_delivery> queue_targets_; // scratch of one publish, by reactor
  uint64_t queue_target_set_ = 0;
  std::vector<subscription*> expired_;
  uint64_t random_;
  restart_budget interest_budget_;  // how often it may ask for a peer's interest anew
};

} // namespace troupe::routing
