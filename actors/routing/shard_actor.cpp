#include "actors/routing/shard_actor.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <bit>
#include <exception>
#include <stdexcept>
#include <utility>

#include "actors/observe/logger.hpp"
#include "actors/routing/exchange.hpp"
#include "actors/routing/message_trace.hpp"
#include "actors/routing/untaken_watch.hpp"

namespace troupe::routing {

namespace {

/// A message whose picked queue member has just gone is passed on at most so often.
constexpr uint8_t max_hops = 8;
constexpr size_t interest_repeats = 5;

uint64_t next_random(uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// Uniform in [0, bound), without the bias of a modulo.
uint64_t pick_below(uint64_t& state, uint64_t bound) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(next_random(state)) * bound) >> 64);
}

} // namespace

shard_actor::shard_actor(caf::actor_config& cfg, std::shared_ptr<const account_info> account,
                         std::shared_ptr<observe::reactor_counters> counters, bool use_cache)
    : pinned(cfg),
      core_(home().index(), shard_options{.cache = use_cache,
                                          .has_peers = home().pool().size() > 1,
                                          .hash_seed = std::random_device{}()}),
      account_(std::move(account)),
      counters_(std::move(counters)),
      outgoing_(home().pool().size()),
      contributors_(home().pool().size()),
      queue_targets_(home().pool().size()),
      random_((uint64_t{std::random_device{}()} << 32) | std::random_device{}()),
      interest_budget_(interest_repeats, std::chrono::minutes(1)) {}

std::string shard_actor::label() const {
  return "Shard of account " + account_->name + " on reactor " + std::to_string(home().index());
}

shard_actor::behavior_type shard_actor::make_behavior() {
  return {
    [this](const shard_peers_ptr& peers) {
      peers_ = peers;
      if (core_.has_interest_changes()) publish_at_turn_end();
    },
    [this](const interest_batch_ptr& batch) { take_interest(*batch); },
    [this](const interest_wanted& what) { send_all_interest(what.by); },
    [this](const delivery_batch_ptr& batch) { take_batch(*batch); },
  };
}

void shard_actor::on_exit() {
  // Peers refer to each other: without this the handles would keep themselves alive.
  peers_.reset();
  links_.reset();
  for (auto& batch : outgoing_) batch = nullptr;
}

subscription* shard_actor::subscribe(subscriber* owner, std::string_view subject,
                                     std::string_view queue, std::string_view sid) {
  subscription* sub = core_.subscribe(owner, subject, queue, sid);
  try {
    if (core_.has_interest_changes()) publish_at_turn_end();
  } catch (...) {
    if (sub) core_.unsubscribe(sub);  // its owner does not know of it
    throw;
  }
  if (sub) {
    counters_->subscriptions.add(1);
    traffic_.subscriptions.add(1);
  }
  return sub;
}

void shard_actor::unsubscribe(subscription* sub) {
  if (!expired_.empty()) forget_expired(sub);
  counters_->subscriptions.sub(1);
  traffic_.subscriptions.sub(1);
  core_.unsubscribe(sub);
  if (core_.has_interest_changes()) publish_at_turn_end();
}

void shard_actor::unsubscribe_all(std::span<subscription* const> subs) {
  if (!expired_.empty())
    for (const subscription* sub : subs) forget_expired(sub);
  counters_->subscriptions.sub(static_cast<int64_t>(subs.size()));
  traffic_.subscriptions.sub(static_cast<int64_t>(subs.size()));
  core_.unsubscribe_all(subs);
  if (core_.has_interest_changes()) publish_at_turn_end();
}

// -- publishing ------------------------------------------------------------------------------------

bool shard_actor::publish(const message& m, producer* from, const request_chain* chain) {
  if (queue_target_set_) [[unlikely]]
    forget_queue_targets();
  const match_result& r = core_.match(m.subject);
  bool delivered = deliver_plain(r, m);
  for (const queue_match& q : r.queues) delivered |= deliver_queue(q, m, 0);
  if (links_ && links_->imports.may_serve(m.subject)) [[unlikely]] {
    if (!m.wants_untaken || delivered)
      return publish_to_services(m, r.remote_plain, delivered, from, chain);
    // Neither the reactors here nor those of the service know what became of it at the others.
    return publish_to_services(watched_message(m), r.remote_plain, false, from, chain);
  }
  if (m.watch && delivered) [[unlikely]]
    m.watch->took();
  if (r.remote_plain | queue_target_set_) {
    forward(m, r.remote_plain, from, delivered);
    delivered = true;
  }
  if (!expired_.empty()) remove_expired();
  return delivered;
}

/// The rest of a publish where services of other accounts may take the message too.
bool shard_actor::publish_to_services(const message& m, uint64_t plain_targets, bool delivered,
                                      producer* from, const request_chain* chain) {
  if (m.watch && delivered) m.watch->took();
  if (plain_targets | queue_target_set_) {
    forward(m, plain_targets, from, delivered);
    delivered = true;
  }
  if (!expired_.empty()) remove_expired();
  // Last, for it may come back here: the match is not used any more.
  return serve(m, from, chain) || delivered;
}

bool shard_actor::serve(const message& m, producer* from, const request_chain* chain) {
  if (!exchange_) return false;
  bool taken = false;
  const auto links = links_;  // a reload may come meanwhile
  links->imports.for_each_service(m.subject, [&](const service_import& import) {
    taken |= exchange_->serve(*links, import, m, from, chain);
  });
  return taken;
}

std::optional<std::string> shard_actor::map(std::string_view subject) {
  if (!links_ || links_->mappings.empty()) return {};
  return links_->mappings.select(subject, links_->cluster, next_random(random_));
}

bool shard_actor::deliver_plain(const match_result& r, const message& m) {
  bool delivered = false;
  for (subscription* sub : r.plain) {
    if (sub->max == 0) [[likely]]
      delivered |= sub->owner->deliver(*sub, m);
    else
      delivered |= deliver_one(*sub, m);
  }
  return delivered;
}

bool shard_actor::deliver_one(subscription& sub, const message& m) {
  if (sub.max == 0) return sub.owner->deliver(sub, m);
  // The message that reaches the bound is still delivered; the subscription goes after the match.
  if (sub.delivered >= sub.max) {
    if (m.trace) sub.owner->trace_egress(sub, m, trace_text::expired);
    return false;
  }
  if (!sub.owner->deliver(sub, m)) return false;
  if (sub.delivered >= sub.max) expired_.push_back(&sub);
  return true;
}

/// Whether a member here took it; else it is noted for another reactor, if there are members.
bool shard_actor::deliver_queue(const queue_match& q, const message& m, uint8_t hops) {
  uint64_t at = pick_below(random_, q.total_weight);
  if (at < q.local_weight && deliver_to_member(q, m, at)) return true;
  if (q.total_weight == q.local_weight) return false;
  // Elsewhere, by weight; also when no member here could take it.
  at = at < q.local_weight ? pick_below(random_, q.total_weight - q.local_weight)
                           : at - q.local_weight;
  for (const remote_weight& w : q.remote) {
    if (at < w.weight) {
      note_remote_queue(w.reactor, q.name, hops);
      return false;
    }
    at -= w.weight;
  }
  return false;
}

bool shard_actor::deliver_to_member(const queue_match& q, const message& m, uint64_t start) {
  for (size_t i = 0; i < q.members.size(); ++i)
    if (deliver_one(*q.members[(start + i) % q.members.size()], m)) return true;
  return false;
}

void shard_actor::expire_later(subscription& sub) {
  if (std::find(expired_.begin(), expired_.end(), &sub) != expired_.end()) return;
  expired_.push_back(&sub);
  publish_at_turn_end();
}

void shard_actor::forget_expired(const subscription* sub) { std::erase(expired_, sub); }

void shard_actor::remove_expired() {
  // The owner takes it out of its own table and calls unsubscribe.
  std::vector<subscription*> gone;
  gone.swap(expired_);
  for (subscription* sub : gone) sub->owner->expired(*sub);
  gone.clear();
  gone.swap(expired_);
}

// -- between reactors ------------------------------------------------------------------------------

/// What a peer said and could not be taken over in full is asked for anew: nobody would miss the
/// messages that half of it leaves out.
void shard_actor::take_interest(const interest_batch& batch) {
  try {
    if (batch.whole) core_.forget(batch.from);
    for (const interest_change& change : batch.changes) core_.apply(batch.from, change);
  } catch (const std::exception& e) {
    counters_->failures.add(1);
    log::error("{}: the interest of reactor {} is asked for anew: {}", label(), batch.from, e.what());
    if (!peers_ || !interest_budget_.spend(home().now())) throw;
    core_.forget(batch.from);
    caf::anon_send(peers_->shards[batch.from], interest_wanted{home().index()});
  }
}

void shard_actor::send_all_interest(reactor_index to) {
  if (!peers_ || to >= peers_->shards.size()) return;
  auto batch = std::make_shared<interest_batch>();
  batch->from = home().index();
  batch->changes = core_.all_local_interest();
  batch->whole = true;
  caf::anon_send(peers_->shards[to], interest_batch_ptr(std::move(batch)));
}

/// Left by a call that failed; the names are gone.
void shard_actor::forget_queue_targets() {
  for (remote_delivery& how : queue_targets_) {
    how.queues.clear();
    how.hops = 0;
  }
  queue_target_set_ = 0;
}

void shard_actor::note_remote_queue(reactor_index target, std::string_view queue, uint8_t hops) {
  remote_delivery& how = queue_targets_[target];
  how.queues.push_back(queue);
  how.hops = hops;
  queue_target_set_ |= uint64_t{1} << target;
}

void shard_actor::forward(const message& m, uint64_t plain_targets, producer* from, bool taken) {
  const uint64_t targets = plain_targets | queue_target_set_;
  const bool wants_untaken = m.wants_untaken && !taken;
  // With several targets none of them knows what became of it at the others.
  if (wants_untaken && !std::has_single_bit(targets)) [[unlikely]]
    return forward(watched_message(m), plain_targets, from, false);
  for (uint64_t left = targets; left; left &= left - 1) {
    auto target = static_cast<reactor_index>(std::countr_zero(left));
    bool plain = (plain_targets >> target) & 1;
    delivery_batch& batch = batch_for(target);
    if ((queue_target_set_ >> target) & 1) {
      remote_delivery& how = queue_targets_[target];
      how.plain = plain;
      batch.append(m, how, wants_untaken);
      how.queues.clear();
      how.hops = 0;
    } else {
      batch.append(m, plain, wants_untaken);
    }
    producer_list& list = contributors_[target];
    if (from && (list.empty() || list.back() != from)) list.push_back(from);
  }
  queue_target_set_ = 0;
}

delivery_batch& shard_actor::batch_for(reactor_index target) {
  if (!outgoing_[target]) {
    outgoing_[target] = std::make_shared<delivery_batch>(home().index(), home().buffers());
    publish_at_turn_end();
  }
  return *outgoing_[target];
}

/// The reactor knows hooks by their address: the shard stays there until it was called, though its
/// account may end meanwhile.
void shard_actor::publish_at_turn_end() {
  if (queued) return;
  until_published_ = caf::strong_actor_ptr(ctrl());
  home().publish_later(*this);
}

void shard_actor::at_turn_end() {
  try {
    publish_gathered();
  } catch (const std::exception& e) {
    // Interest or messages were lost on their way: the reactor ends the node.
    throw std::runtime_error(label() + ": " + e.what());
  }
}

void shard_actor::publish_gathered() {
  const caf::strong_actor_ptr until_done = std::move(until_published_);
  until_published_ = nullptr;
  if (!expired_.empty()) remove_expired();
  if (!peers_) return;  // the introduction is on its way; what waits here goes then
  if (core_.has_interest_changes()) {
    auto batch = std::make_shared<interest_batch>();
    batch->from = home().index();
    batch->changes = core_.take_interest_changes();
    for (size_t r = 0; r < peers_->shards.size(); ++r)
      if (r != home().index() && !batch->changes.empty())
        caf::anon_send(peers_->shards[r], interest_batch_ptr(batch));
  }
  for (size_t r = 0; r < outgoing_.size(); ++r)
    if (outgoing_[r]) send_batch(static_cast<reactor_index>(r));
}

void shard_actor::send_batch(reactor_index target) {
  delivery_batch_ptr batch = std::move(outgoing_[target]);
  outgoing_[target] = nullptr;
  counters_->forwarded_msgs.add(batch->messages());
  counters_->forwarded_batches.add(1);
  auto& in_flight = home().pool().in_flight(home().index(), target);
  int64_t load = in_flight.fetch_add(batch->bytes()) + batch->bytes();
  caf::anon_send(peers_->shards[target], std::move(batch));
  producer_list list;
  list.swap(contributors_[target]);
  if (load > link_high_bytes)
    for (producer* p : list) p->pause_for_link(target);
  list.clear();
  list.swap(contributors_[target]);
}

/// A message that cannot be delivered is left out: the shard, and what else came, stay.
void shard_actor::take_batch(delivery_batch& batch) {
  batch.for_each([this](const message& m, const remote_delivery& how) {
    try {
      take_message(m, how);
    } catch (const std::exception& e) {
      counters_->failures.add(1);
      log::error("{}: a message is left out: {}", label(), e.what());
      forget_queue_targets();
      // Somebody may have got it: nobody says that nobody did.
      if (m.watch) m.watch->took();
    }
    if (m.watch && m.watch->leave() && exchange_) [[unlikely]]
      exchange_->untaken(m.watch->request());
  });
  if (exchange_) exchange_->publish_answers();
  settle_link(batch);
}

void shard_actor::take_message(const message& m, const remote_delivery& how) {
  const match_result& r = core_.match(m.subject);
  bool taken = how.plain && deliver_plain(r, m);
  if (!how.queues.empty()) taken |= take_queues(m, r, how);
  if (m.watch && taken) [[unlikely]]
    m.watch->took();
  if (queue_target_set_)
    forward(m, 0, nullptr, taken);
  else if (m.wants_untaken && !taken && exchange_)
    exchange_->untaken({m.producer, std::string(m.subject), std::string(m.reply), {}});
  if (!expired_.empty()) remove_expired();
  if (m.trace) [[unlikely]] end_trace(*m.trace);
  home().run_early_flushes();
}

/// For the groups of which this reactor was picked; whether a member here took it.
bool shard_actor::take_queues(const message& m, const match_result& r, const remote_delivery& how) {
  bool taken = false;
  for (std::string_view wanted : how.queues) {
    for (const queue_match& q : r.queues) {
      if (q.name != wanted) continue;
      // The weights said that members are here. If they left meanwhile, pass it on.
      const bool done =
        !q.members.empty() && deliver_to_member(q, m, pick_below(random_, q.members.size()));
      taken |= done;
      if (!done && q.total_weight > q.local_weight && how.hops < max_hops)
        deliver_queue({q.name, {}, q.remote, 0, q.total_weight - q.local_weight}, m,
                      static_cast<uint8_t>(how.hops + 1));
      break;
    }
  }
  return taken;
}

void shard_actor::end_trace(message_trace& trace) {
  if (trace.leave() && exchange_) exchange_->publish_trace(trace);
}

void shard_actor::settle_link(const delivery_batch& batch) {
  driver_pool& pool = home().pool();
  reactor_index from = batch.from(), to = home().index();
  int64_t left = pool.in_flight(from, to).fetch_sub(batch.bytes()) - batch.bytes();
  if (left <= link_low_bytes && pool.link_waiting(from, to).load()
      && pool.link_waiting(from, to).exchange(false))
    pool.at(from).link_opened(to);
}

} // namespace troupe::routing
