// What a hub and its connections do when something of theirs throws or ends.
#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "test/actors/fixtures/hub_fixture.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

const std::string hello = "CONNECT {\"verbose\":false}\r\nPING\r\n";

struct quiet_events : session_events {
  void connected(const observe::connection_snapshot&) override {}
  void disconnected(const observe::connection_snapshot&) override {}
  void refused(const observe::connection_snapshot&, closed_reason, routing::account&,
               std::string_view) override {}
  void peer_link_invalid(const peer_verdict&) override {}
  void peer_rejected(const peer_verdict&) override {}
  void peer_judged_elsewhere(peer_verdict_ptr) override {}
  void account_changed(routing::account&) override {}
};

/// Throws at what it is told to.
struct brittle_events final : quiet_events {
  void connected(const observe::connection_snapshot&) override { maybe(at_connect); }
  void disconnected(const observe::connection_snapshot&) override { maybe(at_end); }
  void refused(const observe::connection_snapshot&, closed_reason, routing::account&,
               std::string_view) override {
    maybe(at_refusal);
  }
  void account_changed(routing::account&) override { maybe(at_change); }
  void maybe(bool now) {
    if (!now) return;
    ++thrown;
    throw std::runtime_error("no room");
  }
  bool at_connect = false, at_end = false, at_refusal = false, at_change = false;
  int thrown = 0;
};

std::optional<observe::actor_snapshot> helper(const actor_report_ptr& report, const std::string& name) {
  for (const observe::actor_snapshot& clients : report->children)
    if (clients.kind == "clients")
      for (const observe::actor_snapshot& one : clients.children)
        if (one.kind == "helper" && one.name.starts_with(name)) return one;
  return std::nullopt;
}

/// Makes a helper of the hub's end, in its own way, five times and once more.
void spend_budget(hub_fixture& f, const std::string& name, const std::function<void()>& use,
                  const std::function<void()>& end) {
  for (uint64_t i = 1; i <= 5; ++i) {
    use();
    auto found = helper(f.describe(), name);
    REQUIRE(found);
    CHECK(found->state == "running");
    end();
    REQUIRE(f.turn_until([&] { return helper(f.describe(), name)->restarts == i; }));
    found = helper(f.describe(), name);
    CHECK(found->state == "not needed");
    CHECK_FALSE(found->last_error.empty());
    CHECK_FALSE(f.hub_ended);
  }
  use();
  CHECK(helper(f.describe(), name)->state == "running");
  end();
  CHECK(f.turn_until([&] { return f.hub_ended; }));
  CHECK(f.told.empty());
}

/// Ends the thread's actor: the worker contains what derives from std::exception.
struct fatal {};

} // namespace

TEST_CASE("hub: a login worker that ends is made anew within its budget", "[session][supervision]") {
  hub_fixture f;
  auto client = f.connect();
  std::atomic<int> checked = 0;
  const auto check = [&](std::function<auth_decision()> work) {
    f.on(0, [&] {
      auth_decision deferred;
      deferred.work = std::move(work);
      f.direct->check_elsewhere(deferred, {});
    });
  };
  spend_budget(
    f, "login worker",
    [&] {
      const int before = checked;
      check([&checked] {
        ++checked;
        return auth_decision();
      });
      REQUIRE(f.turn_until([&] { return checked == before + 1; }));
    },
    [&] { check([]() -> auth_decision { throw fatal(); }); });
  CHECK(client->ended());
}

TEST_CASE("hub: a handshake worker that ends is made anew within its budget", "[session][supervision]") {
  hub_fixture f;
  auto client = f.connect();
  std::atomic<int> steps = 0;
  const auto step = [&](std::function<void()> what) {
    f.on(0, [&] { f.direct->step_elsewhere({std::move(what), nullptr}, {}); });
  };
  spend_budget(
    f, "handshake worker",
    [&] {
      const int before = steps;
      step([&steps] { ++steps; });
      REQUIRE(f.turn_until([&] { return steps == before + 1; }));
    },
    [&] { step([] { throw fatal(); }); });
  CHECK(client->ended());
}

TEST_CASE("hub: a client for auth callout that ends is made anew within its budget",
          "[session][supervision]") {
  hub_fixture f;
  // A service that hears the question, so that there is a client which waits for its answer.
  struct service final : routing::subscriber {
    bool deliver(routing::subscription&, const routing::message& m) override {
      ++asked;
      asker = m.producer.id;
      return true;
    }
    void expired(routing::subscription&) override {}
    client_id id() const override { return client_id{77}; }
    int asked = 0;
    client_id asker{};
  } service;
  f.on(0, [&] { f.shard(0).subscribe(&service, "ask", {}, "1"); });
  service_question question;
  question.account = routing::global_account;
  question.subject = "ask";
  question.within = 1h;
  question.judge = [](std::string_view) { return auth_decision(); };
  const auto end = [&] {
    // Found by its inbox, since nobody else has its address.
    caf::abstract_actor* asker = nullptr;
    f.shard(0).core().for_each([&](const routing::subscription& sub, std::string_view subject) {
      if (subject.starts_with("$SYS._INBOX."))
        asker = dynamic_cast<caf::abstract_actor*>(sub.owner);
    });
    REQUIRE(asker);
    caf::anon_send_exit(caf::actor_cast<caf::actor>(asker), caf::exit_reason::unhandled_exception);
    f.turn_all();
  };
  int asked = 0;
  spend_budget(
    f, "client for auth callout",
    [&] {
      f.on(0, [&] { f.direct->ask_service(question, {}); });
      f.turn_all();
      REQUIRE(service.asked == ++asked);
    },
    end);
  f.on(0, [&] {
    std::vector<routing::subscription*> mine;
    f.shard(0).core().for_each([&](const routing::subscription& sub, std::string_view) {
      if (sub.owner == &service) mine.push_back(const_cast<routing::subscription*>(&sub));
    });
    for (auto* sub : mine) f.shard(0).unsubscribe(sub);
  });
}

TEST_CASE("connection: what its timers throw closes it and nothing else", "[session][supervision]") {
  hub_fixture f;
  auto events = std::make_shared<brittle_events>();
  f.context->events = events;
  auto other = f.connect(), deaf = f.connect();
  for (auto* client : {other.get(), deaf.get()}) {
    client->send(hello);
    REQUIRE(f.turn_until([&] { return client->got().ends_with("PONG\r\n"); }));
  }
  // More than the socket takes of what nobody reads: it is closed by a timer, which throws.
  deaf->send("SUB x 1\r\n");
  const std::string payload(200'000, 'x');
  for (int i = 0; i < 10; ++i) {
    REQUIRE(f.send_all(*other, "PUB x 200000\r\n" + payload + "\r\n"));
  }
  REQUIRE(f.send_all(*other, "PING\r\n"));
  REQUIRE(f.turn_until([&] { return other->got().ends_with("PONG\r\nPONG\r\n"); }));
  events->at_change = events->at_end = true;
  deaf->send("BAD\r\n");
  REQUIRE(f.turn_until([&] { return f.context->open_clients == 1; }));
  CHECK(events->thrown == 2);
  CHECK(f.told.empty());
  CHECK(f.turn_until([&] { return deaf->ended(); }));
  other->send("PING\r\n");
  CHECK(f.turn_until([&] { return other->got().ends_with("PONG\r\nPONG\r\nPONG\r\n"); }));
}

TEST_CASE("connection: what its input and its end throw closes it and nothing else",
          "[session][supervision]") {
  hub_fixture f;
  auto events = std::make_shared<brittle_events>();
  f.context->events = events;
  auto other = f.connect();
  other->send(hello);
  REQUIRE(f.turn_until([&] { return other->got().ends_with("PONG\r\n"); }));

  events->at_connect = true;
  auto bad = f.connect();
  bad->send(hello);
  REQUIRE(f.turn_until([&] { return bad->ended(); }));
  CHECK(events->thrown == 1);
  CHECK(f.told.empty());
  CHECK(f.context->open_clients == 1);

  events->at_connect = false;
  events->at_end = true;
  auto leaving = f.connect();
  leaving->send("BAD\r\n");
  REQUIRE(f.turn_until([&] { return leaving->ended(); }));
  CHECK(events->thrown == 2);
  CHECK(f.context->open_clients == 1);
  other->send("PING\r\n");
  REQUIRE(f.turn_until([&] { return other->got().ends_with("PONG\r\nPONG\r\n"); }));
}

TEST_CASE("connection: when its socket ends it is counted no more", "[session]") {
  hub_fixture f;
  struct witness final : quiet_events {
    void disconnected(const observe::connection_snapshot&) override { seen(); }
    std::function<void()> seen;
  };
  auto events = std::make_shared<witness>();
  f.context->events = events;
  auto client = f.connect();
  bool open = false;
  events->seen = [&] { open = !client->ended() && f.counters[0]->connections.load() == 0; };
  client->send(hello);
  REQUIRE(f.turn_until([&] { return client->got().ends_with("PONG\r\n"); }));
  CHECK(f.counters[0]->connections.load() == 1);
  client->send("BAD\r\n");
  REQUIRE(f.turn_until([&] { return client->ended(); }));
  CHECK(open);
}
