// A subscriber and publisher inside the node: how the node's own services (the system account, auth
// callout, resolvers, tracing) take part in the traffic of accounts.
//
// An actor pinned to one reactor. What it subscribes to is copied into a bounded queue when it is
// delivered, for a match must not change its shard, and handed to the handlers in a resume of their
// own, where they may publish, subscribe and unsubscribe. What does not fit into the queue is
// dropped, counted and logged. It never hears its own messages.
//
// Thread: all members on its reactor, in a resume of an actor or a timer there, never in a delivery;
// from elsewhere through `run_on`. Its accounts' shards must not end before it.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "actors/reactor/pinned_actor.hpp"
#include "actors/routing/account.hpp"
#include "actors/routing/message.hpp"
#include "protocol/nuid.hpp"

namespace troupe::routing {

class internal_client;

/// Messages wait: the handlers are to be called.
struct internal_wake {};
/// Work for an internal client, to be done on its reactor.
using internal_task = std::function<void(internal_client&)>;
using internal_task_ptr = std::shared_ptr<const internal_task>;

using internal_handle =
  caf::typed_actor<caf::reacts_to<internal_wake>, caf::reacts_to<internal_task_ptr>>;

/// What an internal client may hold at most.
struct internal_bounds {
  size_t waiting_messages = 64 * 1024;
  size_t waiting_bytes = 64 * 1024 * 1024;  // subjects, replies and payloads
  size_t subscriptions = 64 * 1024;
  size_t requests = 16 * 1024;  // without an answer yet
};

/// A message as a handler gets it. Belongs to the client; valid during the call.
struct internal_message {
  std::string subject;
  std::string reply;    // empty: nobody waits for an answer
  std::string payload;  // header block and body
  size_t header_bytes = 0;
  account_ptr account;
  producer_ref producer{};

  std::string_view headers() const { return std::string_view(payload).substr(0, header_bytes); }
  std::string_view body() const { return std::string_view(payload).substr(header_bytes); }
};

/// A message to publish; views are used during the call only.
struct internal_publish {
  std::string_view subject;
  std::string_view reply;
  std::string_view headers;  // a whole header block (protocol/headers.hpp), empty: none
  std::string_view body;
};

class internal_client final : public pinned<internal_handle::base>, public subscriber {
public:
  using handler = std::function<void(const internal_message&)>;
  /// nullptr: nobody answered in time.
  using answer_handler = std::function<void(const internal_message*)>;

  /// `name` is for the log and /actorz; `id` is the number shown in monitoring.
  internal_client(caf::actor_config& cfg, std::string name, client_id id,
                  internal_bounds bounds = {});
  ~internal_client() override;

  const char* name() const override { return name_.c_str(); }

  /// Calls `on_message` for what comes in on the filter; 0 if that is no filter, or there are too
  /// many. The number is for `unsubscribe`.
  uint64_t subscribe(const account_ptr& to, std::string_view filter, std::string_view queue,
                     handler on_message);
  /// No handler of it is called any more, not even for what waits.
  void unsubscribe(uint64_t number);

  /// Whether anyone was there to take it.
  bool publish(account& to, const internal_publish& m);

  /// Publishes with a reply subject of its own and calls `on_answer` once, with the first answer or
  /// with nullptr after `within`. False: nobody listens, or too many wait; it is not called then.
  bool request(const account_ptr& to, const internal_publish& m, nanos within,
               answer_handler on_answer);

  /// Ends all subscriptions and requests: for an owner that ends before the accounts' shards do.
  void forget();

  uint64_t dropped() const { return dropped_; }
  size_t waiting() const { return queue_.size(); }
  reactor& place() const { return home(); }

  // subscriber
  bool deliver(subscription& sub, const message& m) override;
  void expired(subscription& sub) override;
  client_id id() const override { return id_; }
  connection_kind kind() const override { return connection_kind::system; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  struct entry {
    account_ptr account;
    subscription* sub = nullptr;
    std::shared_ptr<const handler> on_message;
  };
  struct waiting_message {
    uint64_t number;  // of the subscription
    internal_message message;
  };
  struct pending_request {
    answer_handler on_answer;
    std::multimap<nanos, uint64_t>::iterator deadline;
  };

  void wake();
  void hand_out();
  template <class F>
  void guarded(F&& call);
  bool open_inbox(const account_ptr& of);
  void on_answer(const internal_message& m);
  void on_late(nanos now);
  void arm();
  static void late_timer_fired(void* self, nanos now);

  std::string name_;
  client_id id_;
  internal_bounds bounds_;
  std::unordered_map<uint64_t, entry> entries_;
  uint64_t last_number_ = 0;
  std::deque<waiting_message> queue_;
  size_t queued_bytes_ = 0;
  uint64_t dropped_ = 0;
  bool awake_ = false;     // an internal_wake is under way
  bool dropping_ = false;  // said so; until the queue is empty again

  std::string inbox_;  // "$SYS._INBOX.<unique>.", answers to request n come to inbox_ + n
  std::unordered_map<std::string, uint64_t> inboxes_;  // account -> subscription
  std::unordered_map<uint64_t, pending_request> requests_;
  std::multimap<nanos, uint64_t> deadlines_;
  uint64_t last_request_ = 0;
  timer late_timer_;
  std::string scratch_;
};

/// Any thread: does `task` on the client's reactor, if the client is still there.
void run_on(const internal_handle& client, internal_task task);

/// An internal client on `home`, and its address for direct calls on that reactor.
struct spawned_internal_client {
  internal_handle handle;
  internal_client* direct;
};
spawned_internal_client spawn_internal_client(reactor& home, std::string name, client_id id,
                                              internal_bounds bounds = {});

} // namespace troupe::routing

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::internal_wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::routing::internal_task_ptr)
