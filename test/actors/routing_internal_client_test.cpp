// The node's own subscriber and publisher, among clients on all reactors.
#include <caf/send.hpp>

#include <future>
#include <string>
#include <vector>

#include "actors/routing/internal_client.hpp"
#include "test/actors/fixtures/live_node.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using routing::internal_client;
using routing::internal_message;

namespace {

/// An internal client on one reactor of a running node; ends before the node does.
class service {
public:
  service(live_node& n, reactor_index at, routing::internal_bounds bounds = {})
      : account(n.it.context().accounts->get(routing::global_account)),
        it_(routing::spawn_internal_client(account->shard(at).home(), "test", client_id{9999}, bounds)) {}
  ~service() {
    caf::anon_send_exit(it_.handle, caf::exit_reason::user_shutdown);
  }

  /// Does it on the client's reactor and waits for the outcome.
  template <class F>
  auto run(F what) {
    using outcome = decltype(what(*it_.direct));
    auto done = std::make_shared<std::promise<outcome>>();
    auto result = done->get_future();
    routing::run_on(it_.handle, [done, what](internal_client& c) {
      if constexpr (std::is_void_v<outcome>) {
        what(c);
        done->set_value();
      } else {
        done->set_value(what(c));
      }
    });
    if (result.wait_for(raw_client::patience) != std::future_status::ready)
      throw std::runtime_error("the internal client did not answer");
    return result.get();
  }

  routing::account_ptr account;

private:
  routing::spawned_internal_client it_;
};

} // namespace

TEST_CASE("internal client: answers requests of clients on every reactor", "[routing][internal]") {
  live_node n(3);
  service s(n, 1);
  REQUIRE(s.run([&](internal_client& c) {
    return c.subscribe(s.account, "svc.*", {}, [&](const internal_message& m) {
      std::string answer = m.subject + "|" + std::string(m.headers()) + "|" + std::string(m.body());
      c.publish(*m.account, {.subject = m.reply, .reply = {}, .headers = {}, .body = answer});
    });
  }) != 0);
  std::vector<std::unique_ptr<raw_client>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(n.client(R"(,"headers":true)"));
  for (auto& c : clients) {
    c->send("SUB answers 1\r\n");
    c->sync();
  }
  for (auto& c : clients) {
    c->send("PUB svc.a answers 2\r\nhi\r\nHPUB svc.b answers 12 14\r\nNATS/1.0\r\n\r\nxy\r\n");
    for (auto& other : clients) {
      auto first = other->next();
      auto second = other->next();
      REQUIRE(first);
      REQUIRE(second);
      CHECK(first->payload == "svc.a||hi");
      CHECK(second->payload == "svc.b|NATS/1.0\r\n\r\n|xy");
    }
  }
}

TEST_CASE("internal client: asks, hears the first answer, no answer in time, and that nobody listens",
          "[routing][internal]") {
  live_node n(2);
  service s(n, 0);
  auto responder = n.client();
  auto silent = n.client();
  responder->send("SUB ask 1\r\n");
  responder->sync();
  silent->send("SUB quiet 1\r\n");
  silent->sync();
  auto ask = [&](const std::string& subject, nanos within) {
    auto heard = std::make_shared<std::promise<std::string>>();
    auto answer = heard->get_future();
    bool asked = s.run([&, heard](internal_client& c) {
      return c.request(s.account, {.subject = subject, .reply = {}, .headers = {}, .body = "q"}, within,
                       [heard](const internal_message* m) {
                         heard->set_value(m ? std::string(m->body()) : "late");
                       });
    });
    return std::pair(asked, std::move(answer));
  };

  auto [asked, answer] = ask("ask", 60s);
  CHECK(asked);
  responder->send("PUB " + responder->next().value().reply + " 2\r\nok\r\n");
  CHECK(answer.get() == "ok");
  auto [sent, none] = ask("quiet", 20ms);
  CHECK(sent);
  CHECK(none.get() == "late");
  CHECK_FALSE(ask("nobody.there", 60s).first);
}

TEST_CASE("internal client: what it cannot hold is dropped and counted", "[routing][internal]") {
  live_node n(1);
  routing::internal_bounds small;
  small.waiting_messages = 10;
  small.subscriptions = 2;
  service s(n, 0, small);
  auto seen = std::make_shared<int>(0);
  s.run([&](internal_client& c) {
    c.subscribe(s.account, "many", {}, [seen](const internal_message&) { ++*seen; });
  });
  auto c = n.client();
  std::string all;
  for (int i = 0; i < 100; ++i) all += pub("many", "x");
  c->send(all);
  c->sync();
  auto totals = s.run([&](internal_client& it) {
    return std::pair(static_cast<uint64_t>(*seen), it.dropped());
  });
  CHECK(totals.first + totals.second == 100);
  CHECK(totals.first >= 10);
  CHECK(totals.second > 0);
  CHECK(s.run([&](internal_client& it) {
    return it.subscribe(s.account, "bad..filter", {}, [](const internal_message&) {});
  }) == 0);
  CHECK(s.run([&](internal_client& it) {
    it.subscribe(s.account, "second", {}, [](const internal_message&) {});
    return it.subscribe(s.account, "third", {}, [](const internal_message&) {});
  }) == 0);
}

TEST_CASE("internal client: ends a subscription from its handler and survives an exception",
          "[routing][internal]") {
  live_node n(2);
  service s(n, 1);
  auto seen = std::make_shared<int>(0);
  s.run([&](internal_client& c) {
    auto number = std::make_shared<uint64_t>(0);
    *number = c.subscribe(s.account, "once", {}, [&c, seen, number](const internal_message&) {
      ++*seen;
      c.unsubscribe(*number);
      throw std::runtime_error("a handler's mistake");
    });
  });
  auto c = n.client();
  c->send(pub("once", "x") + pub("once", "x") + pub("once", "x"));
  c->sync();
  CHECK(eventually([&] { return s.run([seen](internal_client&) { return *seen; }) == 1; }));
  CHECK(s.run([&](internal_client& it) {
    return it.publish(*s.account, {.subject = "once", .reply = {}, .headers = {}, .body = {}});
  }) == false);
}
