// Messages from other threads to an actor of a reactor: what was sent before a drain, the drain
// brings.
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "actors/reactor/driver_pool.hpp"
#include "actors/reactor/pinned_actor.hpp"
#include "test/catch.hpp"

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<int>)

using namespace troupe;

namespace {

/// Counts what comes from each sender.
class tally final : public pinned<caf::event_based_actor> {
public:
  tally(caf::actor_config& cfg, std::vector<uint64_t>& seen) : pinned(cfg), seen_(seen) {}

protected:
  caf::behavior make_behavior() override {
    return {[this](uint64_t sender, uint64_t number) {
      if (number == seen_[sender] + 1) seen_[sender] = number;
    }};
  }

private:
  std::vector<uint64_t>& seen_;
};

/// A reactor that the test's own thread runs.
struct lone_reactor {
  lone_reactor() : drivers(1), sys(config) {
    drivers.attach(sys);
    it().enter();
  }
  ~lone_reactor() { reactor::leave(); }
  reactor& it() { return drivers.at(0); }
  template <class... Ts>
  void end(const Ts&... handles) {
    (caf::anon_send_exit(handles, caf::exit_reason::user_shutdown), ...);
    it().turn(0);
  }

  struct quiet_config : caf::actor_system_config {
    quiet_config() {
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", size_t{1});
    }
  } config;
  driver_pool drivers;
  caf::actor_system sys;
};

} // namespace

TEST_CASE("hand-over: what was sent before a drain has come when it ends, whoever else sends",
          "[reactor][causality]") {
  // A sender's next message waits for the drain that brought the last one, as a client waits for
  // its PONG: so nearly every message finds the actor asleep, which is where hand-overs can race.
  constexpr uint64_t senders = 3, each = 20'000;
  lone_reactor home;
  std::vector<uint64_t> seen(senders, 0);
  auto actor = spawn_pinned<tally>(home.it(), seen);
  home.it().turn(0);

  std::vector<std::atomic<uint64_t>> sent(senders), drained(senders);
  std::vector<std::thread> threads;
  for (uint64_t s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      for (uint64_t i = 1; i <= each; ++i) {
        caf::anon_send(actor, s, i);
        sent[s] = i;
        while (drained[s] < i) std::this_thread::yield();
      }
    });
  uint64_t missed = 0;
  for (uint64_t total = 0; total < senders * each;) {
    std::vector<uint64_t> before(sent.begin(), sent.end());
    home.it().drain_inbound();
    total = 0;
    for (uint64_t s = 0; s < senders; ++s) {
      missed += seen[s] < before[s];
      total += before[s];
      drained[s] = before[s];
    }
    std::this_thread::yield();
  }
  for (auto& t : threads) t.join();
  home.end(actor);
  CHECK(missed == 0);
}

TEST_CASE("hand-over: another thread's message is one step, the mailbox is its reactor's alone",
          "[reactor][causality]") {
  lone_reactor home;
  std::vector<uint64_t> seen(1, 0);
  auto actor = spawn_pinned<tally>(home.it(), seen);
  home.it().turn(0);
  auto* asleep = static_cast<tally*>(caf::actor_cast<caf::abstract_actor*>(actor));
  REQUIRE(asleep->mailbox().blocked());
  std::thread([&] { caf::anon_send(actor, uint64_t{0}, uint64_t{1}); }).join();
  CHECK(asleep->mailbox().blocked());
  CHECK(home.it().has_work());
  home.it().drain_inbound();
  CHECK(seen[0] == 1);
  home.end(actor);
}

TEST_CASE("hand-over: a reactor that has stopped lets go of what came too late", "[reactor]") {
  auto payload = std::make_shared<int>(0);
  lone_reactor home;
  std::vector<uint64_t> seen(1, 0);
  auto actor = spawn_pinned<tally>(home.it(), seen);
  home.it().turn(0);
  home.end(actor);
  std::thread([&] { caf::anon_send(actor, payload); }).join();
  CHECK(payload.use_count() == 2);
  home.drivers.stop();
  CHECK(payload.use_count() == 1);
  std::thread([&] { caf::anon_send(actor, payload); }).join();
  CHECK(payload.use_count() == 1);
  caf::scoped_actor self{home.sys};
  bool refused = false;
  self->request(actor, caf::infinite, payload).receive([] {}, [&](const caf::error&) { refused = true; });
  CHECK(refused);
}

TEST_CASE("hand-over: a thread that ends after its supervisor's reactor ends with the system", "[reactor]") {
  // What tells the supervisor of the end holds who ended, and CAF waits for detached actors to be gone.
  lone_reactor home;
  std::vector<uint64_t> seen(1, 0);
  auto supervisor = spawn_pinned<tally>(home.it(), seen);
  auto quits = [](caf::event_based_actor* self, caf::unit_t) -> caf::behavior {
    return {[self](uint64_t) { self->quit(); }};
  };
  auto worker = home.sys.spawn<caf::detached + caf::hidden>(quits, caf::unit);
  // Attached first, called last: when the supervisor has been told.
  std::promise<void> ended;
  caf::actor_cast<caf::abstract_actor*>(worker)->attach_functor([&] { ended.set_value(); });
  static_cast<tally*>(caf::actor_cast<caf::abstract_actor*>(supervisor))->monitor(worker);
  home.end(supervisor);
  home.drivers.stop();
  caf::anon_send(worker, uint64_t{0});
  ended.get_future().wait();
}
