#include "actors/routing/result_builder.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace troupe::routing {

void result_builder::build(const subject_index& index, std::string_view subject, uint64_t hash,
                           cached_match& out) {
  uint64_t remote = 0;
  groups_.clear();
  index.walk(subject, hash, [&](const subject_index::node& n) {
    remote |= n.remote_plain;
    index.append_plain(n, out.plain);
    if (n.branch != 0) {
      for (uint32_t id = index.branch_of(n).first_group; id != 0; id = index.group_at(id).next)
        if (index.group_at(id).wanted()) groups_.push_back(id);
    }
    return true;
  });
  if (!groups_.empty()) {
    merge_by_name(index);
    size_t members = 0;
    size_t remotes = 0;
    for (const merged_group& m : merged_) {
      if (m.count == 1) continue;
      for (uint32_t i = m.first;; i = next_[i]) {
        members += index.group_at(groups_[i]).members.size();
        remotes += index.group_at(groups_[i]).remote.size();
        if (i == m.last) break;
      }
    }
    out.members.reserve(members); // no growth below: spans point into them
    out.remote.reserve(remotes);
    for (const merged_group& m : merged_)
      out.queues.push_back(join(index, m, out));
  }
  out.result = {out.plain, out.queues, remote};
}

void result_builder::merge_by_name(const subject_index& index) {
  ++mark_;
  merged_.clear();
  next_.assign(groups_.size(), 0);
  for (uint32_t i = 0; i < groups_.size(); ++i) {
    subject_index::name& name = index.name_of(index.group_at(groups_[i]));
    if (name.mark != mark_) {
      name.mark = mark_;
      name.mark_place = static_cast<uint32_t>(merged_.size());
      merged_.push_back({i, i, 1});
      continue;
    }
    merged_group& m = merged_[name.mark_place];
    next_[m.last] = i;
    m.last = i;
    ++m.count;
  }
}

queue_match result_builder::join(const subject_index& index, const merged_group& m,
                                 cached_match& out) const {
  const subject_index::group& first = index.group_at(groups_[m.first]);
  queue_match q{.name = index.queue_name(first),
                .members = first.members,
                .remote = first.remote,
                .local_weight = 0,
                .total_weight = 0};
  if (m.count > 1) {
    const size_t members_at = out.members.size();
    const size_t remote_at = out.remote.size();
    std::array<uint64_t, max_reactors> weights{};
    uint64_t reactors = 0;
    for (uint32_t i = m.first;; i = next_[i]) {
      const subject_index::group& g = index.group_at(groups_[i]);
      out.members.insert(out.members.end(), g.members.begin(), g.members.end());
      for (const remote_weight& r : g.remote) {
        weights[r.reactor] += r.weight;
        reactors |= uint64_t{1} << r.reactor;
      }
      if (i == m.last) break;
    }
    for (; reactors != 0; reactors &= reactors - 1) {
      const auto r = static_cast<reactor_index>(std::countr_zero(reactors));
      const uint64_t weight = std::min<uint64_t>(weights[r], UINT32_MAX);
      out.remote.push_back({r, static_cast<uint32_t>(weight)});
    }
    q.members = std::span(out.members).subspan(members_at);
    q.remote = std::span(out.remote).subspan(remote_at);
  }
  q.local_weight = q.members.size();
  q.total_weight = q.local_weight;
  for (const remote_weight& r : q.remote)
    q.total_weight += r.weight;
  return q;
}

} // namespace troupe::routing
