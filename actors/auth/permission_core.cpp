#include "actors/auth/permission_core.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace troupe {

namespace {

using namespace std::chrono_literals;
using reading = filter_set::reading;

constexpr std::string_view blanks = " \t\r\n\f\v";

/// "subject queue" taken apart; an empty subject if there are more words, or none.
std::pair<std::string, std::string> split_rule(std::string_view rule) {
  std::vector<std::string> words;
  while (true) {
    const size_t start = rule.find_first_not_of(blanks);
    if (start == std::string_view::npos) break;
    rule.remove_prefix(start);
    const size_t length = std::min(rule.find_first_of(blanks), rule.size());
    words.emplace_back(rule.substr(0, length));
    rule.remove_prefix(length);
  }
  if (words.empty() || words.size() > 2) return {};
  if (words.size() == 1) return {std::move(words[0]), {}};
  return {std::move(words[0]), std::move(words[1])};
}

uint32_t hash_of(std::string_view subject) {
  return static_cast<uint32_t>(std::hash<std::string_view>{}(subject));
}

} // namespace

// -- permission_set --------------------------------------------------------------------------------

std::shared_ptr<const permission_set> permission_set::make(const config::permissions& rules) {
  auto set = std::make_shared<permission_set>();
  set->responses_ = rules.responses;
  if (set->responses_) {
    const config::response_permission usual;
    if (set->responses_->max_msgs == 0) set->responses_->max_msgs = usual.max_msgs;
    if (set->responses_->expires == 0s) set->responses_->expires = usual.expires;
  }
  const config::subject_permission nothing;
  const auto& publish = rules.publish ? *rules.publish : nothing;
  const auto& subscribe = rules.subscribe ? *rules.subscribe : nothing;
  if (!publish.allow.empty() || rules.responses) set->publish_allow_.emplace();
  for (const std::string& subject : publish.allow)
    set->publish_allow_->add(subject);
  // A queue means nothing to a publish; the subject stays denied all the same.
  for (const std::string& subject : publish.deny)
    set->publish_deny_.add(split_rule(subject).first);
  if (!subscribe.allow.empty()) set->subscribe_allow_.emplace();
  for (const std::string& rule : subscribe.allow) {
    auto [subject, queue] = split_rule(rule);
    set->subscribe_allow_->add(subject, queue);
  }
  for (const std::string& rule : subscribe.deny) {
    auto [subject, queue] = split_rule(rule);
    if (set->subscribe_deny_.add(subject, queue))
      set->subscribe_deny_list_.push_back({std::move(subject), std::move(queue)});
  }
  return set;
}

bool permission_set::publishes(std::string_view subject) const {
  if (publish_allow_ && !publish_allow_->contains(subject)) return false;
  return !publish_deny_.contains(subject);
}

bool permission_set::subscribes(std::string_view subject, std::string_view queue) const {
  if (subscribe_allow_) {
    const auto allowed = subscribe_allow_->match(subject, reading::filter, queue);
    const bool by_queue = !queue.empty() && allowed.queued;
    if (by_queue ? !allowed.in_queue : !allowed.plain) return false;
  }
  // Read as literal a `>` counts as a token of its own, so that a denied "foo.*" also refuses
  // "foo.>", as the Go server does.
  const auto denied = subscribe_deny_.match(subject, reading::literal, queue);
  return !denied.plain && !denied.in_queue;
}

bool permission_set::needs_delivery_filter(std::string_view subject, std::string_view queue) const {
  if (subscribe_deny_list_.empty() || !has_wildcard(subject)) return false;
  return std::any_of(subscribe_deny_list_.begin(), subscribe_deny_list_.end(),
                     [&](const deny_rule& rule) {
                       return (rule.queue.empty() || queue_matches(queue, rule.queue))
                              && subjects_collide(rule.subject, subject);
                     });
}

bool permission_set::delivers(std::string_view subject, std::string_view queue) const {
  const auto denied = subscribe_deny_.match(subject, reading::literal, queue);
  return !denied.plain && !denied.in_queue;
}

// -- verdict_cache ---------------------------------------------------------------------------------

std::optional<bool> verdict_cache::find(std::string_view subject) {
  if (entries_.empty()) return {};
  if (const entry& last = entries_[last_]; last.used && last.subject == subject)
    return last.verdict;
  const uint32_t hash = hash_of(subject);
  const entry* set = set_of(hash);
  for (size_t i = 0; i < ways; ++i) {
    if (!set[i].used || set[i].hash != hash || set[i].subject != subject) continue;
    last_ = static_cast<size_t>(&set[i] - entries_.data());
    return set[i].verdict;
  }
  return {};
}

void verdict_cache::put(std::string_view subject, bool verdict) {
  if (subject.size() > subject_bytes_max) return;
  if (entries_.empty()) entries_.resize(ways);
  const uint32_t hash = hash_of(subject);
  entry* set = set_of(hash);
  entry* place = std::find_if(set, set + ways, [](const entry& e) { return !e.used; });
  if (place == set + ways && entries_.size() < entries_max) {
    // Grown, it starts empty: to fill it again is cheaper than to tell how to move entries.
    const size_t more = std::min(entries_.size() * 8, entries_max);
    entries_.clear();
    entries_.resize(more);
    place = set_of(hash);
  } else if (place == set + ways) {
    place = set + next_victim_++ % ways;
  }
  place->subject.assign(subject);
  place->hash = hash;
  place->used = true;
  place->verdict = verdict;
  last_ = static_cast<size_t>(place - entries_.data());
}

size_t verdict_cache::size() const {
  return static_cast<size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const entry& e) { return e.used; }));
}

// -- permission_state ------------------------------------------------------------------------------

bool permission_state::may_publish(std::string_view subject, nanoseconds now) {
  if (!rules_->restricts_publish()) return true;
  if (const auto known = published_.find(subject)) {
    if (*known || !replies_) return *known;
    return use_grant(subject, now);
  }
  const bool allowed = rules_->publishes(subject);
  if (!allowed && replies_ && use_grant(subject, now)) return true;
  published_.put(subject, allowed);
  return allowed;
}

bool permission_state::may_deliver(std::string_view subject, std::string_view queue) {
  if (!queue.empty() && rules_->denies_queues()) return rules_->delivers(subject, queue);
  if (!delivered_) delivered_ = std::make_unique<verdict_cache>();
  if (const auto known = delivered_->find(subject)) return *known;
  const bool allowed = rules_->delivers(subject, {});
  delivered_->put(subject, allowed);
  return allowed;
}

void permission_state::reply_table::erase(std::list<grant>::iterator it) {
  bytes -= it->reply.size() + reply_overhead_bytes;
  by_reply.erase(it->reply);
  order.erase(it);
}

void permission_state::on_delivered(std::string_view reply, nanoseconds now) {
  if (!rules_->responses() || reply.empty() || rules_->publishes(reply)) return;
  if (!replies_) replies_ = std::make_unique<reply_table>();
  expire(now);
  reply_table& t = *replies_;
  if (auto it = t.by_reply.find(reply); it != t.by_reply.end()) t.erase(it->second);
  const size_t cost = reply.size() + reply_overhead_bytes;
  while (!t.order.empty() && t.bytes + cost > reply_budget_bytes)
    t.erase(t.order.begin());
  if (cost > reply_budget_bytes) return;
  t.order.push_back({std::string(reply), now, 0});
  t.by_reply.emplace(t.order.back().reply, std::prev(t.order.end()));
  t.bytes += cost;
}

void permission_state::expire(nanoseconds now) {
  const nanoseconds lifetime = rules_->responses()->expires;
  if (lifetime < 0s) return;
  while (!replies_->order.empty() && now - replies_->order.front().at > lifetime)
    replies_->erase(replies_->order.begin());
}

bool permission_state::use_grant(std::string_view subject, nanoseconds now) {
  expire(now);
  auto it = replies_->by_reply.find(subject);
  if (it == replies_->by_reply.end()) return false;
  grant& g = *it->second;
  const int64_t max = rules_->responses()->max_msgs;
  if (max > 0 && ++g.used >= max) replies_->erase(it->second);
  return true;
}

} // namespace troupe
