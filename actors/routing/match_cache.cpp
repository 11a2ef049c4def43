#include "actors/routing/match_cache.hpp"

#include <algorithm>
#include <utility>

#include "actors/routing/subject_index.hpp"

namespace troupe::routing {

namespace {

/// The end of the token that starts at `start`.
size_t token_end(std::string_view text, size_t start) {
  return std::min(text.find('.', start), text.size());
}

bool is_wildcard(std::string_view token) { return token == "*" || token == ">"; }

} // namespace

size_t cached_match::heap_bytes() const {
  return plain.capacity() * sizeof plain[0] + queues.capacity() * sizeof queues[0]
         + members.capacity() * sizeof members[0] + remote.capacity() * sizeof remote[0];
}

void cached_match::release() {
  std::vector<subscription*>().swap(plain);
  std::vector<queue_match>().swap(queues);
  std::vector<subscription*>().swap(members);
  std::vector<remote_weight>().swap(remote);
}

void match_cache::activate() {
  gens_ = std::make_unique<generations>();
  seen_.resize(min_seen);
  slots_.resize(min_slots); // last: says that all is there
  set_mask_ = min_slots / ways - 1;
}

cached_match& match_cache::prepare(std::string_view subject, uint64_t hash) {
  if (enabled_ && slots_.empty()) activate();
  prepared_ = 0;
  for (const slot& s : set_of(hash)) {
    if (s.entry == 0 || s.tag != tag_of(hash)) continue;
    if (entries_[s.entry - 1]->subject == subject) prepared_ = s.entry; // stale: fill it anew
  }
  const bool in_place = prepared_ != 0;
  if (!in_place) prepared_ = unkept_ = take_entry();
  cached_match& e = *entries_[prepared_ - 1];
  if (!in_place) {
    e.subject.assign(subject);
    e.hash = hash;
  }
  prepared_bytes_ = e.heap_bytes();
  e.plain.clear();
  e.queues.clear();
  e.members.clear();
  e.remote.clear();
  e.stale = true; // until it is filled and kept
  if (enabled_) {
    const size_t first_end = token_end(subject, 0);
    const size_t second_end =
        first_end < subject.size() ? token_end(subject, first_end + 1) : first_end;
    e.first = hash_text(subject.substr(0, first_end), seed_) % first_gens;
    e.second = hash_text(subject.substr(0, second_end), seed_) % second_gens;
    e.gen_all = gen_all_;
    e.gen_first = gens_->first[e.first];
    e.gen_second = gens_->second[e.second];
  }
  return e;
}

void match_cache::keep() {
  cached_match& e = *entries_[prepared_ - 1];
  heap_bytes_ = heap_bytes_ - prepared_bytes_ + e.heap_bytes();
  const bool in_place = unkept_ != prepared_;
  slot* place = in_place || !enabled_ ? nullptr : place_for(e.hash);
  if (place != nullptr) {
    if (place->entry != 0) retire(place->entry);
    *place = {tag_of(e.hash), prepared_};
  } else if (!in_place) {
    retire(prepared_);
  }
  if (!in_place) unkept_ = 0;
  e.stale = false;
  if (place != nullptr && evictions_ > slots_.size() && slots_.size() < max_slots) grow();
  if (heap_bytes_ > max_heap_bytes) shed();
}

/// A free or stale slot of the set, or a victim if the subject was here before; else nullptr.
match_cache::slot* match_cache::place_for(uint64_t hash) {
  slot* set = slots_.data() + (hash & set_mask_) * ways;
  for (size_t i = 0; i < ways; ++i)
    if (set[i].entry == 0 || !valid(*entries_[set[i].entry - 1])) return &set[i];
  if (!seen_before(hash)) return nullptr;
  ++evictions_;
  return &set[victim_++ % ways];
}

bool match_cache::seen_before(uint64_t hash) {
  uint16_t& print = seen_[(hash >> 16) % seen_.size()];
  const auto now = static_cast<uint16_t>(hash >> 48);
  if (std::exchange(print, now) == now) return true;
  // So many pass that a subject is forgotten before it comes again.
  if (++refused_ > 4 * seen_.size() && seen_.size() < max_seen) {
    refused_ = 0;
    seen_.assign(seen_.size() * 2, 0);
  }
  return false;
}

void match_cache::grow() {
  const std::vector<slot> old = std::exchange(slots_, std::vector<slot>(slots_.size() * 2));
  set_mask_ = slots_.size() / ways - 1;
  evictions_ = 0;
  for (const slot& s : old)
    if (s.entry != 0) insert_slot(s.entry);
}

/// For grow(): a set splits in two, so that there is room.
void match_cache::insert_slot(uint32_t entry) {
  const uint64_t hash = entries_[entry - 1]->hash;
  slot* set = slots_.data() + (hash & set_mask_) * ways;
  while (set->entry != 0)
    ++set;
  *set = {tag_of(hash), entry};
}

void match_cache::retire(uint32_t entry) {
  if (retired_count_ == retired_results) {
    spare_.push_back(retired_[retired_at_]);
    retired_at_ = (retired_at_ + 1) % retired_results;
    --retired_count_;
  }
  retired_[(retired_at_ + retired_count_) % retired_results] = entry;
  ++retired_count_;
  // An entry is used again after `retired_results` - 1 further retirements at the earliest.
  if (++retirements_ % (retired_results - 1) == 0) recycled_ = true;
}

uint32_t match_cache::take_entry() {
  uint32_t entry = unkept_;
  if (entry != 0) {
    // Of a result that could not be made.
  } else if (!spare_.empty()) {
    entry = spare_.back();
    spare_.pop_back();
  } else if (retired_count_ == retired_results) {
    entry = retired_[retired_at_];
    retired_at_ = (retired_at_ + 1) % retired_results;
    --retired_count_;
  } else {
    entries_.push_back(std::make_unique<cached_match>());
    return static_cast<uint32_t>(entries_.size());
  }
  if (heap_bytes_ > max_heap_bytes) {
    cached_match& e = *entries_[entry - 1];
    heap_bytes_ -= e.heap_bytes();
    e.release();
  }
  return entry;
}

/// The results hold too much memory: lets two go. Theirs is freed when they are used again.
void match_cache::shed() {
  for (size_t looked = 0, shed = 0; looked < slots_.size() && shed < 2; ++looked) {
    slot& s = slots_[victim_++ % slots_.size()];
    if (s.entry == 0 || s.entry == prepared_) continue;
    retire(std::exchange(s.entry, 0));
    ++shed;
  }
}

void match_cache::moved(uint32_t& generation) {
  if (++generation != 0) return;
  for (const auto& e : entries_)
    e->stale = true; // after 2^32 changes, numbers come again
}

void match_cache::invalidate(std::string_view filter, bool literal, uint64_t hash) {
  if (slots_.empty()) return;
  if (literal) {
    for (const slot& s : set_of(hash)) {
      if (s.entry == 0 || s.tag != tag_of(hash)) continue;
      cached_match& e = *entries_[s.entry - 1];
      if (e.subject == filter) e.stale = true;
    }
    return;
  }
  const size_t first_end = token_end(filter, 0);
  const std::string_view first = filter.substr(0, first_end);
  if (is_wildcard(first)) return moved(gen_all_);
  if (first_end < filter.size()) {
    const size_t second_end = token_end(filter, first_end + 1);
    if (!is_wildcard(filter.substr(first_end + 1, second_end - first_end - 1)))
      return moved(gens_->second[hash_text(filter.substr(0, second_end), seed_) % second_gens]);
  }
  moved(gens_->first[hash_text(first, seed_) % first_gens]);
}

void match_cache::invalidate_all() { moved(gen_all_); }

size_t match_cache::size() const {
  size_t n = 0;
  size_t all = SIZE_MAX;
  visit_some(0, all, [&](const cached_match&) { ++n; });
  return n;
}

size_t match_cache::bytes() const {
  return entries_.size() * sizeof(cached_match) + entries_.capacity() * sizeof entries_[0]
         + slots_.capacity() * sizeof(slot) + (gens_ ? sizeof *gens_ : 0) + heap_bytes_
         + spare_.capacity() * sizeof spare_[0] + seen_.capacity() * sizeof seen_[0];
}

} // namespace troupe::routing
