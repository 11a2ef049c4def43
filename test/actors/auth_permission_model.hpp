// Permissions the slow and obvious way: lists, searched from end to end. And what must hold between
// the answers for a subscription and for single messages.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/auth/permission_core.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe::test {

struct permission_model {
  using rule = std::pair<std::string, std::string>; // subject, queue

  std::vector<rule> allow;
  std::vector<rule> deny;

  config::permissions as_subscribe() const {
    config::permissions p;
    p.subscribe = lists();
    return p;
  }
  config::permissions as_publish() const {
    config::permissions p;
    p.publish = lists();
    return p;
  }

  static bool same_queue(std::string_view queue, std::string_view pattern) {
    return queue == pattern || (has_wildcard(pattern) && is_subset_match(queue, pattern));
  }
  bool denies(std::string_view literal, std::string_view queue) const {
    for (const auto& [subject, q] : deny) {
      if (matches_filter(literal, subject) && (q.empty() || (!queue.empty() && same_queue(queue, q))))
        return true;
    }
    return false;
  }
  bool publishes(std::string_view literal) const {
    bool allowed = allow.empty();
    for (const auto& [subject, q] : allow)
      allowed = allowed || (q.empty() && matches_filter(literal, subject));
    for (const auto& [subject, q] : deny)
      allowed = allowed && !matches_filter(literal, subject);
    return allowed;
  }
  /// For valid subjects whose tokens are either wildcards or begin with none.
  bool subscribes(std::string_view subject, std::string_view queue) const {
    bool plain = false, queued = false, in_queue = false;
    for (const auto& [filter, q] : allow) {
      if (!is_subset_match(subject, filter)) continue;
      plain = plain || q.empty();
      queued = queued || !q.empty();
      in_queue = in_queue || (!q.empty() && !queue.empty() && same_queue(queue, q));
    }
    if (!allow.empty() && !(!queue.empty() && queued ? in_queue : plain)) return false;
    // A denied filter counts its tokens, `>` of the subscription being one of them.
    return !denies(subject, queue);
  }

private:
  config::subject_permission lists() const {
    config::subject_permission p;
    for (const auto& [subject, queue] : allow)
      p.allow.push_back(queue.empty() ? subject : subject + " " + queue);
    for (const auto& [subject, queue] : deny)
      p.deny.push_back(queue.empty() ? subject : subject + " \t" + queue);
    return p;
  }
};

/// Empty if all is well: `rules` answer as the model does for this subscription and these
/// messages, and no message passes that the rules deny or do not allow.
inline std::string differs(const permission_model& model, const permission_set& rules,
                           std::string_view subject, std::string_view queue,
                           const std::vector<std::string>& literals) {
  const std::string asked = std::string(subject) + " [" + std::string(queue) + "]";
  const bool allowed = rules.subscribes(subject, queue);
  if (allowed != model.subscribes(subject, queue)) return "subscription to " + asked;
  if (!allowed) return {};
  const bool filtered = rules.needs_delivery_filter(subject, queue);
  for (const std::string& literal : literals) {
    if (!matches_filter(literal, subject)) continue;
    if (rules.delivers(literal, queue) == model.denies(literal, queue))
      return "delivery of " + literal + " to " + asked;
    if (!filtered && model.denies(literal, queue)) return "no filter on " + asked + " for " + literal;
    if (!model.allow.empty() && queue.empty() && !permission_model{model.allow, {}}.publishes(literal))
      return asked + " admits " + literal + ", which is not allowed";
  }
  return {};
}

} // namespace troupe::test
