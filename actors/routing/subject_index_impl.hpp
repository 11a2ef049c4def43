// The templates of subject_index.hpp, which includes this file.
#pragma once

#include "actors/routing/subject_index.hpp"

namespace troupe::routing {

template <class F>
void subject_index::walk(std::string_view subject, uint64_t subject_hash, F&& visit) const {
  if (nodes_[root].branch == 0 || !split(subject)) return;
  stack_.clear();
  uint32_t node_id = root;
  uint32_t token = 0;
  for (;;) {
    const node& here = nodes_[node_id];
    const branch& b = branches_[here.branch];
    const uint32_t start = token == 0 ? 0 : token_ends_[token - 1] + 1;
    const bool last = token + 1 == token_ends_.size();
    if (b.any_tail != 0 && !visit(std::as_const(nodes_[b.any_tail]))) return;
    // All that is left as one text. Children that only lead on are no tails, unless one token is.
    if (here.kind != detail::node_kind::text
        && (b.text_children > b.inner_children || (last && b.text_children != 0))) {
      const std::string_view rest = subject.substr(start);
      const uint64_t rest_hash = start == 0 ? subject_hash : hash(rest);
      const uint32_t found = find_child(node_id, rest, key(node_id, rest_hash));
      if (found != 0 && !visit(std::as_const(nodes_[found]))) return;
    }
    if (b.any_token != 0) {
      const node& any = nodes_[b.any_token];
      if (last) {
        if (!visit(any)) return;
      } else if (any.branch != 0 && branches_[any.branch].children() != 0) {
        stack_.push_back({b.any_token, token + 1});
      }
    }
    if (!last && b.inner_children != 0) {
      const std::string_view text = subject.substr(start, token_ends_[token] - start);
      const uint32_t found = find_child(node_id, text, key(node_id, text));
      if (found != 0 && nodes_[found].branch != 0
          && branches_[nodes_[found].branch].children() != 0) {
        node_id = found;
        ++token;
        continue;
      }
    }
    if (stack_.empty()) return;
    node_id = stack_.back().node;
    token = stack_.back().token;
    stack_.pop_back();
  }
}

template <class F>
void subject_index::take_changes(size_t at_most, F&& visit) {
  std::string scratch;
  if (!all_noted_) [[unlikely]]
    note_all_changes();
  while (dirty_next_ < dirty_.size() && at_most > 0) {
    const change_ref ref = dirty_[dirty_next_];
    prefetch_changes();
    // The text and the visit may throw: the change waits on then.
    if (ref.group == 0) {
      node& n = nodes_[ref.node];
      const bool now = n.first_sub != 0;
      if (now != n.announced) {
        visit(subject_view(ref.node, scratch), std::string_view{}, uint32_t{now});
        --at_most;
      }
      n.announced = now;
      n.dirty = false;
    } else {
      group& g = groups_[ref.group];
      const auto now = static_cast<uint32_t>(g.members.size());
      if (now != g.announced) {
        visit(subject_view(ref.node, scratch), queue_name(g), now);
        --at_most;
      }
      g.announced = now;
      g.dirty = false;
      free_group_if_unused(ref.group);
    }
    ++dirty_next_;
    prune(ref.node);
  }
  if (dirty_next_ == dirty_.size()) {
    if (dirty_.capacity() > 1024) std::vector<change_ref>().swap(dirty_);
    dirty_.clear();
    dirty_next_ = 0;
  }
}

template <class F>
void subject_index::visit_told_interest(F&& visit) const {
  std::string scratch;
  nodes_.visit_ids([&](uint32_t id) {
    const node& n = nodes_[id];
    if (track_changes_ ? n.announced : n.first_sub != 0)
      visit(subject_view(id, scratch), std::string_view{}, uint32_t{1});
    if (n.branch == 0) return;
    for (uint32_t at = branches_[n.branch].first_group; at != 0; at = groups_[at].next) {
      const group& g = groups_[at];
      const uint32_t weight =
          track_changes_ ? g.announced : static_cast<uint32_t>(g.members.size());
      if (weight != 0) visit(subject_view(id, scratch), queue_name(g), weight);
    }
  });
}

template <class F>
void subject_index::forget(reactor_index from, F&& ended) {
  // Nodes and groups are freed on the way: first note which are meant. None of them goes before its
  // turn, since it still has the interest.
  std::vector<uint32_t> nodes;
  std::vector<uint32_t> groups;
  const uint64_t bit = uint64_t{1} << from;
  nodes_.visit_ids([&](uint32_t id) {
    if ((nodes_[id].remote_plain & bit) != 0) nodes.push_back(id);
  });
  groups_.visit_ids([&](uint32_t id) {
    for (const remote_weight& r : groups_[id].remote)
      if (r.reactor == from) groups.push_back(id);
  });
  std::string scratch;
  for (const uint32_t id : nodes) {
    node& n = nodes_[id];
    const std::string_view subject = subject_view(id, scratch); // may throw: before any change
    n.remote_plain &= ~bit;
    if (!n.wanted_plain()) ended(subject, std::string_view{});
    prune(id);
  }
  for (const uint32_t id : groups) {
    group& g = groups_[id];
    const uint32_t node_id = g.node;
    const std::string_view subject = subject_view(node_id, scratch);
    set_weight(g, from, 0);
    if (!g.wanted()) ended(subject, queue_name(g));
    free_group_if_unused(id);
    prune(node_id);
  }
}

template <class F>
void subject_index::visit_subs_of(const node& n, F&& visit) const {
  for (uint32_t id = n.first_sub; id != 0; id = sub_at(id).next_)
    visit(sub_at(id));
  if (n.branch == 0) return;
  for (uint32_t g = branches_[n.branch].first_group; g != 0; g = groups_[g].next)
    for (subscription* member : groups_[g].members)
      visit(*member);
}

template <class F>
void subject_index::visit_overlapping(std::string_view pattern, F&& visit) const {
  const filter_shape shape = shape_of(pattern);
  if (!shape.valid) return;
  if (shape.literal) {
    // Visited after the walk, so that the visitor may match meanwhile.
    std::vector<const node*> found;
    walk(pattern, hash(pattern), [&](const node& n) {
      found.push_back(&n);
      return true;
    });
    for (const node* n : found)
      visit_subs_of(*n, visit);
    return;
  }
  std::string scratch;
  nodes_.visit_ids([&](uint32_t id) {
    const node& n = nodes_[id];
    if (id == root || (n.first_sub == 0 && n.branch == 0)) return;
    if (n.first_sub == 0 && branches_[n.branch].first_group == 0) return;
    if (filters_overlap(subject_view(id, scratch), pattern)) visit_subs_of(n, visit);
  });
}

} // namespace troupe::routing
