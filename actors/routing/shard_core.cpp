#include "actors/routing/shard_core.hpp"

#include <algorithm>
#include <bit>

#include "protocol/rollback.hpp"

namespace troupe::routing {

namespace {

// From so many on, removing together, it is cheaper to let go of all cached results at once.
constexpr size_t removals_that_clear_the_cache = 1024;

} // namespace

shard_core::shard_core(reactor_index self, const shard_options& options)
    : index_(options.hash_seed, options.has_peers), cache_(options.cache, options.hash_seed),
      self_(self) {}

shard_core::~shard_core() = default;

/// Interest in exactly this filter changed: cached results of subjects it matches are void.
void shard_core::changed(std::string_view subject, bool literal) {
  ++epoch_;
  if (!cache_.active()) return;
  cache_.invalidate(subject, literal, literal ? index_.hash(subject) : 0);
}

/// Interest in a filter began or ended. Wildcard filters are never watched.
void shard_core::note_event(std::string_view subject, std::string_view queue, bool present) {
  try {
    std::string key = interest_watch::key_of(subject, queue);
    if (watch_.watches(key)) events_.push_back({std::move(key), present});
  } catch (const std::bad_alloc&) {
    events_lost_ = true;
  }
}

/// Last step of every change. Callbacks may change the shard again, so that events may be added.
/// Throws when somebody could not be told of a change, which stands.
void shard_core::fire_notifications() {
  if (std::exchange(events_lost_, false)) throw std::bad_alloc();
  while (!events_.empty()) {
    const std::vector<interest_event> events = std::exchange(events_, {});
    for (const interest_event& e : events)
      watch_.notify(e);
  }
}

subscription* shard_core::subscribe(subscriber* owner, std::string_view subject,
                                    std::string_view queue, std::string_view sid) {
  const filter_shape shape = shape_of(subject);
  if (!shape.valid) return nullptr;
  bool flipped = false;
  subscription* sub = index_.subscribe(owner, subject, shape, queue, sid, flipped);
  ++inserts_;
  changed(subject, shape.literal);
  if (flipped && !watch_.empty()) {
    note_event(subject, queue, true);
    rollback drop([&] { remove(sub, false); }); // nobody would know of it
    fire_notifications();
    drop.keep();
  }
  return sub;
}

void shard_core::remove(subscription* sub, bool clear_cache) {
  const bool watching = !watch_.empty();
  const bool invalidating = cache_.active() && !clear_cache;
  std::string queue;
  std::string watched;
  try {
    if (watching || invalidating) {
      const std::string_view subject = index_.subject_view(*sub, scratch_);
      if (invalidating) {
        const bool literal = index_.is_literal(*sub);
        cache_.invalidate(subject, literal, literal ? index_.hash(subject) : 0);
      }
      if (watching) {
        watched = subject;
        queue = index_.queue_of(*sub);
      }
    }
  } catch (const std::bad_alloc&) { // it goes all the same: its owner may be gone next
    cache_.invalidate_all();
    if (watching) events_lost_ = true;
  }
  bool flipped = false;
  index_.unsubscribe(sub, flipped);
  ++removes_;
  if (watching && flipped) note_event(watched, queue, false);
}

void shard_core::unsubscribe(subscription* sub) {
  remove(sub, false);
  ++epoch_;
  fire_notifications();
}

void shard_core::unsubscribe_all(std::span<subscription* const> subs) {
  const bool clear_cache = subs.size() >= removals_that_clear_the_cache;
  const size_t n = subs.size();
  // The objects of a removal are far apart: fetch them in steps, each from what the last brought.
  constexpr size_t far = 12;
  constexpr size_t middle = 8;
  constexpr size_t near = 4;
  for (size_t i = 0; i < n; ++i) {
    if (i + far < n) index_.prefetch(subs[i + far]);
    if (i + middle < n) index_.prefetch_node(subs[i + middle]);
    if (i + near < n) index_.prefetch_links(subs[i + near]);
    remove(subs[i], clear_cache);
  }
  if (clear_cache) cache_.invalidate_all();
  ++epoch_;
  fire_notifications();
}

void shard_core::apply(reactor_index from, std::string_view subject, std::string_view queue,
                       uint32_t weight) {
  if (from == self_ || from >= max_reactors) return;
  const filter_shape shape = shape_of(subject);
  if (!shape.valid) return;
  bool flipped = false;
  if (!index_.apply(from, subject, shape, queue, weight, flipped)) return;
  changed(subject, shape.literal);
  if (flipped && !watch_.empty()) {
    note_event(subject, queue, weight != 0);
    fire_notifications();
  }
}

void shard_core::forget(reactor_index from) {
  if (from == self_ || from >= max_reactors) return;
  index_.forget(from, [this](std::string_view subject, std::string_view queue) {
    if (!watch_.empty()) note_event(subject, queue, false);
  });
  cache_.invalidate_all();
  ++epoch_;
  fire_notifications();
}

std::vector<interest_change> shard_core::take_interest_changes(size_t at_most) {
  std::vector<interest_change> out;
  visit_interest_changes(
      [&](std::string_view subject, std::string_view queue, uint32_t weight) {
        out.push_back({std::string(subject), std::string(queue), weight});
      },
      at_most);
  return out;
}

std::vector<interest_change> shard_core::all_local_interest() const {
  std::vector<interest_change> out;
  index_.visit_told_interest(
      [&](std::string_view subject, std::string_view queue, uint32_t weight) {
        out.push_back({std::string(subject), std::string(queue), weight});
      });
  return out;
}

const match_result& shard_core::match_other(std::string_view subject) {
  const uint64_t hash = index_.hash(subject);
  const cached_match* found = cache_.find(subject, hash);
  if (found == nullptr) {
    ++misses_;
    cached_match& fresh = cache_.prepare(subject, hash);
    builder_.build(index_, subject, hash, fresh);
    cache_.keep();
    if (cache_.take_recycled()) ++epoch_;
    found = &fresh;
  }
  last_epoch_ = epoch_;
  last_subject_ = found->subject;
  last_result_ = &found->result;
  return found->result;
}

bool shard_core::has_interest(std::string_view subject) const {
  const uint64_t hash = index_.hash(subject);
  if (const cached_match* found = cache_.find(subject, hash)) return !found->result.empty();
  bool any = false;
  index_.walk(subject, hash, [&](const subject_index::node& n) {
    any = n.wanted_plain();
    if (any || n.branch == 0) return !any;
    for (uint32_t id = index_.branch_of(n).first_group; id != 0; id = index_.group_at(id).next)
      any = any || index_.group_at(id).wanted();
    return !any;
  });
  return any;
}

std::pair<size_t, size_t> shard_core::num_interest(std::string_view subject) const {
  size_t plain = 0;
  size_t queue = 0;
  uint64_t remote = 0;
  index_.walk(subject, index_.hash(subject), [&](const subject_index::node& n) {
    plain += index_.count_plain(n);
    remote |= n.remote_plain;
    if (n.branch == 0) return true;
    for (uint32_t id = index_.branch_of(n).first_group; id != 0; id = index_.group_at(id).next) {
      queue += index_.group_at(id).members.size();
      for (const remote_weight& r : index_.group_at(id).remote)
        queue += r.weight;
    }
    return true;
  });
  return {plain + static_cast<size_t>(std::popcount(remote)), queue};
}

uint64_t shard_core::register_notification(std::string_view subject, std::string_view queue,
                                           std::function<void(bool)> notify) {
  const filter_shape shape = shape_of(subject);
  if (!shape.valid || !shape.literal || !notify) return 0;
  const bool present = index_.wanted_exactly(subject, queue);
  std::string key = interest_watch::key_of(subject, queue);
  const uint64_t id = watch_.add(key, notify);
  notify(present);
  return id;
}

bool shard_core::clear_notification(uint64_t id) { return watch_.remove(id); }

shard_stats shard_core::counts() const {
  shard_stats s;
  s.num_subs = index_.size();
  s.num_inserts = inserts_;
  s.num_removes = removes_;
  s.num_matches = matches_;
  s.cache_hits = matches_ - misses_;
  if (matches_ != 0)
    s.cache_hit_rate = static_cast<double>(s.cache_hits) / static_cast<double>(matches_);
  return s;
}

size_t shard_core::add_cached(shard_stats& to, size_t from, size_t& places) const {
  return cache_.visit_some(from, places, [&](const cached_match& e) {
    const size_t fanout = e.result.plain.size() + e.result.queues.size();
    ++to.num_cache;
    to.total_fanout += fanout;
    to.max_fanout = std::max(to.max_fanout, fanout);
  });
}

shard_stats shard_core::get_stats() const {
  shard_stats s = counts();
  size_t all = SIZE_MAX;
  add_cached(s, 0, all);
  if (s.num_cache != 0)
    s.avg_fanout = static_cast<double>(s.total_fanout) / static_cast<double>(s.num_cache);
  return s;
}

} // namespace troupe::routing
