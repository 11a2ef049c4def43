// Turns the nodes that match a subject into one contiguous result.
//
// Place in the flow: shard_core, on a miss of match_cache. Owned by one reactor. It keeps its
// scratch memory, so that building allocates nothing in the long run.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "actors/routing/match_cache.hpp"
#include "actors/routing/subject_index.hpp"

namespace troupe::routing {

class result_builder {
public:
  /// Fills `out`, whose vectors are empty. Spans of a group under one filter point into the index,
  /// all others into `out`.
  void build(const subject_index& index, std::string_view subject, uint64_t hash,
             cached_match& out);

private:
  /// Groups of one name: those of groups_ from `first` on, linked by next_.
  struct merged_group {
    uint32_t first;
    uint32_t last;
    uint32_t count;
  };

  void merge_by_name(const subject_index& index);
  queue_match join(const subject_index& index, const merged_group& m, cached_match& out) const;

  std::vector<uint32_t> groups_; // ids, in the order found
  std::vector<uint32_t> next_;   // place in groups_ of the next of the same name
  std::vector<merged_group> merged_;
  uint64_t mark_ = 0;
};

} // namespace troupe::routing
