#include "protocol/subject/filter_set.hpp"

#include <algorithm>

namespace troupe {

struct filter_set::question {
  const token_buffer& tokens;
  reading as;
  std::string_view queue;
  found answer;
};

filter_set::filter_set() : nodes_(1) {}

bool queue_matches(std::string_view queue, std::string_view pattern) {
  return queue == pattern || (has_wildcard(pattern) && is_subset_match(queue, pattern));
}

uint32_t filter_set::child(uint32_t parent, std::string_view token) {
  const auto fresh = static_cast<uint32_t>(nodes_.size());
  node& p = nodes_[parent];
  uint32_t* slot = nullptr;
  if (token == any_token)
    slot = &p.any_token;
  else if (token == any_tail)
    slot = &p.any_tail;
  else
    slot = &p.children.try_emplace(std::string(token), 0).first->second;
  if (*slot != 0) return *slot;
  *slot = fresh;
  nodes_.emplace_back();
  return fresh;
}

bool filter_set::add(std::string_view filter, std::string_view queue) {
  if (!is_valid_subject(filter) || (!queue.empty() && !is_valid_subject(queue))) return false;
  uint32_t at = 0;
  for (const std::string_view token : subject_tokens{filter})
    at = child(at, token);
  node& end = nodes_[at];
  if (queue.empty()) {
    size_ += end.plain ? 0 : 1;
    end.plain = true;
  } else if (std::find(end.queues.begin(), end.queues.end(), queue) == end.queues.end()) {
    end.queues.emplace_back(queue);
    has_queues_ = true;
    ++size_;
  }
  return true;
}

void filter_set::collect(const node& n, question& q) const {
  q.answer.plain = q.answer.plain || n.plain;
  q.answer.queued = q.answer.queued || !n.queues.empty();
  if (q.queue.empty() || q.answer.in_queue) return;
  q.answer.in_queue = std::any_of(n.queues.begin(), n.queues.end(), [&](const std::string& pattern) {
    return queue_matches(q.queue, pattern);
  });
}

// As deep as the shorter of the longest filter and the subject, which the protocol bounds.
void filter_set::walk(uint32_t id, size_t at, question& q) const {
  const node& n = nodes_[id];
  if (at == q.tokens.size()) {
    collect(n, q);
    return;
  }
  if (n.any_tail != 0) collect(nodes_[n.any_tail], q);
  const std::string_view token = q.tokens[at];
  const bool tail = q.as == reading::filter && token == any_tail;
  if (n.any_token != 0 && !tail) walk(n.any_token, at + 1, q);
  if (auto it = n.children.find(token); it != n.children.end()) walk(it->second, at + 1, q);
}

filter_set::found filter_set::match(std::string_view subject, reading as,
                                    std::string_view queue) const {
  if (size_ == 0) return {};
  const token_buffer tokens{subject};
  if (std::any_of(tokens.begin(), tokens.end(), [](std::string_view t) { return t.empty(); }))
    return {};
  question q{tokens, as, queue, {}};
  walk(0, 0, q);
  return q.answer;
}

} // namespace troupe
