// The filters of a shard: who subscribed to what, found by literal subject or by wildcard.
//
// Place in the flow: shard_core changes it and match_cache fills results from it. Owned by one
// reactor.
//
// A trie, cut short: wildcards and the tokens in front of a filter's last wildcard have a node
// each, but whatever follows the last wildcard is one node ("tail") with all its tokens as its
// text. A filter without wildcards is thus one node below the root, and a match needs one probe for
// it. Children are found through one hash table for the whole trie, keyed by (parent, text).
//
// Invariants:
// - A node exists while it has local or remote interest, children, groups or a pending change.
// - Only the root and wildcard nodes have tails below them; below a literal token there are only
//   literal tokens and wildcards that lead on.
// - A node has a branch record iff it has children or queue groups.
// - dirty_ names each node or group with the dirty flag exactly once, or all_noted_ is false.
//
// Memory that runs out: what adds (subscribe, apply) throws std::bad_alloc and has changed nothing;
// what removes (unsubscribe) needs none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/routing/id_table.hpp"
#include "actors/routing/slab.hpp"
#include "actors/routing/subscription.hpp"
#include "protocol/ids.hpp"

namespace troupe::routing {

/// Objects alive and bytes held by the index (texts on the heap included).
struct index_usage {
  size_t nodes = 0; // without the root
  size_t branches = 0;
  size_t subscriptions = 0;
  size_t groups = 0;
  size_t names = 0;
  size_t bytes = 0;
};

/// How a filter reads, before it is looked up.
struct filter_shape {
  bool valid = false;
  bool literal = true; // no wildcard token
  size_t tail = 0;     // where the text after the last wildcard starts; its size if there is none
};
filter_shape shape_of(std::string_view filter);

/// Whether some literal subject is matched by both filters. Both must be valid.
bool filters_overlap(std::string_view a, std::string_view b);

/// Seeded, not cryptographic.
uint64_t hash_text(std::string_view text, uint64_t seed);

namespace detail {

/// A node's text: inline up to 24 bytes, else one heap block.
class node_text {
public:
  explicit node_text(std::string_view text);
  ~node_text() {
    if (size_ > inline_bytes) delete[] heap();
  }
  node_text(const node_text&) = delete;
  node_text& operator=(const node_text&) = delete;
  std::string_view view() const { return {size_ > inline_bytes ? heap() : text_, size_}; }
  size_t heap_bytes() const { return size_ > inline_bytes ? size_ : 0; }

private:
  static constexpr size_t inline_bytes = 24;
  char* heap() const {
    char* p;
    std::memcpy(&p, text_, sizeof p);
    return p;
  }

  char text_[inline_bytes];
  uint16_t size_;
};

enum class node_kind : uint8_t { text, any_token, any_tail };

} // namespace detail

class subject_index {
public:
  struct node {
    node(uint32_t parent_id, std::string_view text, detail::node_kind k)
        : parent(parent_id), text(text), kind(k) {}

    uint64_t remote_plain = 0; // bit r: reactor r has plain interest
    uint32_t parent;
    uint32_t first_sub = 0; // local plain subscriptions, oldest first, linked through next_
    uint32_t branch = 0;    // children and groups
    detail::node_text text;
    detail::node_kind kind;
    bool dirty : 1 = false;     // waits in dirty_
    bool announced : 1 = false; // peers believe that there is plain interest here

    bool wanted_plain() const { return first_sub != 0 || remote_plain != 0; }
  };

  struct branch {
    uint32_t any_token = 0; // child "*"
    uint32_t any_tail = 0;  // child ">"
    uint32_t text_children = 0;
    uint32_t inner_children = 0; // text children that have children
    uint32_t first_group = 0;

    uint32_t children() const { return text_children + (any_token != 0) + (any_tail != 0); }
  };

  struct group {
    uint32_t node = 0;
    uint32_t name = 0;
    uint32_t next = 0; // among the groups of the node
    uint32_t prev = 0;
    uint32_t announced = 0; // members that peers believe in
    bool dirty = false;
    std::vector<subscription*> members;
    std::vector<remote_weight> remote;

    bool wanted() const { return !members.empty() || !remote.empty(); }
  };

  /// A group's name, stored once per shard. The mark lets a match merge groups by name in one step.
  struct name {
    std::string text;
    uint32_t groups = 0; // how many use it
    uint32_t mark_place = 0;
    uint64_t mark = 0;
  };

  subject_index(uint64_t hash_seed, bool track_changes);
  ~subject_index();

  uint64_t hash(std::string_view text) const { return hash_text(text, seed_); }

  // Each of these says in `flipped` whether interest (local or remote) in exactly that filter and
  // queue began or ended.
  subscription* subscribe(subscriber* owner, std::string_view subject, const filter_shape& shape,
                          std::string_view queue, std::string_view sid, bool& flipped);
  void unsubscribe(subscription* sub, bool& flipped);
  /// False if it changed nothing.
  bool apply(reactor_index from, std::string_view subject, const filter_shape& shape,
             std::string_view queue, uint32_t weight, bool& flipped);
  /// Drops all interest of a reactor; ended(subject, queue) for each interest that ended with it.
  template <class F>
  void forget(reactor_index from, F&& ended);

  bool has_changes() const { return dirty_next_ < dirty_.size() || !all_noted_; }
  /// visit(subject, queue, weight) for at most `at_most` changes. Must not change the index.
  template <class F>
  void take_changes(size_t at_most, F&& visit);
  /// visit(subject, queue, weight) for all local interest that take_changes() has told of; for all
  /// local interest if changes are not tracked.
  template <class F>
  void visit_told_interest(F&& visit) const;

  /// Visits the nodes whose filters match a literal subject: visit(const node&) -> bool, false ends
  /// the walk. `hash` is that of the subject.
  template <class F>
  void walk(std::string_view subject, uint64_t hash, F&& visit) const;

  template <class F>
  void visit_all(F&& visit) const {
    std::string text;
    subscriptions_.visit_ids([&](uint32_t id) {
      subscription& sub = sub_at(id);
      visit(sub, subject_view(sub, text));
    });
  }
  template <class F>
  uint32_t visit_some(uint32_t from, size_t at_most, F&& visit) const {
    std::string text;
    return subscriptions_.visit_some(from, at_most, [&](uint32_t id) {
      subscription& sub = sub_at(id);
      visit(sub, subject_view(sub, text));
    });
  }
  /// visit(subscription&) for each local subscription whose filter overlaps `pattern`. Cheap for
  /// a literal pattern; looks at every filter otherwise.
  template <class F>
  void visit_overlapping(std::string_view pattern, F&& visit) const;

  // A filter without wildcards, exactly.
  bool wanted_exactly(std::string_view literal, std::string_view queue) const;

  void subject_of(const subscription& sub, std::string& out) const { put_subject(sub.node_, out); }
  bool is_literal(const subscription& sub) const {
    const node& n = nodes_[sub.node_];
    return n.parent == root && n.kind == detail::node_kind::text;
  }
  /// The filter's text, in place if it is one node, else in `scratch`.
  std::string_view subject_view(const subscription& sub, std::string& scratch) const {
    return subject_view(sub.node_, scratch);
  }
  std::string_view subject_view(uint32_t node_id, std::string& scratch) const;
  std::string_view queue_of(const subscription& sub) const {
    return sub.in_queue() ? queue_name(groups_[sub.next_]) : std::string_view{};
  }

  /// For bulk removal: brings what removing `sub` will touch into the CPU's cache.
  void prefetch(const subscription* sub) const { __builtin_prefetch(sub); }
  void prefetch_node(const subscription* sub) const { nodes_.prefetch(sub->node_); }
  void prefetch_links(const subscription* sub) const;

  size_t size() const { return subscriptions_.size(); }
  index_usage usage() const;

  // For those who build results from a walk.
  const branch& branch_of(const node& n) const { return branches_[n.branch]; }
  const group& group_at(uint32_t id) const { return groups_[id]; }
  name& name_of(const group& g) const { return names_[g.name]; }
  std::string_view queue_name(const group& g) const { return names_[g.name].text; }
  /// Appends the node's local plain subscriptions, in the order in which they came.
  void append_plain(const node& n, std::vector<subscription*>& out) const {
    for (uint32_t id = n.first_sub; id != 0;) {
      subscription& sub = sub_at(id);
      out.push_back(&sub);
      id = sub.next_;
    }
  }
  size_t count_plain(const node& n) const {
    size_t count = 0;
    for (uint32_t id = n.first_sub; id != 0; id = sub_at(id).next_)
      ++count;
    return count;
  }

private:
  static constexpr uint32_t root = 1;

  struct change_ref {
    uint32_t node;
    uint32_t group; // 0 = plain
  };

  struct frame {
    uint32_t node;
    uint32_t token;
  };

  subscription& sub_at(uint32_t id) const { return subscriptions_[id]; }
  uint32_t key(uint32_t parent, uint64_t text_hash) const;
  uint32_t key(uint32_t parent, std::string_view text) const { return key(parent, hash(text)); }
  uint32_t find_child(uint32_t parent, std::string_view text, uint32_t child_key) const;
  uint32_t find_node(std::string_view subject, const filter_shape& shape) const;
  uint32_t make_node(std::string_view subject, const filter_shape& shape);
  uint32_t child(uint32_t parent, std::string_view text, bool wildcard);
  branch& branch_for(uint32_t node_id);
  void drop_branch_if_empty(node& n);
  void link_child(uint32_t parent, uint32_t id);
  void unlink_child(uint32_t id);
  void prune(uint32_t node_id);
  bool unused(const node& n) const;

  bool link_plain(subscription& sub);
  bool link_member(subscription& sub, std::string_view queue);
  bool apply_to_group(uint32_t node_id, reactor_index from, std::string_view queue, uint32_t weight,
                      bool& flipped);

  uint32_t find_group(uint32_t node_id, std::string_view queue) const;
  uint32_t make_group(uint32_t node_id, std::string_view queue);
  void free_group_if_unused(uint32_t group_id);
  uint32_t intern(std::string_view queue);
  void drop_name_if_unused(uint32_t name_id);
  uint32_t find_name(std::string_view queue, uint32_t name_key) const;
  bool set_weight(group& g, reactor_index from, uint32_t weight);
  void prefetch_changes() const;
  void mark_plain(uint32_t node_id);
  void mark_group(uint32_t group_id);
  void note_change(change_ref what);
  void note_all_changes();

  void put_subject(uint32_t node_id, std::string& out) const;
  bool split(std::string_view subject) const;
  template <class F>
  void visit_subs_of(const node& n, F&& visit) const;

  mutable slab<node> nodes_;
  slab<branch> branches_;
  mutable slab<subscription> subscriptions_;
  slab<group> groups_;
  mutable slab<name> names_;
  id_table children_;
  id_table group_table_; // keyed by (node, name)
  id_table name_table_;
  std::vector<change_ref> dirty_;
  size_t dirty_next_ = 0;
  bool all_noted_ = true; // false: dirty_ had no room for some
  uint64_t seed_;
  size_t text_bytes_ = 0; // node texts on the heap
  bool track_changes_;
  // Scratch of walk(): where each token ends, and the places still to visit.
  mutable std::vector<uint32_t> token_ends_;
  mutable std::vector<frame> stack_;
};

} // namespace troupe::routing

#include "actors/routing/subject_index_impl.hpp"
