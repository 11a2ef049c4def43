// Match results by literal subject.
//
// Place in the flow: shard_core asks here first, fills a result through result_builder on a miss,
// and tells it which filters changed. Owned by one reactor.
//
// - A fixed bound (16,384 results), set-associative; the table grows with use, and the vectors of a
//   result are used again.
// - A full set takes a new subject only at its second miss, so that subjects seen once (inboxes)
//   neither push out the others nor spread over memory. What was seen once is remembered by a
//   fingerprint, in a table that grows with what passes.
// - A filter without wildcards invalidates its one subject. A wildcard filter moves one generation:
//   by its first two tokens, by its first, or the one for all; a result depends on one of each.
// - A result that leaves the table is kept until `retired_results` more have left, see
//   take_recycled.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/routing/subscription.hpp"

namespace troupe::routing {

/// A result with the memory behind its spans.
struct cached_match {
  match_result result;
  std::string subject;
  uint64_t hash = 0;
  uint32_t gen_all = 0;
  uint32_t gen_first = 0;
  uint32_t gen_second = 0;
  uint16_t first = 0; // places in the tables of generations
  uint16_t second = 0;
  bool stale = true;
  std::vector<subscription*> plain;
  std::vector<queue_match> queues;
  std::vector<subscription*> members; // of groups merged from several filters
  std::vector<remote_weight> remote;  // likewise

  size_t heap_bytes() const;
  void release();
};

class match_cache {
public:
  match_cache(bool enabled, uint64_t hash_seed) : seed_(hash_seed), enabled_(enabled) {}

  /// The valid result for `subject`, or nullptr.
  const cached_match* find(std::string_view subject, uint64_t hash) const {
    for (const slot& s : set_of(hash)) {
      if (s.tag != tag_of(hash) || s.entry == 0) continue;
      const cached_match& e = *entries_[s.entry - 1];
      if (e.hash == hash && e.subject == subject && valid(e)) return &e;
    }
    return nullptr;
  }

  /// A result to fill for `subject`; its vectors are empty but keep their memory.
  cached_match& prepare(std::string_view subject, uint64_t hash);
  /// Keeps the result prepared last, in the table or for a while.
  void keep();
  /// True once after so many results have left the table that the oldest may be used again next:
  /// whoever holds a result must ask anew.
  bool take_recycled() { return std::exchange(recycled_, false); }

  /// A filter changed. Call before or after the change, but before the next find().
  void invalidate(std::string_view filter, bool literal, uint64_t hash);
  void invalidate_all();
  bool active() const { return !slots_.empty(); }

  size_t size() const;
  size_t bytes() const;
  /// visit(const cached_match&) for every valid result in the next `places` (> 0) places of the table,
  /// which become fewer by those that were looked at. Returns where to go on, 0: that was all.
  template <class F>
  size_t visit_some(size_t from, size_t& places, F&& visit) const {
    const size_t end = from + std::min(places, slots_.size() - std::min(from, slots_.size()));
    for (size_t i = from; i < end; ++i)
      if (const uint32_t e = slots_[i].entry; e != 0 && valid(*entries_[e - 1])) visit(*entries_[e - 1]);
    places -= end - from;
    return end < slots_.size() ? end : 0;
  }

private:
  static constexpr size_t ways = 4;
  static constexpr size_t min_slots = 64;
  static constexpr size_t max_slots = 16384;
  static constexpr size_t first_gens = 64;
  static constexpr size_t second_gens = 512;
  static constexpr size_t min_seen = 2048;
  static constexpr size_t max_seen = 16384;
  static constexpr size_t retired_results = 32;
  static constexpr size_t max_heap_bytes = size_t{16} << 20;

  struct slot {
    uint32_t tag = 0;
    uint32_t entry = 0; // place in entries_ + 1; 0 = free
  };
  struct generations {
    std::array<uint32_t, first_gens> first{};
    std::array<uint32_t, second_gens> second{};
  };

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  struct set_range {
    const slot* begin_;
    const slot* end_;
    const slot* begin() const { return begin_; }
    const slot* end() const { return end_; }
  };
  set_range set_of(uint64_t hash) const {
    if (slots_.empty()) return {nullptr, nullptr};
    const slot* first = slots_.data() + (hash & set_mask_) * ways;
    return {first, first + ways};
  }
  bool valid(const cached_match& e) const {
    return !e.stale && e.gen_all == gen_all_ && e.gen_first == gens_->first[e.first]
           && e.gen_second == gens_->second[e.second];
  }

  void activate();
  void grow();
  void insert_slot(uint32_t entry);
  slot* place_for(uint64_t hash);
  bool seen_before(uint64_t hash);
  void retire(uint32_t entry);
  uint32_t take_entry();
  void shed();
  void moved(uint32_t& generation);

  std::vector<std::unique_ptr<cached_match>> entries_;
  std::vector<slot> slots_;
  std::unique_ptr<generations> gens_;
  std::vector<uint16_t> seen_; // fingerprints of subjects that were refused
  size_t refused_ = 0;        // since seen_ last grew
  std::array<uint32_t, retired_results> retired_{}; // ring, oldest at retired_at_ when full
  size_t retired_at_ = 0;
  size_t retired_count_ = 0;
  size_t retirements_ = 0;
  std::vector<uint32_t> spare_;
  size_t set_mask_ = 0;
  size_t evictions_ = 0; // since the table last grew
  size_t victim_ = 0;
  size_t heap_bytes_ = 0;
  size_t prepared_bytes_ = 0;
  uint32_t prepared_ = 0; // entry handed out by prepare()
  uint32_t unkept_ = 0;   // the same while it is in neither the table nor the ring
  uint32_t gen_all_ = 1;
  uint64_t seed_;
  bool enabled_;
  bool recycled_ = false;
};

} // namespace troupe::routing
