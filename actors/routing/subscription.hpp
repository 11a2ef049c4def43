// The values that routing hands to its users: a subscription, the result of a match and the change
// of interest that reactors tell each other.
//
// Place in the flow: session -> shard_core -> match_result -> delivery. Owned by one reactor; no
// object here is shared between threads except interest_change, which is copied in messages.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "protocol/ids.hpp"

namespace troupe::routing {

class subject_index;

/// Whoever receives the messages of a subscription. Opaque here: only the pointer travels.
struct subscriber;

/// One SUB of one local holder. Lives at a stable address from subscribe() to unsubscribe(), and
/// only subject_index makes or frees it. The public members belong to the session.
struct subscription {
  subscriber* owner = nullptr;
  /// Messages delivered so far.
  uint64_t delivered = 0;
  /// Auto-unsubscribe bound in messages; 0 = none.
  uint64_t max = 0;

  /// The holder's name for it, as sent. Text up to 15 bytes is stored inline.
  std::string_view sid() const {
    if (sid_bytes_ <= inline_sid_bytes) return {sid_text_, sid_bytes_};
    return {long_sid() + sizeof(uint32_t), long_sid_bytes()};
  }
  bool in_queue() const { return in_queue_ != 0; }

  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;

private:
  friend class subject_index;
  template <class>
  friend class slab;

  static constexpr uint8_t inline_sid_bytes = 15;
  static constexpr uint8_t heap_sid = 0xff;

  subscription(subscriber* holder, std::string_view sid);
  ~subscription();

  // A long sid is one heap block: its length (uint32_t), then its text.
  const char* long_sid() const {
    const char* p;
    std::memcpy(&p, sid_text_, sizeof p);
    return p;
  }
  uint32_t long_sid_bytes() const {
    uint32_t n;
    std::memcpy(&n, long_sid(), sizeof n);
    return n;
  }

  uint32_t id_ = 0;        // own place in the slab
  uint32_t node_ : 31 = 0; // the filter's node
  uint32_t in_queue_ : 1 = 0;
  // Plain: neighbours in the node's list, whose last has no next and whose first has the last as
  // prev. Queue: prev_ is the place among the members and next_ the group.
  uint32_t prev_ = 0;
  uint32_t next_ = 0;
  char sid_text_[inline_sid_bytes];
  uint8_t sid_bytes_ = 0;
};
static_assert(sizeof(subscription) <= 56);

/// How many members of a queue group another reactor has.
struct remote_weight {
  reactor_index reactor = 0;
  uint32_t weight = 0;

  friend bool operator==(const remote_weight&, const remote_weight&) = default;
};

/// One queue group that wants the message: exactly one member of it, here or elsewhere, gets it.
/// Groups of the same name under different matching filters are one group (as in Go's sublist).
struct queue_match {
  std::string_view name;
  std::span<subscription* const> members; // local, may be empty
  std::span<const remote_weight> remote;  // other reactors, weight > 0, at most one entry each
  uint64_t local_weight = 0;              // members.size()
  uint64_t total_weight = 0;              // local and remote
};

/// Who wants a message.
struct match_result {
  std::span<subscription* const> plain; // local subscriptions outside queue groups
  std::span<const queue_match> queues;
  uint64_t remote_plain = 0; // bit r: reactor r has plain interest

  bool empty() const { return plain.empty() && queues.empty() && remote_plain == 0; }
};

/// What peers must learn about a filter, and the form in which shards tell each other. The weight
/// is absolute, so that applying a change twice does no harm.
struct interest_change {
  std::string subject;
  std::string queue;   // empty = plain
  uint32_t weight = 0; // plain: 1 begins, 0 ends. Queue: number of members now, 0 ends

  friend bool operator==(const interest_change&, const interest_change&) = default;
};

} // namespace troupe::routing
