#include "actors/routing/subject_index.hpp"

#include <algorithm>
#include <cassert>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "protocol/rollback.hpp"

namespace troupe::routing {

using detail::node_kind;

// --- texts -----------------------------------------------------------------------------------

uint64_t hash_text(std::string_view text, uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

filter_shape shape_of(std::string_view filter) {
  constexpr size_t max_filter_bytes = 65535;
  filter_shape shape;
  if (filter.empty() || filter.size() > max_filter_bytes) return shape;
  size_t start = 0;
  for (;;) {
    const size_t dot = std::min(filter.find('.', start), filter.size());
    if (dot == start) return shape;
    if (dot - start == 1 && (filter[start] == '*' || filter[start] == '>')) {
      if (filter[start] == '>' && dot != filter.size()) return shape;
      shape.literal = false;
      shape.tail = std::min(dot + 1, filter.size());
    }
    if (dot == filter.size()) break;
    start = dot + 1;
  }
  shape.valid = true;
  return shape;
}

bool filters_overlap(std::string_view a, std::string_view b) {
  for (;;) {
    const size_t end_a = std::min(a.find('.'), a.size());
    const size_t end_b = std::min(b.find('.'), b.size());
    const std::string_view token_a = a.substr(0, end_a);
    const std::string_view token_b = b.substr(0, end_b);
    if (token_a == ">" || token_b == ">") return true;
    if (token_a != "*" && token_b != "*" && token_a != token_b) return false;
    if (end_a == a.size() || end_b == b.size()) return end_a == a.size() && end_b == b.size();
    a.remove_prefix(end_a + 1);
    b.remove_prefix(end_b + 1);
  }
}

detail::node_text::node_text(std::string_view text) : size_(static_cast<uint16_t>(text.size())) {
  char* to = text_;
  if (text.size() > inline_bytes) {
    to = new char[text.size()];
    std::memcpy(text_, &to, sizeof to);
  }
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
}

subscription::subscription(subscriber* holder, std::string_view sid) : owner(holder) {
  if (sid.size() <= inline_sid_bytes) {
    if (!sid.empty()) std::memcpy(sid_text_, sid.data(), sid.size());
    sid_bytes_ = static_cast<uint8_t>(sid.size());
    return;
  }
  const auto size = static_cast<uint32_t>(sid.size());
  char* block = new char[sizeof size + sid.size()];
  std::memcpy(block, &size, sizeof size);
  std::memcpy(block + sizeof size, sid.data(), sid.size());
  std::memcpy(sid_text_, &block, sizeof block);
  sid_bytes_ = heap_sid;
}

subscription::~subscription() {
  if (sid_bytes_ == heap_sid) delete[] long_sid();
}

// --- nodes -----------------------------------------------------------------------------------

subject_index::subject_index(uint64_t hash_seed, bool track_changes)
    : seed_(hash_seed), track_changes_(track_changes) {
  static_assert(sizeof(node) <= 48);
  nodes_.create(0, std::string_view{}, node_kind::any_token);
}

subject_index::~subject_index() = default;

uint32_t subject_index::key(uint32_t parent, uint64_t text_hash) const {
  return static_cast<uint32_t>(((text_hash ^ (parent * 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u)
                               >> 32);
}

uint32_t subject_index::find_child(uint32_t parent, std::string_view text,
                                   uint32_t child_key) const {
  return children_.find(child_key, [&](uint32_t id) {
    const node& n = nodes_[id];
    return n.parent == parent && n.text.view() == text;
  });
}

subject_index::branch& subject_index::branch_for(uint32_t node_id) {
  node& n = nodes_[node_id];
  if (n.branch == 0) n.branch = branches_.create();
  return branches_[n.branch];
}

void subject_index::drop_branch_if_empty(node& n) {
  if (n.branch == 0) return;
  const branch& b = branches_[n.branch];
  if (b.children() != 0 || b.first_group != 0) return;
  branches_.destroy(n.branch);
  n.branch = 0;
}

void subject_index::link_child(uint32_t parent, uint32_t id) {
  const node& n = nodes_[id];
  branch& b = branch_for(parent);
  if (n.kind == node_kind::text) {
    rollback drop_branch([this, parent] { drop_branch_if_empty(nodes_[parent]); });
    children_.insert(key(parent, n.text.view()), id);
    drop_branch.keep();
  }
  const bool first = b.children() == 0;
  switch (n.kind) {
  case node_kind::any_token:
    b.any_token = id;
    break;
  case node_kind::any_tail:
    b.any_tail = id;
    break;
  case node_kind::text:
    ++b.text_children;
    break;
  }
  const node& up = nodes_[parent];
  if (first && up.kind == node_kind::text) ++branches_[nodes_[up.parent].branch].inner_children;
}

void subject_index::unlink_child(uint32_t id) {
  const node& n = nodes_[id];
  node& up = nodes_[n.parent];
  branch& b = branches_[up.branch];
  switch (n.kind) {
  case node_kind::any_token:
    b.any_token = 0;
    break;
  case node_kind::any_tail:
    b.any_tail = 0;
    break;
  case node_kind::text:
    --b.text_children;
    children_.erase(key(n.parent, n.text.view()), id);
    break;
  }
  if (b.children() != 0) return;
  if (up.kind == node_kind::text) --branches_[nodes_[up.parent].branch].inner_children;
  drop_branch_if_empty(up);
}

uint32_t subject_index::child(uint32_t parent, std::string_view text, bool wildcard) {
  node_kind kind = node_kind::text;
  uint32_t found = 0;
  if (wildcard) {
    kind = text == ">" ? node_kind::any_tail : node_kind::any_token;
    if (const uint32_t b = nodes_[parent].branch; b != 0)
      found = kind == node_kind::any_tail ? branches_[b].any_tail : branches_[b].any_token;
  } else {
    found = find_child(parent, text, key(parent, text));
  }
  if (found != 0) return found;
  const uint32_t id = nodes_.create(parent, text, kind);
  rollback drop_node([this, id] { nodes_.destroy(id); });
  link_child(parent, id);
  drop_node.keep();
  text_bytes_ += nodes_[id].text.heap_bytes();
  return id;
}

uint32_t subject_index::make_node(std::string_view subject, const filter_shape& shape) {
  uint32_t id = root;
  size_t start = 0;
  rollback drop_made([&] { prune(id); });
  while (start < shape.tail) {
    const size_t end = std::min(subject.find('.', start), subject.size());
    const std::string_view token = subject.substr(start, end - start);
    id = child(id, token, token == "*" || token == ">");
    start = end + 1;
  }
  if (start < subject.size()) id = child(id, subject.substr(start), false);
  drop_made.keep();
  return id;
}

uint32_t subject_index::find_node(std::string_view subject, const filter_shape& shape) const {
  uint32_t id = root;
  size_t start = 0;
  while (start < shape.tail) {
    const size_t end = std::min(subject.find('.', start), subject.size());
    const std::string_view token = subject.substr(start, end - start);
    if (token == "*" || token == ">") {
      const uint32_t b = nodes_[id].branch;
      if (b == 0) return 0;
      id = token == ">" ? branches_[b].any_tail : branches_[b].any_token;
    } else {
      id = find_child(id, token, key(id, token));
    }
    if (id == 0) return 0;
    start = end + 1;
  }
  if (start >= subject.size()) return id;
  const std::string_view tail = subject.substr(start);
  return find_child(id, tail, key(id, tail));
}

bool subject_index::unused(const node& n) const {
  return n.first_sub == 0 && n.remote_plain == 0 && n.branch == 0 && !n.dirty;
}

void subject_index::prune(uint32_t node_id) {
  while (node_id != root && unused(nodes_[node_id])) {
    const uint32_t parent = nodes_[node_id].parent;
    unlink_child(node_id);
    text_bytes_ -= nodes_[node_id].text.heap_bytes();
    nodes_.destroy(node_id);
    node_id = parent;
  }
  if (nodes_.size() == 1 && nodes_.bytes() > 4096) { // only the root: give the blocks back
    nodes_.destroy(root);
    nodes_.create(0, std::string_view{}, node_kind::any_token);
  }
}

std::string_view subject_index::subject_view(uint32_t node_id, std::string& scratch) const {
  const node& n = nodes_[node_id];
  if (n.parent == root && n.kind == node_kind::text) return n.text.view();
  put_subject(node_id, scratch);
  return scratch;
}

void subject_index::put_subject(uint32_t node_id, std::string& out) const {
  size_t size = 0;
  for (uint32_t id = node_id; id != root; id = nodes_[id].parent)
    size += nodes_[id].text.view().size() + 1;
  out.assign(size, '.');
  for (uint32_t id = node_id; id != root; id = nodes_[id].parent) {
    const std::string_view text = nodes_[id].text.view();
    size -= text.size() + 1;
    out.replace(size, text.size(), text);
  }
  out.pop_back();
}

bool subject_index::split(std::string_view subject) const {
  token_ends_.clear();
  size_t start = 0;
  const size_t size = subject.size();
  for (size_t i = 0; i < size; ++i) {
    if (subject[i] != '.') continue;
    if (i == start) return false;
    token_ends_.push_back(static_cast<uint32_t>(i));
    start = i + 1;
  }
  if (start >= size) return false;
  token_ends_.push_back(static_cast<uint32_t>(size));
  return true;
}

// --- interest --------------------------------------------------------------------------------

void subject_index::mark_plain(uint32_t node_id) {
  node& n = nodes_[node_id];
  if (!track_changes_ || n.dirty) return;
  n.dirty = true;
  note_change({node_id, 0});
}

void subject_index::mark_group(uint32_t group_id) {
  group& g = groups_[group_id];
  if (!track_changes_ || g.dirty) return;
  g.dirty = true;
  note_change({g.node, group_id});
}

void subject_index::note_change(change_ref what) {
  try {
    dirty_.push_back(what);
  } catch (const std::bad_alloc&) {
    all_noted_ = false; // the flag tells of it
  }
}

/// Finds by their flags what dirty_ had no room for.
void subject_index::note_all_changes() {
  std::vector<change_ref> all;
  nodes_.visit_ids([&](uint32_t id) {
    if (nodes_[id].dirty) all.push_back({id, 0});
  });
  groups_.visit_ids([&](uint32_t id) {
    if (groups_[id].dirty) all.push_back({groups_[id].node, id});
  });
  dirty_ = std::move(all);
  dirty_next_ = 0;
  all_noted_ = true;
}

subscription* subject_index::subscribe(subscriber* owner, std::string_view subject,
                                       const filter_shape& shape, std::string_view queue,
                                       std::string_view sid, bool& flipped) {
  const uint32_t node_id = make_node(subject, shape);
  rollback drop_node([this, node_id] { prune(node_id); });
  const uint32_t id = subscriptions_.create(owner, sid);
  rollback drop_subscription([this, id] { subscriptions_.destroy(id); });
  subscription& sub = subscriptions_[id];
  sub.id_ = id;
  sub.node_ = node_id;
  flipped = queue.empty() ? link_plain(sub) : link_member(sub, queue);
  drop_subscription.keep();
  drop_node.keep();
  return &sub;
}

/// Both say whether interest began.
bool subject_index::link_plain(subscription& sub) {
  node& n = nodes_[sub.node_];
  const bool began = !n.wanted_plain();
  if (n.first_sub != 0) {
    uint32_t& last = subscriptions_[n.first_sub].prev_;
    subscriptions_[last].next_ = sub.id_;
    sub.prev_ = std::exchange(last, sub.id_);
    return began;
  }
  n.first_sub = sub.id_;
  sub.prev_ = sub.id_;
  mark_plain(sub.node_);
  return began;
}

bool subject_index::link_member(subscription& sub, std::string_view queue) {
  const uint32_t group_id = make_group(sub.node_, queue);
  group& g = groups_[group_id];
  const bool began = !g.wanted();
  sub.in_queue_ = 1;
  sub.next_ = group_id;
  sub.prev_ = static_cast<uint32_t>(g.members.size());
  rollback drop_group([this, group_id] { free_group_if_unused(group_id); });
  g.members.push_back(&sub);
  drop_group.keep();
  mark_group(group_id);
  return began;
}

void subject_index::unsubscribe(subscription* sub, bool& flipped) {
  const uint32_t node_id = sub->node_;
  if (sub->in_queue()) {
    const uint32_t group_id = sub->next_;
    group& g = groups_[group_id];
    g.members[sub->prev_] = g.members.back();
    g.members[sub->prev_]->prev_ = sub->prev_;
    g.members.pop_back();
    if (g.members.capacity() > 64 && g.members.size() * 4 < g.members.capacity())
      g.members.shrink_to_fit();
    subscriptions_.destroy(sub->id_);
    mark_group(group_id);
    flipped = !g.wanted();
    free_group_if_unused(group_id);
  } else {
    node& n = nodes_[node_id];
    if (n.first_sub == sub->id_) {
      n.first_sub = sub->next_;
    } else {
      subscriptions_[sub->prev_].next_ = sub->next_;
    }
    // The one behind it, or if it was the last the first, which knows the last.
    if (const uint32_t behind = sub->next_ != 0 ? sub->next_ : n.first_sub; behind != 0)
      subscriptions_[behind].prev_ = sub->prev_;
    subscriptions_.destroy(sub->id_);
    if (n.first_sub == 0) mark_plain(node_id);
    flipped = !n.wanted_plain();
  }
  prune(node_id);
}

bool subject_index::apply(reactor_index from, std::string_view subject, const filter_shape& shape,
                          std::string_view queue, uint32_t weight, bool& flipped) {
  flipped = false;
  const uint32_t node_id = weight == 0 ? find_node(subject, shape) : make_node(subject, shape);
  if (node_id == 0) return false;
  rollback drop_node([this, node_id] { prune(node_id); }); // in any case: weight 0 may leave it unused
  if (queue.empty()) {
    node& n = nodes_[node_id];
    const bool before = n.wanted_plain();
    const uint64_t mask = n.remote_plain;
    const uint64_t bit = uint64_t{1} << from;
    n.remote_plain = weight == 0 ? mask & ~bit : mask | bit;
    flipped = n.wanted_plain() != before;
    return n.remote_plain != mask;
  }
  return apply_to_group(node_id, from, queue, weight, flipped);
}

bool subject_index::apply_to_group(uint32_t node_id, reactor_index from, std::string_view queue,
                                   uint32_t weight, bool& flipped) {
  const uint32_t group_id = weight == 0 ? find_group(node_id, queue) : make_group(node_id, queue);
  if (group_id == 0) return false;
  group& g = groups_[group_id];
  const bool before = g.wanted();
  rollback drop_group([this, group_id] { free_group_if_unused(group_id); }); // in any case
  const bool changed = set_weight(g, from, weight);
  flipped = g.wanted() != before;
  return changed;
}

bool subject_index::wanted_exactly(std::string_view literal, std::string_view queue) const {
  const uint32_t id = find_child(root, literal, key(root, literal));
  if (id == 0) return false;
  if (queue.empty()) return nodes_[id].wanted_plain();
  const uint32_t group_id = find_group(id, queue);
  return group_id != 0 && groups_[group_id].wanted();
}

void subject_index::prefetch_links(const subscription* sub) const {
  if (sub->in_queue()) return;
  if (sub->next_ != 0) subscriptions_.prefetch(sub->next_);
  subscriptions_.prefetch(sub->prev_);
  if (track_changes_) return; // else the node is freed at once, and its slot found by its text
  const node& n = nodes_[sub->node_];
  if (n.kind == node_kind::text) children_.prefetch(key(n.parent, n.text.view()));
}

/// What the next changes to be taken will touch, in two steps, as far as it is known by then.
void subject_index::prefetch_changes() const {
  constexpr size_t far = 10;
  constexpr size_t near = 5;
  const size_t left = dirty_.size() - dirty_next_;
  if (left > far) nodes_.prefetch(dirty_[dirty_next_ + far].node);
  if (left > near) {
    const node& n = nodes_[dirty_[dirty_next_ + near].node];
    if (n.kind == node_kind::text && n.branch == 0 && n.first_sub == 0)
      children_.prefetch(key(n.parent, n.text.view()));
  }
}

// --- queue groups ----------------------------------------------------------------------------

uint32_t subject_index::find_name(std::string_view queue, uint32_t name_key) const {
  return name_table_.find(name_key, [&](uint32_t id) { return names_[id].text == queue; });
}

uint32_t subject_index::find_group(uint32_t node_id, std::string_view queue) const {
  const uint32_t name_id = find_name(queue, static_cast<uint32_t>(hash(queue) >> 32));
  if (name_id == 0) return 0;
  return group_table_.find(key(node_id, uint64_t{name_id}), [&](uint32_t id) {
    return groups_[id].node == node_id && groups_[id].name == name_id;
  });
}

uint32_t subject_index::intern(std::string_view queue) {
  const auto name_key = static_cast<uint32_t>(hash(queue) >> 32);
  uint32_t id = find_name(queue, name_key);
  if (id == 0) {
    id = names_.create();
    rollback drop_name([this, id] { names_.destroy(id); });
    names_[id].text = queue;
    name_table_.insert(name_key, id);
    drop_name.keep();
  }
  return id;
}

void subject_index::drop_name_if_unused(uint32_t name_id) {
  const name& n = names_[name_id];
  if (n.groups != 0) return;
  name_table_.erase(static_cast<uint32_t>(hash(n.text) >> 32), name_id);
  names_.destroy(name_id);
}

uint32_t subject_index::make_group(uint32_t node_id, std::string_view queue) {
  if (const uint32_t found = find_group(node_id, queue)) return found;
  const uint32_t name_id = intern(queue);
  rollback drop_name([this, name_id] { drop_name_if_unused(name_id); });
  const uint32_t id = groups_.create();
  rollback drop_group([this, id] { groups_.destroy(id); });
  branch_for(node_id);
  rollback drop_branch([this, node_id] { drop_branch_if_empty(nodes_[node_id]); });
  group_table_.insert(key(node_id, uint64_t{name_id}), id);
  drop_branch.keep();
  drop_group.keep();
  drop_name.keep();
  ++names_[name_id].groups;
  branch& b = branches_[nodes_[node_id].branch];
  group& g = groups_[id];
  g.node = node_id;
  g.name = name_id;
  g.next = b.first_group;
  if (g.next != 0) groups_[g.next].prev = id;
  b.first_group = id;
  return id;
}

void subject_index::free_group_if_unused(uint32_t group_id) {
  const group& g = groups_[group_id];
  if (g.dirty || g.wanted()) return;
  node& n = nodes_[g.node];
  if (g.prev != 0) {
    groups_[g.prev].next = g.next;
  } else {
    branches_[n.branch].first_group = g.next;
  }
  if (g.next != 0) groups_[g.next].prev = g.prev;
  group_table_.erase(key(g.node, uint64_t{g.name}), group_id);
  --names_[g.name].groups;
  drop_name_if_unused(g.name);
  groups_.destroy(group_id);
  drop_branch_if_empty(n);
}

bool subject_index::set_weight(group& g, reactor_index from, uint32_t weight) {
  const auto at = std::find_if(g.remote.begin(), g.remote.end(),
                               [&](const remote_weight& r) { return r.reactor == from; });
  if (at == g.remote.end()) {
    if (weight == 0) return false;
    g.remote.push_back({from, weight});
    return true;
  }
  if (weight == 0) {
    g.remote.erase(at);
    return true;
  }
  return std::exchange(at->weight, weight) != weight;
}

index_usage subject_index::usage() const {
  index_usage u{
      .nodes = nodes_.size() - 1,
      .branches = branches_.size(),
      .subscriptions = subscriptions_.size(),
      .groups = groups_.size(),
      .names = names_.size(),
  };
  u.bytes = nodes_.bytes() + branches_.bytes() + subscriptions_.bytes() + groups_.bytes()
            + names_.bytes() + children_.bytes() + group_table_.bytes() + name_table_.bytes()
            + text_bytes_ + dirty_.capacity() * sizeof(change_ref);
  return u;
}

} // namespace troupe::routing
