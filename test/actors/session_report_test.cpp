// What hubs tell to monitoring: never much in one turn, and all of it in the end.
#include <map>
#include <set>
#include <string>
#include <thread>

#include "test/actors/fixtures/hub_fixture.hpp"
#include "test/actors/fixtures/live_node.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

struct report_fixture : hub_fixture {
  explicit report_fixture(const config::server_options& options = {}) : hub_fixture(options) {
    context->closed_kept = 600;
  }

  template <class Answer, class Slice>
  Answer ask(const Slice& slice) {
    auto pending = self->request(hub, caf::infinite, slice);
    turn_all();
    Answer answer;
    pending.receive([&](const Answer& r) { answer = r; }, [](const caf::error&) {});
    REQUIRE(answer);
    return answer;
  }
  hub_report_ptr ask(const connections_slice& slice) { return ask<hub_report_ptr>(slice); }

  std::unique_ptr<pair_client> greeted(const std::string& more = {}) {
    auto c = connect();
    c->send("CONNECT {\"verbose\":false}\r\n" + more);
    turn_all();
    return c;
  }
};

auto list_of(std::vector<routing::account_ptr> accounts) {
  return std::make_shared<const std::vector<routing::account_ptr>>(std::move(accounts));
}

std::string subs(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "SUB s." + std::to_string(i) + " " + std::to_string(i) + "\r\n";
  return text;
}

} // namespace

TEST_CASE("hub report: open connections come in slices, in the order of their numbers",
          "[session][report]") {
  report_fixture f;
  std::vector<std::unique_ptr<pair_client>> clients;
  for (int i = 0; i < 600; ++i) clients.push_back(f.connect());
  connections_slice slice;
  slice.before = f.context->next_client_id.load();
  std::vector<uint64_t> seen;
  std::set<uint64_t> gone;
  size_t slices = 0;
  for (bool more = true; more; ++slices) {
    auto part = f.ask(slice);
    CHECK(part->open.size() <= report_slice);
    for (auto& c : part->open) seen.push_back(c.cid);
    more = part->next.has_value();
    if (more) slice.from = *part->next;
    // Who comes meanwhile does not count; who goes before it is looked at is not told of.
    if (slices < 2) {
      clients.push_back(f.connect());
      gone.insert(slice.from.number);
      clients[slice.from.number - 1].reset();
      f.turn_all();
    }
  }
  CHECK(slices == 3);
  std::vector<uint64_t> want;
  for (uint64_t id = 1; id <= 600; ++id)
    if (!gone.contains(id)) want.push_back(id);
  CHECK(gone.size() == 2);
  CHECK(seen == want);

  connections_slice one;
  one.cid = 300;
  CHECK(f.ask(one)->open.size() == 1);
  one.cid = 100000;
  CHECK(f.ask(one)->open.empty());
  connections_slice other;
  other.account = "A";
  auto part = f.ask(other);
  CHECK(part->open.empty());
  CHECK(part->next);  // to have looked counts
}

TEST_CASE("hub report: subscriptions count as much as connections, a long list is cut",
          "[session][report]") {
  report_fixture f;
  auto small = f.greeted(subs(3)), large = f.greeted(subs(2000)), last = f.greeted(subs(1));
  connections_slice slice;
  slice.subs = true;
  std::map<uint64_t, std::multiset<std::string>> seen;
  size_t slices = 0;
  for (bool more = true; more; ++slices) {
    REQUIRE(slices < 100);
    auto part = f.ask(slice);
    size_t told = part->open.size();
    for (auto& c : part->open) {
      told += c.subs.size();
      for (auto& sub : c.subs) seen[c.cid].insert(sub.subject);
    }
    CHECK(told < 2 * report_slice);
    more = part->next.has_value();
    if (more) slice.from = *part->next;
  }
  CHECK(slices > 4);
  CHECK(seen[1].size() == 3);
  CHECK(seen[2].size() == 2000);
  CHECK(std::set<std::string>(seen[2].begin(), seen[2].end()).size() == 2000);
  CHECK(seen[3].size() == 1);
}

TEST_CASE("hub report: closed connections come in slices, also while the ring goes on",
          "[session][report]") {
  report_fixture f;
  for (int i = 0; i < 650; ++i) {
    f.connect().reset();
    f.turn_all();
  }
  connections_slice slice;
  slice.closed = true;
  auto first = f.ask(slice);
  REQUIRE(first->closed.size() == report_slice);
  CHECK(first->closed.front()->cid == 51);  // 600 are kept
  CHECK(first->end == 650);
  for (int i = 0; i < 300; ++i) {  // and the ring forgets what comes next
    f.connect().reset();
    f.turn_all();
  }
  slice.from = *first->next;
  slice.before = first->end;
  auto second = f.ask(slice);
  CHECK(second->closed.front()->cid == 351);
  slice.from = *second->next;
  auto third = f.ask(slice);
  CHECK(third->closed.back()->cid == 650);
  CHECK_FALSE(third->next);
}

TEST_CASE("hub report: subscriptions of accounts are listed and counted in slices",
          "[session][report]") {
  config::server_options options;
  report_fixture f(options);
  auto c = f.greeted(subs(700) + "SUB other.* q 9000\r\n");
  subs_slice slice;
  const auto global = f.accounts->get(routing::global_account);
  slice.accounts = list_of({f.accounts->get("EMPTY"), global});
  auto figures = f.ask<subs_report_ptr>(slice);
  REQUIRE(figures->figures.size() == 2);
  CHECK(figures->figures[0].num_subscriptions == 0);
  CHECK(figures->figures[1].num_subscriptions == 701);

  const auto all = [&](subs_slice q) {
    subs_report sum;
    size_t slices = 0;
    for (bool more = true; more; ++slices) {
      auto part = f.ask<subs_report_ptr>(q);
      CHECK(part->subs.size() <= report_slice);
      for (auto& sub : part->subs) sum.subs.push_back(sub);
      sum.counted += part->counted;
      more = part->next.has_value();
      if (more) q.from = *part->next;
    }
    CHECK(slices == (q.what == subs_slice::wanted::list || q.subject == ">" ? 3 : 1));
    return sum;
  };
  slice.what = subs_slice::wanted::list;
  std::set<std::string> sids;
  for (auto& sub : all(slice).subs) {
    sids.insert(sub.sid);
    CHECK(sub.account == "$G");
  }
  CHECK(sids.size() == 701);
  slice.what = subs_slice::wanted::count;
  slice.accounts = list_of({global});
  slice.subject = ">";
  CHECK(all(slice).counted == 701);
  slice.queue = "q";
  CHECK(all(slice).counted == 1);
  slice.subject = "other.x";
  CHECK(all(slice).counted == 1);
}

TEST_CASE("hub report: figures of full caches come in slices", "[session][report]") {
  report_fixture f;
  const auto full = f.accounts->get("FULL"), other = f.accounts->get("OTHER");
  routing::shard_core& core = f.shard(0, "FULL").core();
  f.shard(0, "OTHER").core().match("x");
  taking_subscriber all;
  core.subscribe(&all, "s.>", "", "1");
  for (int pass = 0; pass < 8; ++pass)
    for (int i = 0; i < 20'000; ++i) core.match("s." + std::to_string(i));
  const routing::shard_stats want = core.get_stats();
  REQUIRE(want.num_cache > 10'000);

  subs_slice slice;
  slice.accounts = list_of({other, full, other});
  std::vector<observe::sublist_stats> sum(3);
  size_t slices = 0;
  for (bool more = true; more; ++slices) {
    auto part = f.ask<subs_report_ptr>(slice);
    for (size_t i = 0; i < part->figures.size(); ++i) sum[slice.from.number + i] += part->figures[i];
    more = part->next.has_value();
    if (more) slice.from = *part->next;
  }
  CHECK(slices >= 4);
  CHECK(sum[1].num_cache == want.num_cache);
  CHECK(sum[1].total_fanout == want.num_cache);
  CHECK(sum[1].max_fanout == 1);
  CHECK(sum[1].num_matches == 160'000);
  CHECK(sum[1].num_subscriptions == 1);
  CHECK(sum[0].num_matches == 1);
  CHECK(sum[2].num_matches == 1);
}

TEST_CASE("hub report: connections as actors come in slices, and not with the hub's description", "[session][report]") {
  report_fixture f;
  std::vector<std::unique_ptr<pair_client>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(f.connect());
  const auto described = f.describe();
  for (auto& child : described->children) CHECK(child.children.empty());
  connections_slice slice;
  slice.as_actors = true;
  auto first = f.ask(slice);
  CHECK(first->actors.size() == report_slice);
  CHECK(first->open.empty());
  REQUIRE(first->next);
  slice.from = *first->next;
  auto second = f.ask(slice);
  REQUIRE(second->actors.size() == 300 - report_slice);
  CHECK(second->actors.back().name == "127.0.0.1:1 - cid:300");
  CHECK_FALSE(second->next);
}

TEST_CASE("hub report: tells how many messages wait for a shard", "[session][report]") {
  report_fixture f;
  f.shard(0);
  auto pending = f.self->request(f.hub, caf::infinite, describe_query{});
  for (int i = 0; i < 3; ++i)
    caf::anon_send(f.accounts->get("$G")->shard_handles().at(0),
                   routing::interest_batch_ptr(std::make_shared<routing::interest_batch>()));
  f.turn_all();
  actor_report_ptr described;
  pending.receive([&](const actor_report_ptr& r) { described = r; }, [](const caf::error&) {});
  REQUIRE(described);
  const observe::actor_snapshot& shard = described->children.front();
  CHECK(shard.kind == "shard");
  CHECK(shard.mailbox_depth == 3);
  CHECK(f.describe()->children.front().mailbox_depth == 0);
}

TEST_CASE("gather: a connection stands in one list, however busy the doors are", "[session][report][live]") {
  live_node n(3);
  std::vector<std::unique_ptr<raw_client>> stay;
  for (int i = 0; i < 40; ++i) {
    stay.push_back(n.client());
    stay.back()->send(subs(20));
    stay.back()->sync();
  }
  std::atomic<bool> done = false;
  std::thread door([&] {
    while (!done) n.client();
  });
  for (int i = 0; i < 50; ++i) {
    connections_query q;
    q.closed = true;
    q.subs = true;
    auto report = n.it.connections(q);
    REQUIRE(report);
    std::set<uint64_t> ids;
    size_t lasting = 0;
    for (auto* list : {&report->open, &report->closed})
      for (auto& c : *list) {
        if (!ids.insert(c.cid).second) FAIL(c.cid << " is there twice");
        lasting += c.subs.size() == 20;
      }
    CHECK(lasting == 40);
  }
  done = true;
  door.join();
}
