// The root of the supervision tree in virtual time: lame duck mode, restarts, stop order.
#include "test/actors/fixtures/node_fixture.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

node_fixture::options ducking(nanos duration, nanos grace) {
  node_fixture::options o;
  o.lame_duck_duration = duration;
  o.lame_duck_grace_period = grace;
  return o;
}

size_t place(const order_log& order, const std::string& what) {
  return static_cast<size_t>(std::find(order.begin(), order.end(), what) - order.begin());
}

} // namespace

TEST_CASE("node actor: lame duck mode tells clients, waits, closes one by one and stops",
          "[node][lameduck]") {
  node_fixture f({10, 10}, ducking(30s, 10s));
  f.signal(SIGUSR2);
  CHECK(f.context->lame_duck);
  CHECK(f.listener_logs[0]->stopped == 1);
  CHECK(f.hubs[0]->notices == 1);
  CHECK(f.hubs[1]->notices == 1);
  f.advance(9999ms, 3ms);
  CHECK(f.single_closes().empty());
  CHECK(f.context->open_clients == 20);
  CHECK(f.stops == 0);
  f.advance(21s, 3ms);

  auto closes = f.single_closes();
  REQUIRE(closes.size() == 20);
  CHECK(closes.front().at >= 10s);
  for (size_t i = 1; i < closes.size(); ++i) {
    CHECK(closes[i].at - closes[i - 1].at >= 497ms);
    CHECK(closes[i].at - closes[i - 1].at <= 1010ms);
    CHECK(closes[i].reason == closed_reason::server_shutdown);
  }
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 0);
  CHECK(f.stopped_at <= 30s + 100ms);
}

TEST_CASE("node actor: lame duck mode of very many clients keeps to its duration",
          "[node][lameduck]") {
  node_fixture f({3000, 3000}, ducking(4s, 1s));
  f.signal(SIGUSR2);
  f.advance(4100ms);
  CHECK(f.stops == 1);
  CHECK(f.single_closes().size() >= 5000);
}

TEST_CASE("node actor: lame duck mode without clients stops at once", "[node][lameduck]") {
  node_fixture f({0, 0});
  f.signal(SIGUSR2);
  f.advance(10ms);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 0);
}

TEST_CASE("node actor: lame duck mode ends early when the last client has gone",
          "[node][lameduck]") {
  node_fixture f({5}, ducking(30s, 1s));
  f.signal(SIGUSR2);
  f.hubs[0]->clients = 0;
  f.context->open_clients = 0;
  f.context->sessions = 0;
  f.advance(1100ms);
  CHECK(f.stops == 1);
}

TEST_CASE("node actor: in lame duck mode TERM and another USR2 change nothing, INT stops",
          "[node][lameduck]") {
  node_fixture f({5}, ducking(60s, 10s));
  f.signal(SIGUSR2);
  f.signal(SIGTERM);
  f.signal(SIGUSR2);
  f.advance(1s, 10ms);
  CHECK(f.stops == 0);
  CHECK(f.hubs[0]->notices == 1);
  CHECK(f.describe()->state == "lame duck");
  f.signal(SIGINT);
  f.advance(20ms);
  CHECK(f.stops == 1);
  CHECK(f.hubs[0]->ended);
}

TEST_CASE("node actor: TERM stops listener, then clients, then hubs and shards", "[node][stop]") {
  node_fixture f({3, 4});
  f.signal(SIGTERM);
  f.advance(20ms);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 0);
  CHECK(f.context->open_clients == 0);
  auto at = [&](const char* what) { return place(f.order, what); };
  REQUIRE(at("shard 1 ends") < f.order.size());
  REQUIRE(at("listener ends") < f.order.size());
  CHECK(at("listener stops") < at("hub 0 closes"));
  CHECK(at("hub 0 closes") < at("hub 0 ends"));
  CHECK(at("hub 1 closes") < at("hub 0 ends"));
  CHECK(at("hub 1 ends") < at("shard 0 ends"));
}

TEST_CASE("node actor: a stop waits for clients that still take bytes, but not for ever",
          "[node][stop]") {
  node_fixture f({1, 1});
  f.hubs[1]->stubborn = true;
  f.signal(SIGINT);
  f.advance(2s);
  CHECK(f.stops == 0);
  CHECK(f.describe()->state == "stopping");
  CHECK(f.hubs[1]->closes.size() > 5);  // those who came late hear of it too
  f.advance(1100ms);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 0);
}

TEST_CASE("node actor: signals after the stop has begun change nothing", "[node][stop]") {
  node_fixture f({1});
  f.hubs[0]->stubborn = true;
  f.signal(SIGINT);
  for (int s : {SIGTERM, SIGUSR2, SIGINT, SIGHUP}) f.signal(s);
  CHECK_FALSE(f.context->lame_duck);
  f.advance(4s, 2ms);
  CHECK(f.stops == 1);
}

TEST_CASE("node actor: a listener has moved when the one before is closed", "[node][reload]") {
  node_fixture f({1});
  auto pending = f.self->request(f.node, caf::infinite, listener_moved{});
  while (!f.self->has_next_message() && f.sched.try_run_once()) {
  }
  CHECK((f.listener_logs[0]->stopped == 1 || f.listener_logs[0]->ended));
  bool answered = false;
  pending.receive([&] { answered = true; }, [&](const caf::error&) {});
  CHECK(answered);
  CHECK(f.listeners.size() == 2);
  f.settle();
  CHECK(f.listener_logs[0]->ended);
  CHECK_FALSE(f.listener_logs[1]->ended);
  CHECK(f.stops == 0);
}

TEST_CASE("node actor: a failed listener is restarted", "[node][supervision]") {
  node_fixture f({1});
  f.fail_listener();
  CHECK(f.listeners.size() == 2);
  CHECK(f.stops == 0);
  auto tree = f.describe();
  REQUIRE(tree);
  CHECK(tree->state == "running");
  CHECK(tree->last_error.starts_with("listener: "));
  REQUIRE(tree->children[0].kind == "listener");
  CHECK(tree->children[0].restarts == 1);
  CHECK_FALSE(tree->children[0].last_error.empty());
  f.signal(SIGINT);
  f.advance(20ms);
  CHECK(f.listener_logs[1]->stopped == 1);
}

TEST_CASE("node actor: a listener that fails too often stops the node with an error",
          "[node][supervision]") {
  node_fixture f({1});
  for (int i = 0; i < 5; ++i) f.fail_listener();
  CHECK(f.listeners.size() == 6);
  CHECK(f.stops == 0);
  f.fail_listener();
  f.advance(20ms);
  CHECK(f.listeners.size() == 6);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 1);
}

TEST_CASE("node actor: a listener that cannot be restarted stops the node with an error",
          "[node][supervision]") {
  node_fixture f({1});
  f.refuse_listener = true;
  f.fail_listener();
  f.advance(20ms);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 1);
}

TEST_CASE("node actor: the end of a hub or shard stops the node with an error that names it",
          "[node][supervision]") {
  const bool hub = GENERATE(true, false);
  // Nobody may end them in passing, in whatever words.
  const auto reason = GENERATE(caf::exit_reason::unhandled_exception, caf::exit_reason::user_shutdown,
                               caf::exit_reason::kill);
  node_fixture f({2, 2});
  if (hub) caf::anon_send_exit(f.hub_handles[1], reason);
  else caf::anon_send_exit(f.shard_handles[1], reason);
  if (hub) f.context->open_clients -= 2;
  f.settle();
  const std::string error = f.describe()->last_error;
  CHECK(error.starts_with(hub ? "Essential actor ended: clients of reactor 1: "
                              : "Essential actor ended: shard of account $G on reactor 1: "));
  f.advance(20ms);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 1);
  CHECK(f.context->open_clients == 0);
}

TEST_CASE("node actor: a shard that is ended by order is no failure", "[node][supervision]") {
  node_fixture f({1, 1});
  caf::anon_send<caf::message_priority::high>(f.node, shard_ending{f.shard_handles[1]});
  caf::anon_send_exit(f.shard_handles[1], caf::exit_reason::user_shutdown);
  f.advance(20ms);
  CHECK(f.stops == 0);
  CHECK(f.describe()->last_error.empty());
  // One that came later is watched over as the first ones are.
  auto later = f.spawn_shard();
  caf::anon_send(f.node, shard_started{later, "shard of account A on reactor 0"});
  f.settle();
  caf::anon_send_exit(later, caf::exit_reason::user_shutdown);
  f.advance(20ms);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 1);
}

TEST_CASE("node actor: what nobody caught on a reactor stops the node with an error",
          "[node][supervision]") {
  node_fixture f({1, 1});
  caf::anon_send(f.node, reactor_failed{1, "timer: no memory"});
  f.settle();
  CHECK(f.describe()->last_error == "Reactor 1 failed: timer: no memory");
  f.advance(20ms);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 1);
}

TEST_CASE("node actor: the receiver of signals is made anew, within its budget",
          "[node][supervision]") {
  node_fixture f({1});
  for (size_t i = 1; i <= 5; ++i) {
    caf::anon_send_exit(f.signals.back(), caf::exit_reason::unhandled_exception);
    f.settle();
    CHECK(f.signals.size() == i + 1);
    CHECK(f.describe()->children.back().kind == "signals");
    CHECK(f.describe()->children.back().restarts == i);
  }
  CHECK(f.stops == 0);
  caf::anon_send_exit(f.signals.back(), caf::exit_reason::unhandled_exception);
  f.advance(20ms);
  CHECK(f.signals.size() == 6);
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 1);
}

TEST_CASE("node actor: what the root throws stops everything below it, with an error",
          "[node][supervision]") {
  node_fixture f({1, 1});
  f.bad_listener = true;
  f.fail_listener(); // making the next one throws
  f.settle();
  CHECK(f.stops == 1);
  CHECK(f.exit_code == 1);
  CHECK(f.hubs[0]->ended);
  CHECK(f.hubs[1]->ended);
  CHECK(std::count(f.order.begin(), f.order.end(), "shard 0 ends") == 1);
}

TEST_CASE("node actor: describes itself with all its children", "[node][describe]") {
  node_fixture f({1, 2, 3});
  auto tree = f.describe();
  REQUIRE(tree);
  CHECK(tree->kind == "node");
  CHECK(tree->name == "test node");
  CHECK(tree->state == "running");
  CHECK(tree->restarts == 0);
  REQUIRE(tree->children.size() == 5);
  CHECK(tree->children[0].kind == "listener");
  CHECK(tree->children[4].kind == "signals");
  for (size_t i = 1; i < 4; ++i) CHECK(tree->children[i].kind == "clients");
}

TEST_CASE("node actor: describes itself although a child is gone", "[node][describe]") {
  node_fixture f({1, 1});
  f.hubs[0]->stubborn = true;
  caf::anon_send_exit(f.hub_handles[1], caf::exit_reason::kill);
  f.settle();
  auto tree = f.describe();
  REQUIRE(tree);
  CHECK(tree->state == "stopping");
  CHECK(tree->children.size() == 3);
}

TEST_CASE("node actor: without a file a reload is refused and nothing changes", "[node]") {
  node_fixture f({1});
  f.signal(SIGHUP);
  f.signal(SIGUSR1);
  f.signal(SIGWINCH);
  CHECK(f.describe()->state == "running");
  CHECK(f.stops == 0);
}

TEST_CASE("node actor: who wants a description while it ends is told so", "[node][describe]") {
  node_fixture f({1});
  auto pending = f.self->request(f.node, caf::infinite, describe_query{});
  f.sched.run_once(); // asks its children
  caf::anon_send_exit(f.node, caf::exit_reason::kill);
  f.settle();
  REQUIRE(f.self->has_next_message());
  bool told = false;
  pending.receive([](const actor_report_ptr&) {}, [&](const caf::error&) { told = true; });
  CHECK(told);
}
