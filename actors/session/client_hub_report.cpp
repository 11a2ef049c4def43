// What a hub tells to monitoring, a bounded part of it in one turn.
#include <algorithm>

#include "actors/reactor/mailbox_depth.hpp"
#include "actors/session/client_connection.hpp"
#include "actors/session/client_hub.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe {

namespace {

constexpr size_t described_shards = 256;  // at most, under one hub in /actorz
/// How many places of the tables of results are looked at for one slice, and for how many of them the
/// other figures of an account count.
constexpr size_t figures_slice = 4096;
constexpr size_t figures_of_account = 16;

observe::sublist_stats figures_of(const routing::shard_stats& stats) {
  observe::sublist_stats one;
  one.num_subscriptions = stats.num_subs;
  one.num_cache = stats.num_cache;
  one.num_inserts = stats.num_inserts;
  one.num_removes = stats.num_removes;
  one.num_matches = stats.num_matches;
  one.cache_hits = stats.cache_hits;
  one.max_fanout = stats.max_fanout;
  one.total_fanout = stats.total_fanout;
  one.cached_results = stats.num_cache;
  return one;
}

observe::sub_snapshot snapshot_of(const routing::shard_actor& shard, const routing::subscription& sub,
                                  std::string_view subject) {
  observe::sub_snapshot one;
  one.account = shard.account().name;
  one.subject = std::string(subject);
  one.queue = std::string(shard.core().queue_of(sub));
  one.sid = std::string(sub.sid());
  one.msgs = static_cast<int64_t>(sub.delivered);
  one.max = static_cast<int64_t>(sub.max);
  one.cid = value(sub.owner->id());
  return one;
}

bool counts(const routing::shard_core& core, const routing::subscription& sub,
            const std::string& queue) {
  return sub.owner->kind() == connection_kind::client
         && (queue.empty() || core.queue_of(sub) == queue);
}

/// Those to whom a literal subject goes are found at once.
uint64_t count_listeners(const routing::shard_core& core, const subs_slice& q) {
  uint64_t count = 0;
  core.reverse_match(q.subject, [&](const routing::subscription& sub) {
    if (counts(core, sub, q.queue)) ++count;
  });
  return count;
}

observe::actor_snapshot describe_shard(routing::shard_actor& shard, reactor_index reactor,
                                       nanos uptime) {
  observe::actor_snapshot one;
  one.kind = "shard";
  one.name = shard.account().name + " on reactor " + std::to_string(reactor);
  one.state = "running";
  one.mailbox_depth = mailbox_depth(shard);
  one.uptime = uptime;
  return one;
}

observe::actor_snapshot describe_connection(const client_connection& c, observe::wall_time now) {
  observe::actor_snapshot one;
  one.kind = "connection";
  one.name = c.address() + " - cid:" + std::to_string(value(c.id()));
  one.state = c.closing() ? "stopping" : "running";
  one.uptime = now - c.started_at();
  return one;
}

} // namespace

hub_report_ptr client_hub::report(const connections_slice& q) const {
  auto answer = std::make_shared<hub_report>();
  q.closed ? report_closed(q, *answer) : report_open(q, *answer);
  return answer;
}

void client_hub::report_open(const connections_slice& q, hub_report& to) const {
  size_t left = report_slice;
  const observe::wall_time now = observe::wall_now();
  for (auto it = clients_.lower_bound(std::max(q.cid, q.from.number));
       it != clients_.end() && it->first < q.before; ++it) {
    const auto& [id, c] = *it;
    if (q.cid != 0 && id != q.cid) return;
    if (left == 0) {
      to.next = report_place{id, 0};
      return;
    }
    --left;
    if (q.as_actors) {
      to.actors.push_back(describe_connection(*c, now));
      continue;
    }
    if (!q.account.empty() && c->account_name() != q.account) continue;
    observe::connection_snapshot& shown = to.open.emplace_back(c->snapshot(false));
    if (!q.subs) continue;
    const uint64_t told = id == q.from.number ? q.from.within : 0;
    const uint64_t more = c->list_subscriptions(shown.subs, told, left + 1);
    if (more != 0) {
      to.next = report_place{id, more};
      return;
    }
    left -= std::min(left, shown.subs.size());
  }
}

void client_hub::report_closed(const connections_slice& q, hub_report& to) const {
  to.end = closed_forgotten_ + closed_.size();
  const uint64_t end = std::min(to.end, q.before);
  const uint64_t so_far = node_->closed.load();
  uint64_t at = std::max(q.from.number, closed_forgotten_);
  for (size_t left = report_slice; at < end; ++at, --left) {
    if (left == 0) {
      to.next = report_place{at, 0};
      return;
    }
    const auto& [number, one] = closed_[at - closed_forgotten_];
    if (so_far - number > node_->closed_kept) continue;  // others, which ended later, took its place
    if ((q.cid == 0 || one->cid == q.cid) && (q.account.empty() || one->account == q.account))
      to.closed.push_back(one);
  }
}

subs_report_ptr client_hub::report_figures(const subs_slice& q) const {
  auto answer = std::make_shared<subs_report>();
  size_t left = figures_slice;
  for (size_t i = q.from.number; i < q.accounts->size(); ++i) {
    if (left == 0) {
      answer->next = report_place{i, 0};
      break;
    }
    observe::sublist_stats& figures = answer->figures.emplace_back();
    if (const routing::shard_actor* shard = (*q.accounts)[i]->shard_if_any(home().index())) {
      const size_t told = i == q.from.number ? q.from.within : 0;
      routing::shard_stats stats = told == 0 ? shard->core().counts() : routing::shard_stats{};
      const size_t more = shard->core().add_cached(stats, told, left);
      figures = figures_of(stats);
      if (more != 0) {
        answer->next = report_place{i, more};
        break;
      }
    }
    left -= std::min(left, figures_of_account);
  }
  return answer;
}

subs_report_ptr client_hub::report_subs(const subs_slice& q) const {
  using wanted = subs_slice::wanted;
  if (q.what == wanted::figures) return report_figures(q);
  auto answer = std::make_shared<subs_report>();
  const bool wild = has_wildcard(q.subject);
  size_t left = report_slice;
  for (size_t i = q.from.number; i < q.accounts->size(); ++i) {
    if (left == 0) {
      answer->next = report_place{i, 0};
      break;
    }
    --left;
    const routing::shard_actor* shard = (*q.accounts)[i]->shard_if_any(home().index());
    if (!shard) continue;
    const routing::shard_core& core = shard->core();
    if (q.what == wanted::count && !wild) {
      answer->counted += count_listeners(core, q);
      continue;
    }
    const auto told = static_cast<uint32_t>(i == q.from.number ? q.from.within : 0);
    size_t looked_at = 0;
    const uint32_t more =
      core.visit_some(told, left + 1, [&](const routing::subscription& sub, std::string_view subject) {
        ++looked_at;
        if (q.what == wanted::list) answer->subs.push_back(snapshot_of(*shard, sub, subject));
        else if (counts(core, sub, q.queue) && is_subset_match(subject, q.subject)) ++answer->counted;
      });
    left -= std::min(left, looked_at);
    if (more == 0) continue;
    answer->next = report_place{i, more};
    break;
  }
  return answer;
}

/// Those that were needed so far.
void client_hub::describe_helpers(std::vector<observe::actor_snapshot>& to) const {
  const auto add = [&](const helper& one, bool runs) {
    if (!runs && one.last_error.empty()) return;
    observe::actor_snapshot s;
    s.kind = "helper";
    s.name = std::string(one.what) + " of reactor " + std::to_string(home().index());
    s.state = runs ? "running" : "not needed";
    s.restarts = one.ends;
    s.last_error = one.last_error;
    if (runs) s.uptime = steady_now() - one.since;
    to.push_back(std::move(s));
  };
  add(logins_, static_cast<bool>(login_worker_));
  add(handshakes_, static_cast<bool>(handshake_worker_));
  add(asking_, static_cast<bool>(asker_.handle));
}

actor_report_ptr client_hub::describe() {
  auto answer = std::make_shared<observe::actor_snapshot>();
  answer->kind = "reactor";
  answer->name = "reactor " + std::to_string(home().index());
  answer->state = "running";
  answer->uptime = steady_now() - started_;

  for (const routing::account_ptr& account : node_->accounts->all()) {
    if (answer->children.size() >= described_shards) break;
    if (routing::shard_actor* shard = account->shard_if_any(home().index()))
      answer->children.push_back(describe_shard(*shard, home().index(), answer->uptime));
  }

  observe::actor_snapshot clients;
  clients.kind = "clients";
  clients.name = clients_of(home().index());
  clients.state = "running";
  clients.mailbox_depth = mailbox_depth(*this);
  clients.uptime = answer->uptime;
  describe_helpers(clients.children);
  answer->children.push_back(std::move(clients));
  return answer;
}

} // namespace troupe
