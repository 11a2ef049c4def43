// What a shard does when something throws: what fails is left out or asked for anew, the rest stays.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "test/actors/fixtures/still_reactors.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

/// Throws at the subjects that say so.
struct brittle_subscriber final : routing::subscriber {
  bool deliver(routing::subscription&, const routing::message& m) override {
    if (m.subject == "bad") throw std::runtime_error("no room");
    got.emplace_back(m.subject);
    return true;
  }
  void expired(routing::subscription&) override {}
  client_id id() const override { return client_id{1}; }
  std::vector<std::string> got;
};

void publish(still_reactors& n, unsigned from, std::initializer_list<const char*> subjects) {
  n.on(from, [&] {
    for (const char* subject : subjects) {
      routing::message m;
      m.subject = subject;
      m.payload = "payload";
      m.reply = "inbox";
      m.wants_untaken = true;
      m.producer = {static_cast<reactor_index>(from), client_id{7}};
      n.shard(from).publish(m, nullptr);
    }
  });
}

uint64_t failures(still_reactors& n, unsigned r) { return n.counters[r]->failures.load(); }

} // namespace

TEST_CASE("shard: a message that throws is left out, what came with it is delivered",
          "[routing][supervision]") {
  still_reactors n(3);
  brittle_subscriber a, b;
  n.on(1, [&] { n.shard(1).subscribe(&a, "*", {}, "1"); });
  n.on(2, [&] { n.shard(2).subscribe(&b, "*", "group", "1"); });
  n.turn_all();
  publish(n, 0, {"one", "bad", "two", "bad", "three"});
  n.turn_all();
  CHECK(a.got == std::vector<std::string>{"one", "two", "three"});
  CHECK(b.got == std::vector<std::string>{"one", "two", "three"});
  CHECK(failures(n, 1) == 2);
  CHECK(failures(n, 2) == 2);
  // Its link is not taken for full ever after.
  CHECK(n.drivers.in_flight(0, 1).load() == 0);
  CHECK(n.drivers.in_flight(0, 2).load() == 0);
  publish(n, 0, {"four"});
  n.turn_all();
  CHECK(a.got.back() == "four");
  CHECK(b.got.back() == "four");
}

TEST_CASE("shard: a publish that throws leaves nothing behind for the next", "[routing][supervision]") {
  still_reactors n(2);
  brittle_subscriber here, there;
  n.on(0, [&] { n.shard(0).subscribe(&here, "*", "a", "1"); });
  n.on(0, [&] { n.shard(0).subscribe(&here, "*", {}, "2"); });
  n.on(1, [&] { n.shard(1).subscribe(&there, "*", "b", "1"); });
  n.turn_all();
  for (int i = 0; i < 20; ++i) {
    CHECK_THROWS_AS(publish(n, 0, {"bad"}), std::runtime_error);
    publish(n, 0, {"good"});
  }
  n.turn_all();
  CHECK(here.got.size() == 40);
  CHECK(there.got == std::vector<std::string>(20, "good"));
}

TEST_CASE("shard: interest that cannot be taken over is asked for anew", "[routing][supervision]") {
  still_reactors n(2);
  taking_subscriber inbox;
  bool throws = true;
  n.on(0, [&] {
    n.shard(0).core().register_notification("b", {}, [&](bool begins) {
      if (begins && throws) throw std::runtime_error("no room");
    });
  });
  n.on(1, [&] {
    for (const char* subject : {"a", "b", "c"}) n.shard(1).subscribe(&inbox, subject, {}, subject);
  });
  n.turn(1);
  n.turn(0);  // "b" throws: "c" has not been taken over
  CHECK(failures(n, 0) == 1);
  throws = false;
  n.turn_all();
  publish(n, 0, {"a", "b", "c"});
  n.turn_all();
  CHECK(inbox.got == std::vector<std::string>{"a", "b", "c"});
  CHECK(failures(n, 0) == 1);
}

TEST_CASE("shard: interest that fails again and again ends the shard", "[routing][supervision]") {
  still_reactors n(2);
  taking_subscriber inbox;
  bool ended = false;
  n.shard(0).attach_functor([&] { ended = true; });
  n.on(0, [&] {
    n.shard(0).core().register_notification("b", {}, [&](bool begins) {
      if (begins) throw std::runtime_error("no room");
    });
  });
  n.on(1, [&] { n.shard(1).subscribe(&inbox, "b", {}, "1"); });
  n.turn_all();
  CHECK(failures(n, 0) == 6);
  CHECK(ended);
}

TEST_CASE("accounts: who leaves late still finds the shards, which have ended", "[routing][supervision]") {
  still_reactors n(2);
  taking_subscriber here, there;
  routing::subscription* mine = nullptr;
  n.on(0, [&] { mine = n.shard(0).subscribe(&here, "a", {}, "1"); });
  n.on(1, [&] { n.shard(1).subscribe(&there, "a", {}, "1"); });
  n.turn_all();
  int ended = 0;
  for (unsigned r : {0U, 1U}) n.shard(r).attach_functor([&] { ++ended; });
  n.accounts->end();
  n.turn_all();
  CHECK(ended == 2);
  // A last word goes to who is here, and to nobody elsewhere.
  publish(n, 0, {"a"});
  n.on(0, [&] { n.shard(0).unsubscribe(mine); });
  n.turn_all();
  CHECK(here.got.size() == 1);
  CHECK(there.got.empty());
}

TEST_CASE("accounts: the shards of one that comes after the end, end", "[routing][supervision]") {
  still_reactors n(2);
  n.accounts->end();
  int ended = 0;
  for (unsigned r : {0U, 1U}) n.shard(r, "late").attach_functor([&] { ++ended; });
  n.turn_all();
  CHECK(ended == 2);
}

TEST_CASE("reactor: what its handlers throw is told, and the others of the turn are called",
          "[reactor][supervision]") {
  struct hook final : turn_hook {
    explicit hook(bool bad) : throws(bad) {}
    void at_turn_end() override {
      ++calls;
      if (throws) throw std::runtime_error("no room");
    }
    bool throws;
    int calls = 0;
  };
  still_reactors n(1);
  std::vector<std::string> told;
  n.drivers.hear_failures([&](reactor_index r, const char* where, const char* what) {
    told.push_back(std::to_string(r) + " " + where + ": " + what);
  });
  hook bad{true}, good{false};
  timer throwing([](void*, nanos) { throw std::runtime_error("too late"); }, nullptr);
  n.on(0, [&] {
    n.at(0).publish_later(bad);
    n.at(0).publish_later(good);
    n.at(0).timers().arm(throwing, n.at(0).now());
  });
  for (int i = 0; i < 1000 && told.size() < 2; ++i)
    n.on(0, [&] { n.at(0).turn(2); });
  CHECK(bad.calls == 1);
  CHECK(good.calls == 1);
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<std::string>{"0 end of a turn: no room", "0 timer: too late"});
  n.drivers.hear_failures(nullptr);
}
