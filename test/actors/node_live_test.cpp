// A whole node in this process, spoken to through sockets.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <map>
#include <set>
#include <stdexcept>

#include "actors/auth/auth_core.hpp"
#include "test/actors/fixtures/live_node.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// How much of a long test fits into a build that is many times slower.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int full = 1, slow_build_divides_by = 8;
#else
constexpr int full = 1, slow_build_divides_by = 1;
#endif
constexpr int scaled(int n) { return std::max(1, full * n / slow_build_divides_by); }

} // namespace

TEST_CASE("live node: starts, greets, and ends with its clients", "[node][live]") {
  for (unsigned reactors : {1u, 2u, 4u}) {
    live_node n(reactors);
    CHECK(n.it.reactors() == reactors);
    auto c = n.client();
    CHECK(c->info.find("\"server_id\":\"" + n.it.server_id()) != std::string::npos);
    CHECK(c->info.find("\"port\":" + std::to_string(n.port())) != std::string::npos);
    auto more = std::async(std::launch::async, [&] { return c->rest(); });
    CHECK(n.stop() == 0);
    CHECK(more.get().empty());
  }
}

TEST_CASE("live node: may be started many times in one process", "[node][live]") {
  for (int i = 0; i < scaled(20); ++i) {
    live_node n(3);
    if (i % 2) n.client();
    CHECK(n.stop() == 0);
  }
}

TEST_CASE("live node: a port in use is named in the error", "[node][live]") {
  live_node first(1);
  config::server_options o = live_node::with(2, {});
  o.port = first.port();
  node second(o);
  auto started = second.start();
  REQUIRE_FALSE(started);
  std::string at = "127.0.0.1:" + std::to_string(first.port());
  CHECK(started.error().context
        == "Error listening on port: " + at + ", \"listen tcp " + at
             + ": bind: address already in use\"");
  CHECK(started.error().code == errc::unavailable);
}

TEST_CASE("live node: a reload that ends is made anew by the next", "[node][live][supervision]") {
  std::atomic<bool> fatal = true;
  std::atomic<int> under_way = 0;
  reload_hooks hooks;
  hooks.read = [&]() -> config::load_result {
    if (fatal) throw std::runtime_error("no memory");
    config::load_result out;
    out.errors.push_back({{}, "a broken file", false});
    return out;
  };
  hooks.under_way = [&](bool begins) { under_way += begins ? 1 : -1; };
  config::server_options options;
  options.config_file = "a file";
  live_node n(2, options, hooks);
  auto c = n.client();
  const auto reload_actor = [&]() -> observe::actor_snapshot {
    if (auto tree = n.it.actors())
      for (const observe::actor_snapshot& one : tree->children)
        if (one.kind == "reload") return one;
    return {};
  };
  for (uint64_t i = 1; i <= 7; ++i) {
    CHECK_FALSE(n.it.reload());
    REQUIRE(eventually([&] { return reload_actor().restarts == i; }));
    CHECK(under_way == 0);
    CHECK(reload_actor().state == "not needed");
    CHECK(reload_actor().last_error.find("no memory") != std::string::npos);
  }
  fatal = false;
  auto answer = n.it.reload();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().context == "a broken file");
  CHECK(reload_actor().state == "running");
  CHECK(c->sync().empty());
  CHECK(n.stop() == 0);
}

TEST_CASE("live node: spreads its clients over the reactors and reports them", "[node][live]") {
  live_node n(3);
  std::vector<std::unique_ptr<raw_client>> clients;
  for (int i = 0; i < 9; ++i) clients.push_back(n.client());
  auto report = n.it.connections({});
  REQUIRE(report);
  std::map<unsigned, int> per_reactor;
  for (auto& c : report->open) ++per_reactor[c.reactor];
  CHECK(per_reactor == std::map<unsigned, int>{{0, 3}, {1, 3}, {2, 3}});
  auto tree = n.it.actors();
  REQUIRE(tree);
  CHECK(tree->children.size() == 5);
  // To be looked at changes nothing: interest and messages still cross the reactors.
  clients[1]->send("SUB after 1\r\n");
  clients[1]->sync();
  clients[2]->send(pub("after", "x"));
  clients[2]->sync();
  CHECK(clients[1]->sync().size() == 1);
  clients.clear();
  CHECK(eventually([&] { return n.it.context().open_clients.load() == 0; }));
}

TEST_CASE("live node: a reply never comes before the interest it promises, on any reactor",
          "[node][live][causality]") {
  constexpr int threads = 3;
  const int rounds = scaled(1500);
  live_node n(3);
  struct pair {
    std::unique_ptr<raw_client> sub, pub;
  };
  std::vector<pair> pairs;
  for (int i = 0; i < threads; ++i) {
    pairs.emplace_back();
    pairs.back().sub = n.client();
    pairs.back().pub = n.client();
  }
  auto hammer = [&](int t) {
    auto& [sub, publisher] = pairs[static_cast<size_t>(t)];
    int lost = 0;
    for (int i = 0; i < rounds; ++i) {
      std::string subject = "c." + std::to_string(t) + "." + std::to_string(i % 7);
      std::string sid = std::to_string(i);
      sub->send("SUB " + (i % 3 ? subject : subject.substr(0, 4) + "*") + " " + sid + "\r\n");
      if (!sub->sync().empty()) ++lost;
      publisher->send(pub(subject, sid));
      publisher->sync();
      sub->send("UNSUB " + sid + "\r\n");
      auto got = sub->sync();
      if (got.size() != 1 || got[0].payload != sid || got[0].sid != sid) ++lost;
      publisher->send(pub(subject, "late"));  // after the UNSUB was confirmed
      publisher->sync();
    }
    return lost;
  };
  std::vector<std::future<int>> runs;
  for (int t = 0; t < threads; ++t) runs.push_back(std::async(std::launch::async, hammer, t));
  for (auto& r : runs) CHECK(r.get() == 0);
}

TEST_CASE("live node: auto-unsubscribe is exact with publishers on all reactors",
          "[node][live]") {
  live_node n(3);
  auto sub = n.client();
  std::vector<std::unique_ptr<raw_client>> publishers;
  for (int i = 0; i < 3; ++i) publishers.push_back(n.client());
  for (int round = 0; round < scaled(40); ++round) {
    std::string sid = std::to_string(round);
    const size_t max = 1 + static_cast<size_t>(round * 7 % 250);
    sub->send("SUB auto " + sid + "\r\nUNSUB " + sid + " " + std::to_string(max) + "\r\n");
    REQUIRE(sub->sync().empty());
    std::vector<std::future<void>> runs;
    for (auto& p : publishers)
      runs.push_back(std::async(std::launch::async, [&p] {
        std::string all;
        for (int i = 0; i < 100; ++i) all += pub("auto", "x");
        p->send(all);
        p->sync();
      }));
    for (auto& r : runs) r.get();
    REQUIRE(sub->sync().size() == max);
  }
  auto subs = n.it.subscriptions({.accounts = {n.it.context().accounts->find("$G")}});
  REQUIRE(subs);
  CHECK(subs->figures.at(0).num_subscriptions == 0);
}

TEST_CASE("live node: a queue group takes each message once, its members in equal parts",
          "[node][live][queue]") {
  live_node n(4);
  // Reactor 0: three members, 1: none, 2: two, 3: one; the others only publish.
  const std::set<int> members_at{0, 2, 3, 4, 6, 8};
  std::vector<std::unique_ptr<raw_client>> members, publishers;
  for (int i = 0; i < 12; ++i) {
    auto c = n.client();
    if (members_at.count(i)) {
      c->send("SUB work.* crew 1\r\n");
      c->sync();
      members.push_back(std::move(c));
    } else {
      publishers.push_back(std::move(c));
    }
  }
  const int each = scaled(2000);
  std::vector<std::future<void>> runs;
  for (auto& p : publishers)
    runs.push_back(std::async(std::launch::async, [&p, each] {
      for (int i = 0; i < each; i += 50) {
        std::string all;
        for (int j = i; j < std::min(i + 50, each); ++j) all += pub("work.x", "1");
        p->send(all);
        p->sync();
      }
    }));
  for (auto& r : runs) r.get();
  size_t total = 0;
  const double sent = each * static_cast<double>(publishers.size());
  const double mean = sent / static_cast<double>(members.size());
  for (auto& m : members) {
    size_t got = m->sync().size();
    total += got;
    // Six standard deviations of a binomial count.
    double spread = 6 * std::sqrt(mean * (1 - 1 / static_cast<double>(members.size())));
    CHECK(static_cast<double>(got) == Approx(mean).margin(spread));
  }
  CHECK(total == static_cast<size_t>(sent));
}

TEST_CASE("live node: members that leave lose no message of their group", "[node][live][queue]") {
  live_node n(3);
  std::vector<std::unique_ptr<raw_client>> members;
  for (int i = 0; i < 6; ++i) members.push_back(n.client());
  for (auto& m : members) {
    m->send("SUB job pool 1\r\n");
    m->sync();
  }
  auto publisher = n.client();
  size_t total = 0;
  const size_t each = 500;
  while (members.size() > 1) {
    for (size_t i = 0; i < each; ++i) publisher->send(pub("job", "x"));
    publisher->sync();
    for (auto& m : members) total += m->sync().size();
    members.back()->send("UNSUB 1\r\n");
    total += members.back()->sync().size();
    members.pop_back();
  }
  CHECK(total == 5 * each);
}

namespace {

/// Lets in whoever names the word of the day, and asks a thread that may wait about "slow".
class word_of_the_day final : public authenticator {
public:
  explicit word_of_the_day(std::shared_ptr<const authenticator> usual) : usual_(std::move(usual)) {}
  auth_decision check(const login_request& q) const override {
    const bool good = q.who.auth_token == "friend";
    auto decide = [good] {
      auto rules = std::make_shared<user_rules>();
      rules->name = "guest";
      return good ? auth_decision::accept(rules, "guest") : auth_decision::refuse("a wrong word", "guest");
    };
    if (q.who.user != "slow") return decide();
    auth_decision d;
    d.what = auth_decision::outcome::deferred;
    d.work = decide;
    return d;
  }
  bool required() const override { return true; }
  bool wants_nonce() const override { return usual_->wants_nonce(); }
  bool admits_silent() const override { return false; }
  user_rules_ptr renewed(const user_rules& user) const override {
    return std::make_shared<const user_rules>(user);
  }

private:
  std::shared_ptr<const authenticator> usual_;
};

} // namespace

TEST_CASE("live node: a way of authentication of the embedder's own", "[node][live][auth]") {
  quiet_log log;
  node n(live_node::with(2, {}));
  n.authenticate_by([](const config::server_options&, std::shared_ptr<const authenticator> usual) {
    return std::make_shared<const word_of_the_day>(std::move(usual));
  });
  REQUIRE(n.start());
  const auto says = [&](const std::string& connect) {
    raw_client c(n.client_port());
    c.send("CONNECT {\"verbose\":false," + connect + "}\r\nPING\r\n");
    return c.line();
  };
  CHECK(says(R"("auth_token":"friend")") == "PONG");
  CHECK(says(R"("auth_token":"friend","user":"slow")") == "PONG");
  CHECK(says(R"("auth_token":"enemy")") == "-ERR 'Authorization Violation'");
  CHECK(says(R"("auth_token":"enemy","user":"slow")") == "-ERR 'Authorization Violation'");
  n.signal(SIGINT);
  CHECK(n.wait() == 0);
  n.finish();
}
