// What a user may publish and subscribe to.
//
// permission_set is the user's rules, compiled once and shared by all of the user's sessions.
// permission_state is what one session adds: the answers it got lately, and the reply subjects it
// may answer to. A session whose user has no permissions needs neither.
//
// Pure: time is an argument, from one steady clock. Memory of a state: nothing to speak of until
// asked, then at most 128 remembered subjects each way and `reply_budget_bytes` of reply subjects.
// Thread: permission_set any, permission_state its session's.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/security_options.hpp"
#include "protocol/subject/filter_set.hpp"

namespace troupe {

class permission_set {
public:
  /// Rules that are no valid subject are left out; a list of nothing else then allows nothing.
  static std::shared_ptr<const permission_set> make(const config::permissions& rules);

  /// By the rules alone: deny wins, no allow list allows the rest.
  bool publishes(std::string_view subject) const;

  /// A wildcard subscription must lie within one allowed filter and not within a denied one; where
  /// it merely overlaps what is denied, messages are filtered one by one.
  ///
  /// As in the Go server a rule "foo q" speaks of subscriptions with a queue only, and where such
  /// rules match the subject the queue has to be one of theirs even if plain "foo" is allowed.
  /// Unlike there, an allowed "foo.*" does not admit "foo.>".
  bool subscribes(std::string_view subject, std::string_view queue) const;

  /// Whether messages to this subscription (which is allowed) have to pass `delivers`.
  bool needs_delivery_filter(std::string_view subject, std::string_view queue) const;
  bool delivers(std::string_view subject, std::string_view queue) const;

  bool restricts_publish() const { return publish_allow_ || !publish_deny_.empty(); }
  const std::optional<config::response_permission>& responses() const { return responses_; }
  /// Whether `delivers` depends on the queue.
  bool denies_queues() const { return subscribe_deny_.has_queues(); }

private:
  struct deny_rule {
    std::string subject;
    std::string queue;
  };

  std::optional<filter_set> publish_allow_;
  filter_set publish_deny_;
  std::optional<filter_set> subscribe_allow_;
  filter_set subscribe_deny_;
  std::vector<deny_rule> subscribe_deny_list_;
  std::optional<config::response_permission> responses_;
};

/// Remembers a yes or no for up to 128 subjects; forgets at random what it has no room for. Costs
/// one hash look-up, none for the subject asked last. Long subjects are not remembered.
class verdict_cache {
public:
  static constexpr size_t entries_max = 128;
  static constexpr size_t subject_bytes_max = 256;

  std::optional<bool> find(std::string_view subject);
  /// To be called after find() of the same subject said nothing.
  void put(std::string_view subject, bool verdict);
  size_t size() const;

private:
  static constexpr size_t ways = 4;
  struct entry {
    std::string subject;
    uint32_t hash = 0;
    bool used = false;
    bool verdict = false;
  };

  entry* set_of(uint32_t hash) { return &entries_[hash % (entries_.size() / ways) * ways]; }

  std::vector<entry> entries_; // sets of `ways` neighbours
  size_t last_ = 0;            // the entry found last
  uint32_t next_victim_ = 0;
};

class permission_state {
public:
  using nanoseconds = std::chrono::nanoseconds;
  /// Bound of the reply subjects that a responder has yet to answer, counted with what keeping one
  /// costs beside its text; the oldest go first.
  static constexpr size_t reply_budget_bytes = size_t{32} * 1024 * 1024;
  static constexpr size_t reply_overhead_bytes = 160;

  explicit permission_state(std::shared_ptr<const permission_set> rules)
      : rules_(std::move(rules)) {}

  const permission_set& rules() const { return *rules_; }

  /// Counts as one of the responses if that is what makes it allowed.
  bool may_publish(std::string_view subject, nanoseconds now);
  bool may_subscribe(std::string_view subject, std::string_view queue) const {
    return rules_->subscribes(subject, queue);
  }
  bool needs_delivery_filter(std::string_view subject, std::string_view queue) const {
    return rules_->needs_delivery_filter(subject, queue);
  }
  /// For subscriptions that need the filter; false also makes a queue group pick another member.
  bool may_deliver(std::string_view subject, std::string_view queue);

  /// Whether on_delivered() wants to hear of messages with a reply subject.
  bool tracks_replies() const { return rules_->responses().has_value(); }
  /// A message with this reply subject was handed to the session.
  void on_delivered(std::string_view reply, nanoseconds now);
  size_t tracked_replies() const { return replies_ ? replies_->order.size() : 0; }
  /// The session's rules before these: what it may still answer stays so, if the rule for that is the same.
  void keep_replies_of(permission_state& before) {
    if (rules_->responses() == before.rules_->responses()) replies_ = std::move(before.replies_);
  }

private:
  struct grant {
    std::string reply;
    nanoseconds at;
    int64_t used = 0;
  };
  /// All grants live equally long, so that the order of arrival is that of expiry.
  struct reply_table {
    std::list<grant> order;
    std::unordered_map<std::string_view, std::list<grant>::iterator> by_reply;
    size_t bytes = 0;

    void erase(std::list<grant>::iterator it);
  };

  bool use_grant(std::string_view subject, nanoseconds now);
  void expire(nanoseconds now);

  std::shared_ptr<const permission_set> rules_;
  verdict_cache published_;
  std::unique_ptr<verdict_cache> delivered_;
  std::unique_ptr<reply_table> replies_;
};

} // namespace troupe
