// A reload comes to many sessions: some at a time, and whoever speaks before its turn is judged by the new rules.
#include <string>
#include <vector>

#include "test/actors/fixtures/hub_fixture.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

config::user_options user(const std::string& name, const std::string& denied) {
  config::user_options u;
  u.name = name;
  u.password = "p";
  if (!denied.empty()) {
    u.perms.emplace();
    u.perms->publish = config::subject_permission{{}, {denied}};
  }
  return u;
}

config::server_options options_of(std::vector<config::user_options> users) {
  config::server_options o;
  o.authorization.users = std::move(users);
  return o;
}

struct reload_fixture : hub_fixture {
  reload_fixture() : hub_fixture(options_of({user("a", ""), user("b", "")})) {}

  void login(const std::string& name, int count, const std::string& more = {}) {
    for (int i = 0; i < count; ++i) {
      clients.push_back(connect());
      clients.back()->send("CONNECT {\"verbose\":false,\"user\":\"" + name + "\",\"pass\":\"p\"}\r\n" + more);
    }
    turn_all();
  }

  /// The hub takes it in a turn of its own.
  void reload(std::vector<config::user_options> users) {
    send_policy(std::move(users));
    turn(0);
  }

  void send_policy(std::vector<config::user_options> users) {
    const auto options = std::make_shared<const config::server_options>(options_of(std::move(users)));
    auto policy = std::make_shared<node_policy>(*context->policy());
    policy->options = options;
    policy->auth = make_config_authenticator(*options, "");
    context->publish(policy);
    caf::anon_send(hub, node_policy_ptr(policy));
  }

  size_t ended() {
    size_t n = 0;
    for (auto& c : clients) n += c->ended() ? 1 : 0;
    return n;
  }
  std::vector<std::unique_ptr<pair_client>> clients;
};

} // namespace

TEST_CASE("reload of many sessions: not all in one turn, all in the end", "[session][reload]") {
  reload_fixture f;
  f.login("a", 300);
  f.login("b", 300);
  f.reload({user("a", "")});
  // A slice when it is heard of, and at most one more when the timers of that turn fire.
  CHECK(f.ended() < 300);
  CHECK(f.turn_until([&] { return f.ended() == 300; }));
  for (size_t i = 0; i < 300; ++i) REQUIRE_FALSE(f.clients[i]->ended());
}

TEST_CASE("reload of many sessions: who speaks before its turn is judged by the new rules", "[session][reload]") {
  reload_fixture f;
  f.login("a", 600);
  auto& last = *f.clients.back();
  last.send("PUB secret 1\r\nx\r\nPING\r\n");
  f.reload({user("a", "secret"), user("b", "")});
  CHECK(last.got().find("-ERR 'Permissions Violation for Publish to \"secret\"'\r\nPONG\r\n") != std::string::npos);
  // A new one has them too, and a second reload comes after the first.
  f.login("b", 1, "PUB secret 1\r\nx\r\nPING\r\n");
  CHECK(f.clients.back()->got().find("-ERR") == std::string::npos);
  f.reload({user("b", "secret")});
  CHECK(f.turn_until([&] { return f.ended() == 600; }));
  f.clients.back()->send("PUB secret 1\r\nx\r\nPING\r\n");
  f.turn_all();
  CHECK(f.clients.back()->got().find("Permissions Violation") != std::string::npos);
}

TEST_CASE("reload of many sessions: who is to go because of it makes room before others go", "[session][reload]") {
  reload_fixture f;
  f.login("a", 300);
  f.login("b", 300);
  f.reload({user("a", "")});
  auto pending = f.self->request(f.hub, caf::infinite, close_clients{10, closed_reason::max_connections_exceeded});
  CHECK(f.turn_until([&] { return f.ended() == 310; }));
  uint64_t closed = 0;
  pending.receive([&](uint64_t n) { closed = n; }, [](const caf::error&) {});
  CHECK(closed == 10);
  for (size_t i = 0; i < 290; ++i) REQUIRE_FALSE(f.clients[i]->ended());
}

TEST_CASE("reload of many sessions: it is over when the other reactors were told of the interest", "[session][reload]") {
  reload_fixture f;
  f.login("a", 1);
  struct interest : turn_hook {
    explicit interest(reload_fixture& f) : f(f) {}
    void at_turn_end() override { left_first = !f.self->has_next_message(); }
    reload_fixture& f;
    bool left_first = false;
  };
  const bool in_one_turn = GENERATE(true, false);
  f.send_policy({user("a", ""), user("b", "")});
  if (!in_one_turn) f.turn(0);
  interest hook(f);
  auto pending = f.self->request(f.hub, caf::infinite, close_clients{0});
  f.on(0, [&] { f.at(0).publish_later(hook); });
  f.turn(0);
  CHECK(hook.left_first);
  bool over = false;
  pending.receive([&](uint64_t) { over = true; }, [](const caf::error&) {});
  CHECK(over);
}

TEST_CASE("reload of many sessions: who waits for it hears of the hub's end", "[session][reload]") {
  reload_fixture f;
  f.login("a", 300);
  f.login("b", 300);
  f.reload({user("a", "")});
  auto pending = f.self->request(f.hub, caf::infinite, close_clients{0});
  caf::anon_send_exit(f.hub, caf::exit_reason::user_shutdown);
  f.turn_all();
  REQUIRE(f.self->has_next_message());
  uint64_t closed = 1;
  pending.receive([&](uint64_t n) { closed = n; }, [&](const caf::error&) { closed = 0; });
  CHECK(closed == 0);
}
