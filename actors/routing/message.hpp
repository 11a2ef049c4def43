// A message on its way through this reactor, and who may receive or send it.
//
// Views only: subject, reply and payload live in the read block (or the batch) behind `owner`.
// Nothing here outlives the call it is passed to; a receiver that needs the payload longer copies
// it or takes a reference of `owner`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "actors/reactor/buffer.hpp"
#include "actors/routing/subscription.hpp"
#include "protocol/ids.hpp"

namespace troupe::routing {

class message_trace;
class untaken_watch;

/// Where a message came from, so that the producer can be held back.
struct producer_ref {
  reactor_index reactor = 0;
  client_id id{};
  friend bool operator==(const producer_ref&, const producer_ref&) = default;
};

struct message {
  std::string_view subject;
  std::string_view reply;
  /// Header block and body.
  std::string_view payload;
  /// Length of the header block at the front of `payload`, -1 for none.
  int32_t header_bytes = -1;
  /// The block that `payload` lives in; nullptr when it must be copied.
  buffer* owner = nullptr;
  producer_ref producer;
  /// The producer wants to hear when nobody took it (`exchange::untaken`).
  bool wants_untaken = false;
  /// It came into this account by a service import; stream imports do not hand it on.
  bool by_service = false;
  /// The same, where more than one party has to say so. Kept as `trace` is.
  untaken_watch* watch = nullptr;
  /// The publishing session when it lives on this reactor; for echo suppression.
  subscriber* origin = nullptr;
  /// Of a message that is traced. Kept by the publisher or by the batch that brought it.
  message_trace* trace = nullptr;
  /// Of one that came by a stream import: the filter that matched it where it was published.
  const std::string* traced_filter = nullptr;

  std::string_view headers() const {
    return payload.substr(0, header_bytes > 0 ? static_cast<size_t>(header_bytes) : 0);
  }
};

/// Whoever holds subscriptions: a client connection, later routes, streams, internal services.
struct subscriber {
  /// Takes one message for `sub`; false if it may not or cannot (no echo, closing). Must not
  /// change the shard: it is called in the middle of a match.
  virtual bool deliver(subscription& sub, const message& m) = 0;
  /// `sub` got its last message (auto-unsubscribe). The owner removes it now.
  virtual void expired(subscription& sub) = 0;
  /// Notes in `m.trace` what became of the message at `sub`; an empty reason: it was delivered.
  virtual void trace_egress(const subscription&, const message&, std::string_view) {}
  /// Its number in monitoring.
  virtual client_id id() const = 0;
  virtual connection_kind kind() const { return connection_kind::client; }

protected:
  ~subscriber() = default;
};

/// How much a service of another account may know of who asks.
struct requester_view {
  bool detailed = false;     // all that the node knows
  bool server = false;       // at least the server's name
  std::string_view service;  // the account through which the request came, if there is one
};

struct requester_text {
  std::string json;  // an object; empty: nothing is said
  std::chrono::nanoseconds rtt{};
};

/// A session that publishes: what holds it back, and who it is.
class producer {
public:
  /// For `Nats-Request-Info` and the latency of services.
  virtual requester_text describe_requester(const requester_view& how) const = 0;
  /// Stop reading from this producer's socket until the link to `target` has drained.
  virtual void pause_for_link(reactor_index target) = 0;

protected:
  ~producer() = default;
};

} // namespace troupe::routing
