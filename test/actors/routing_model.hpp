// What a shard should do, said in the plainest way: lists that are searched from end to end. The
// random test and the fuzz target compare shard_core with it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "actors/routing/shard_core.hpp"

namespace troupe::routing::test {

inline std::vector<std::string> tokens_of(std::string_view subject) {
  std::vector<std::string> tokens(1);
  for (const char c : subject) {
    if (c == '.') {
      tokens.emplace_back();
    } else {
      tokens.back().push_back(c);
    }
  }
  return tokens;
}

inline bool has_empty_token(std::string_view subject) {
  const auto tokens = tokens_of(subject);
  return std::find(tokens.begin(), tokens.end(), "") != tokens.end();
}

inline bool is_filter(std::string_view subject) {
  const auto tokens = tokens_of(subject);
  for (size_t i = 0; i + 1 < tokens.size(); ++i)
    if (tokens[i] == ">") return false;
  return !has_empty_token(subject);
}

inline bool is_literal(std::string_view subject) {
  const auto tokens = tokens_of(subject);
  return std::none_of(tokens.begin(), tokens.end(),
                      [](const std::string& t) { return t == "*" || t == ">"; });
}

/// Whether a valid filter matches a published subject; wildcards in the latter mean nothing.
inline bool matches(std::string_view subject, std::string_view filter) {
  if (has_empty_token(subject)) return false;
  const auto s = tokens_of(subject);
  const auto f = tokens_of(filter);
  for (size_t i = 0; i < f.size(); ++i) {
    if (i >= s.size()) return false;
    if (f[i] == ">") return true;
    if (f[i] != "*" && f[i] != s[i]) return false;
  }
  return s.size() == f.size();
}

/// Whether some subject matches both filters.
inline bool overlap(std::string_view a, std::string_view b) {
  const auto x = tokens_of(a);
  const auto y = tokens_of(b);
  for (size_t i = 0;; ++i) {
    if (i == x.size() || i == y.size()) return x.size() == y.size();
    if (x[i] == ">" || y[i] == ">") return true;
    if (x[i] != "*" && y[i] != "*" && x[i] != y[i]) return false;
  }
}

using filter_key = std::pair<std::string, std::string>; // subject, queue
using interest = std::map<filter_key, uint32_t>;

class model {
public:
  struct entry {
    subscription* real;
    std::string subject;
    std::string queue;
    std::string sid;
  };
  std::vector<entry> subs;
  std::map<unsigned, interest> remote; // by reactor

  interest local_interest() const {
    interest all;
    for (const entry& e : subs) {
      uint32_t& weight = all[{e.subject, e.queue}];
      weight = e.queue.empty() ? 1 : weight + 1;
    }
    return all;
  }
  bool wanted_exactly(const filter_key& key) const {
    for (const auto& [reactor, all] : remote)
      if (all.contains(key)) return true;
    return local_interest().contains(key);
  }
  void set_remote(unsigned reactor, const filter_key& key, uint32_t weight) {
    if (weight == 0) {
      remote[reactor].erase(key);
    } else {
      remote[reactor][key] = key.second.empty() ? 1 : weight;
    }
  }

  /// Empty, or how `got` is no result for `subject`.
  std::string difference(const match_result& got, std::string_view subject) const {
    std::vector<subscription*> plain;
    std::map<std::string, std::vector<subscription*>> members;
    std::map<std::string, std::map<unsigned, uint64_t>> weights;
    uint64_t remote_plain = 0;
    std::set<std::string> names;
    for (const entry& e : subs) {
      if (!matches(subject, e.subject)) continue;
      if (e.queue.empty()) {
        plain.push_back(e.real);
      } else {
        members[e.queue].push_back(e.real);
        names.insert(e.queue);
      }
    }
    for (const auto& [reactor, all] : remote) {
      for (const auto& [key, weight] : all) {
        if (!matches(subject, key.first)) continue;
        if (key.second.empty()) {
          remote_plain |= uint64_t{1} << reactor;
        } else {
          weights[key.second][reactor] += weight;
          names.insert(key.second);
        }
      }
    }
    if (!same(plain, got.plain)) return "plain subscriptions";
    if (remote_plain != got.remote_plain) return "remote plain interest";
    if (got.queues.size() != names.size()) return "number of queue groups";
    if (got.empty() != (plain.empty() && names.empty() && remote_plain == 0)) return "empty()";
    for (const queue_match& q : got.queues) {
      const std::string name(q.name);
      if (names.erase(name) == 0) return "queue group " + name + " twice or unknown";
      if (!same(members[name], q.members)) return "members of " + name;
      std::map<unsigned, uint64_t> remote_of_group;
      uint64_t total = q.members.size();
      for (const remote_weight& r : q.remote) {
        if (!remote_of_group.emplace(r.reactor, r.weight).second) return "a reactor twice";
        total += r.weight;
      }
      if (remote_of_group != weights[name]) return "remote weights of " + name;
      if (q.local_weight != q.members.size() || q.total_weight != total) return "weights";
    }
    return {};
  }

  std::pair<size_t, size_t> num_interest(std::string_view subject) const {
    std::pair<size_t, size_t> n;
    for (const entry& e : subs)
      if (matches(subject, e.subject)) ++(e.queue.empty() ? n.first : n.second);
    for (const auto& [reactor, all] : remote) {
      bool plain = false;
      for (const auto& [key, weight] : all) {
        if (!matches(subject, key.first)) continue;
        plain = plain || key.second.empty();
        if (!key.second.empty()) n.second += weight;
      }
      n.first += plain;
    }
    return n;
  }

  std::vector<subscription*> overlapping(std::string_view pattern) const {
    std::vector<subscription*> found;
    for (const entry& e : subs)
      if (overlap(e.subject, pattern)) found.push_back(e.real);
    return found;
  }

  static bool same(std::vector<subscription*> a, std::span<subscription* const> b) {
    std::vector<subscription*> c(b.begin(), b.end());
    std::sort(a.begin(), a.end());
    std::sort(c.begin(), c.end());
    return a == c;
  }
};

/// What a peer believes after each change it was told; says if a change was superfluous.
class peer_view {
public:
  interest believed;

  bool learn(const interest_change& c) {
    const filter_key key{c.subject, c.queue};
    const auto known = believed.find(key);
    if ((known == believed.end() ? 0 : known->second) == c.weight) return false;
    if (c.weight == 0) {
      believed.erase(known);
    } else {
      believed[key] = c.weight;
    }
    return true;
  }
};

/// A shard and its model, changed together; each step() returns what went wrong or nothing.
class pair_of_shards {
public:
  explicit pair_of_shards(bool cache = true) : shard(0, cache) {}
  // The model's registrations name `this`.
  pair_of_shards(const pair_of_shards&) = delete;
  pair_of_shards& operator=(const pair_of_shards&) = delete;

  shard_core shard;
  model expected;
  peer_view peer;

  std::string subscribe(const std::string& subject, const std::string& queue,
                        const std::string& sid) {
    auto* owner = reinterpret_cast<subscriber*>(&owner_);
    subscription* sub = shard.subscribe(owner, subject, queue, sid);
    if ((sub != nullptr) != is_filter(subject)) return "validity of filter " + subject;
    if (sub == nullptr) return {};
    if (sub->sid() != sid || sub->owner != owner || sub->in_queue() == queue.empty())
      return "fields of a new subscription";
    expected.subs.push_back({sub, subject, queue, sid});
    return check_notifications();
  }
  std::string unsubscribe(size_t at) {
    subscription* sub = expected.subs[at].real;
    expected.subs.erase(expected.subs.begin() + static_cast<std::ptrdiff_t>(at));
    shard.unsubscribe(sub);
    return check_notifications();
  }
  std::string unsubscribe_every(size_t nth, size_t offset) {
    std::vector<subscription*> gone;
    std::vector<model::entry> left;
    for (size_t i = 0; i < expected.subs.size(); ++i) {
      if (i % nth == offset) {
        gone.push_back(expected.subs[i].real);
      } else {
        left.push_back(expected.subs[i]);
      }
    }
    expected.subs = std::move(left);
    shard.unsubscribe_all(gone);
    return check_notifications();
  }
  std::string apply(reactor_index from, const std::string& subject, const std::string& queue,
                    uint32_t weight) {
    shard.apply(from, {subject, queue, weight});
    if (from != shard.self() && from < max_reactors && is_filter(subject))
      expected.set_remote(from, {subject, queue}, weight);
    return check_notifications();
  }
  std::string forget(reactor_index from) {
    shard.forget(from);
    expected.remote.erase(from);
    return check_notifications();
  }
  std::string take_changes(size_t at_most) {
    const auto changes = shard.take_interest_changes(at_most);
    if (changes.size() > at_most) return "more changes than asked for";
    for (const interest_change& c : changes)
      if (!peer.learn(c)) return "superfluous change of " + c.subject;
    if (!shard.has_interest_changes() && peer.believed != expected.local_interest())
      return "a peer's view";
    return {};
  }
  std::string match(const std::string& subject) {
    const match_result& got = shard.match(subject);
    if (std::string d = expected.difference(got, subject); !d.empty()) return d + ": " + subject;
    held_.push_back({&got, shard.epoch(), subject});
    if (held_.size() > 40) held_.erase(held_.begin());
    // Earlier results that the epoch still promises.
    for (const auto& [result, epoch, of] : held_) {
      if (epoch != shard.epoch()) continue;
      if (std::string d = expected.difference(*result, of); !d.empty())
        return d + ": kept result of " + of;
    }
    return count(subject);
  }
  std::string count(const std::string& subject) const {
    if (shard.num_interest(subject) != expected.num_interest(subject)) return "num_interest";
    const auto [plain, queue] = expected.num_interest(subject);
    if (shard.has_interest(subject) != (plain + queue > 0)) return "has_interest";
    return {};
  }
  std::string reverse_match(const std::string& pattern) const {
    std::vector<subscription*> got;
    shard.reverse_match(pattern, [&](subscription& s) { got.push_back(&s); });
    if (!is_filter(pattern)) return got.empty() ? "" : "reverse match of a bad pattern";
    return model::same(expected.overlapping(pattern), got) ? "" : "reverse match of " + pattern;
  }
  std::string check_all() const {
    std::vector<std::tuple<const subscription*, std::string, std::string, std::string>> got, want;
    std::string text;
    shard.for_each([&](const subscription& s, std::string_view subject) {
      shard.subject_of(s, text);
      got.emplace_back(&s, subject == text ? text : "differs", shard.queue_of(s), s.sid());
    });
    for (const model::entry& e : expected.subs)
      want.emplace_back(e.real, e.subject, e.queue, e.sid);
    std::sort(got.begin(), got.end());
    std::sort(want.begin(), want.end());
    if (got != want) return "for_each";
    interest all;
    for (const interest_change& c : shard.all_local_interest())
      if (!all.emplace(filter_key{c.subject, c.queue}, c.weight).second) return "interest twice";
    return all == peer.believed ? "" : "all_local_interest";
  }
  void watch(const std::string& subject, const std::string& queue) {
    const filter_key key{subject, queue};
    const uint64_t id = shard.register_notification(subject, queue, [this, key](bool present) {
      auto& state = watched_[key];
      state.flips += state.known && state.present == present ? 100 : 0;
      state.known = true;
      state.present = present;
    });
    if (id != 0) watch_ids_[key].push_back(id);
  }
  std::string unwatch(const std::string& subject, const std::string& queue) {
    const filter_key key{subject, queue};
    for (const uint64_t id : watch_ids_[key])
      if (!shard.clear_notification(id) || shard.clear_notification(id)) return "clearing";
    watch_ids_.erase(key);
    watched_.erase(key);
    return {};
  }
  bool watches(const std::string& subject, const std::string& queue) const {
    return watch_ids_.contains({subject, queue});
  }
  /// Removes all, and checks that nothing is left behind.
  std::string clear() {
    std::string bad = unsubscribe_every(1, 0);
    for (unsigned r = 0; r < max_reactors && bad.empty(); ++r)
      bad = forget(static_cast<reactor_index>(r));
    if (bad.empty()) bad = take_changes(SIZE_MAX);
    const index_usage u = shard.usage();
    if (u.nodes + u.branches + u.subscriptions + u.groups + u.names != 0) bad = "leak in the index";
    return bad;
  }

private:
  struct watch_state {
    bool known = false;
    bool present = false;
    int flips = 0;
  };
  struct held_result {
    const match_result* result;
    uint64_t epoch;
    std::string subject;
  };

  std::string check_notifications() {
    for (const auto& [key, state] : watched_) {
      if (state.flips != 0) return "notified twice of the same: " + key.first;
      if (state.present != expected.wanted_exactly(key)) return "notification of " + key.first;
    }
    return {};
  }

  int owner_ = 0;
  std::map<filter_key, watch_state> watched_;
  std::map<filter_key, std::vector<uint64_t>> watch_ids_;
  std::vector<held_result> held_;
};

} // namespace troupe::routing::test
