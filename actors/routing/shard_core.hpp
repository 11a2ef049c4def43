// One account's subscriptions on one reactor, and what it knows of the other reactors' interest.
//
// Place in the flow: session (SUB, UNSUB, PUB) -> shard_core -> delivery. The shard actor carries
// interest changes to its peers. Pure: no CAF, no clock, no socket. Owned by one reactor; no call
// here may come from another thread.
//
// Parts: subject_index (the trie of filters), match_cache (results by literal subject),
// interest_watch (callbacks when interest in a literal subject begins or ends).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/routing/interest_watch.hpp"
#include "actors/routing/match_cache.hpp"
#include "actors/routing/result_builder.hpp"
#include "actors/routing/subject_index.hpp"
#include "actors/routing/subscription.hpp"
#include "protocol/ids.hpp"

namespace troupe::routing {

struct shard_options {
  /// Off with `disable_sublist_cache`.
  bool cache = true;
  /// False when there is no other reactor: then no interest change is recorded.
  bool has_peers = true;
  /// Makes the hash tables unpredictable for clients. Does not change the order of any result.
  uint64_t hash_seed = 0x9e3779b97f4a7c15;
};

/// Figures as the Go server's SublistStats. Fan-out is that of the cached results, and counts a
/// queue group as one.
struct shard_stats {
  size_t num_subs = 0;
  size_t num_cache = 0;
  uint64_t num_inserts = 0;
  uint64_t num_removes = 0;
  uint64_t num_matches = 0;
  uint64_t cache_hits = 0;
  double cache_hit_rate = 0; // 0..1
  size_t max_fanout = 0;
  uint64_t total_fanout = 0; // to merge the figures of several shards
  double avg_fanout = 0;
};

class shard_core {
public:
  using stats = shard_stats;

  explicit shard_core(reactor_index self, bool cache = true)
      : shard_core(self, shard_options{.cache = cache}) {}
  shard_core(reactor_index self, const shard_options& options);
  ~shard_core();
  shard_core(const shard_core&) = delete;
  shard_core& operator=(const shard_core&) = delete;

  // --- local subscriptions -----------------------------------------------------------------

  /// Adds a subscription; nullptr if the subject is no valid filter (empty token, '>' not last) or
  /// longer than 65535 bytes. The texts are copied.
  subscription* subscribe(subscriber* owner, std::string_view subject, std::string_view queue,
                          std::string_view sid);
  /// Removes it; the pointer is dead afterwards.
  void unsubscribe(subscription* sub);
  /// Removes many (a connection that closes) at a lower cost each. No pointer twice.
  void unsubscribe_all(std::span<subscription* const> subs);

  // --- interest of peers -------------------------------------------------------------------

  /// Takes over what the reactor `from` said about its interest. Ignores itself as a peer.
  void apply(reactor_index from, const interest_change& change) {
    apply(from, change.subject, change.queue, change.weight);
  }
  void apply(reactor_index from, std::string_view subject, std::string_view queue, uint32_t weight);
  /// A peer's shard restarted: drops all that it said.
  void forget(reactor_index from);

  bool has_interest_changes() const { return index_.has_changes(); }
  /// What peers must learn since the last call, at most `at_most` of it, in the order in which each
  /// (subject, queue) first changed. What began and ended in between is not there.
  /// Must be called now and then when has_peers is true: filters wait for it before they are freed.
  std::vector<interest_change> take_interest_changes(size_t at_most = SIZE_MAX);
  /// The same without building strings: visit(subject, queue, weight), texts valid in the call.
  template <class F>
  void visit_interest_changes(F&& visit, size_t at_most = SIZE_MAX) {
    index_.take_changes(at_most, visit);
  }
  /// All that a restarted peer must learn at once: what the other peers were told so far. Changes
  /// not taken yet are left out, since they follow for all peers with take_interest_changes().
  std::vector<interest_change> all_local_interest() const;

  // --- matching ----------------------------------------------------------------------------

  /// Who wants a message published to `subject`. Wildcard characters in it are plain text; a
  /// subject with an empty token matches nothing. The result is valid while epoch() is unchanged.
  const match_result& match(std::string_view subject) {
    ++matches_;
    if (last_epoch_ == epoch_ && same_subject(subject, last_subject_)) return *last_result_;
    return match_other(subject);
  }
  /// Changes with every mutation of the shard, and when the memory of an old result may be used
  /// again (once in 64 results that were not in the cache). Never 0.
  uint64_t epoch() const { return epoch_; }

  /// Whether anyone, local or remote, wants `subject`.
  bool has_interest(std::string_view subject) const;
  /// {plain, queue}: local subscriptions and, for plain, remote reactors (at most one each); for
  /// queues, members everywhere.
  std::pair<size_t, size_t> num_interest(std::string_view subject) const;
  /// Visits every local subscription whose filter could match a subject that `pattern` matches
  /// too: visit(subscription&). The visitor must not change the shard.
  template <class F>
  void reverse_match(std::string_view pattern, F&& visit) const {
    index_.visit_overlapping(pattern, visit);
  }

  // --- looking at subscriptions ------------------------------------------------------------

  /// Visits every local subscription: visit(subscription&, std::string_view subject). The visitor
  /// must not change the shard.
  template <class F>
  void for_each(F&& visit) const {
    index_.visit_all(visit);
  }
  /// The same for at most `at_most` of them; returns where to go on, 0 if there are no more. Begins with
  /// 0. Subscriptions may come and go between calls: those that stay are visited once.
  template <class F>
  uint32_t visit_some(uint32_t from, size_t at_most, F&& visit) const {
    return index_.visit_some(from, at_most, visit);
  }
  void subject_of(const subscription& sub, std::string& out) const { index_.subject_of(sub, out); }
  std::string_view queue_of(const subscription& sub) const { return index_.queue_of(sub); }

  // --- notifications -----------------------------------------------------------------------

  /// Calls `notify` at once with whether there is interest, local or remote, in exactly the literal
  /// (subject, queue), and then whenever that changes. Wildcard filters do not count. Returns an id
  /// for clear_notification, 0 if the subject has wildcards or `notify` is empty. The callback
  /// comes after the change is complete and may use the shard.
  uint64_t register_notification(std::string_view subject, std::string_view queue,
                                 std::function<void(bool)> notify);
  /// False if there is no such registration.
  bool clear_notification(uint64_t id);

  // --- figures -----------------------------------------------------------------------------

  size_t size() const { return index_.size(); }
  /// What it counts anyway, without the figures of cached results.
  stats counts() const;
  /// Adds the figures of cached results, as match_cache::visit_some goes through them.
  size_t add_cached(stats& to, size_t from, size_t& places) const;
  /// All of it, which takes its time.
  stats get_stats() const;
  /// Objects alive and bytes held (index and cache), for monitoring and tests.
  index_usage usage() const { return index_.usage(); }
  size_t cache_bytes() const { return cache_.bytes(); }
  reactor_index self() const { return self_; }

private:
  /// Equality without a library call: subjects are short.
  static bool same_subject(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    size_t i = 0;
    for (; i + 8 <= a.size(); i += 8) {
      uint64_t x, y;
      std::memcpy(&x, a.data() + i, 8);
      std::memcpy(&y, b.data() + i, 8);
      if (x != y) return false;
    }
    for (; i < a.size(); ++i)
      if (a[i] != b[i]) return false;
    return true;
  }
  const match_result& match_other(std::string_view subject);
  void changed(std::string_view subject, bool literal);
  void remove(subscription* sub, bool clear_cache);
  void note_event(std::string_view subject, std::string_view queue, bool present);
  void fire_notifications();

  subject_index index_;
  match_cache cache_;
  result_builder builder_;
  interest_watch watch_;
  std::vector<interest_event> events_; // of the call in progress
  std::string scratch_;                // a filter's text
  uint64_t epoch_ = 1;
  uint64_t last_epoch_ = 0;
  std::string_view last_subject_;
  const match_result* last_result_ = nullptr;
  uint64_t matches_ = 0;
  uint64_t misses_ = 0;
  uint64_t inserts_ = 0;
  uint64_t removes_ = 0;
  bool events_lost_ = false; // no memory to note one
  reactor_index self_;
};

} // namespace troupe::routing
