// What crosses threads below the actors: the inbox, and the links between reactors.
#include "actors/reactor/inbox.hpp"

#include <caf/make_counted.hpp>
#include <caf/ref_counted.hpp>
#include <caf/resumable.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "actors/reactor/driver_pool.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

struct waiter final : link_waiter {
  std::vector<reactor_index> opened;
  void link_opened(reactor_index target) override { opened.push_back(target); }
};

struct entered {
  explicit entered(reactor& r) { r.enter(); }
  ~entered() { reactor::leave(); }
};

} // namespace

TEST_CASE("inbox: keeps the order of each of four producers", "[reactor][inbox]") {
  constexpr uint64_t producers = 4, each = 20'000;
  mpsc_inbox<uint64_t> inbox;
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (uint64_t p = 0; p < producers; ++p)
    threads.emplace_back([&, p] {
      while (!go) std::this_thread::yield();
      for (uint64_t i = 0; i < each; ++i) inbox.push(p << 32 | i);
    });
  go = true;
  std::vector<uint64_t> next(producers, 0);
  uint64_t got = 0, wrong = 0;
  while (got < producers * each) {
    inbox.drain([&](uint64_t& v) {
      wrong += (v & 0xffffffff) != next[v >> 32]++;
      ++got;
    });
    if (inbox.empty()) std::this_thread::yield();
  }
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(inbox.empty());
}

TEST_CASE("inbox: what is pushed while it drains comes with the next drain", "[reactor][inbox]") {
  mpsc_inbox<int> inbox;
  for (int i = 0; i < 3; ++i) inbox.push(i);
  std::vector<int> got;
  inbox.drain([&](int& v) {
    got.push_back(v);
    if (v == 0) inbox.push(10);
  });
  CHECK(got == std::vector<int>{0, 1, 2});
  CHECK_FALSE(inbox.empty());
  inbox.drain([&](int& v) { got.push_back(v); });
  CHECK(got.back() == 10);
}

TEST_CASE("inbox: frees what nobody fetched", "[reactor][inbox]") {
  auto value = std::make_shared<int>(1);
  {
    mpsc_inbox<std::shared_ptr<int>> inbox;
    for (int i = 0; i < 10; ++i) inbox.push(value);
    CHECK(value.use_count() == 11);
  }
  CHECK(value.use_count() == 1);
}

TEST_CASE("reactor: a producer that waits for a link hears when it has drained",
          "[reactor][link]") {
  driver_pool pool(2);
  reactor& r = pool.at(0);
  entered here(r);
  waiter w;
  pool.in_flight(0, 1) = link_high_bytes + 1;
  r.wait_for_link(1, w);
  r.turn(0);
  CHECK(w.opened.empty());
  CHECK(pool.link_waiting(0, 1));
  pool.in_flight(0, 1) = link_low_bytes;
  pool.link_waiting(0, 1) = false;
  std::thread([&] { r.link_opened(1); }).join();
  CHECK(r.has_work());
  r.turn(0);
  CHECK(w.opened == std::vector<reactor_index>{1});
}

TEST_CASE("reactor: a link that drained before anybody waited opens at once", "[reactor][link]") {
  driver_pool pool(2);
  reactor& r = pool.at(1);
  entered here(r);
  waiter w, gone;
  pool.in_flight(1, 0) = 0;
  r.wait_for_link(0, w);
  r.wait_for_link(0, gone);
  r.stop_waiting(gone);
  r.turn(0);
  CHECK(w.opened == std::vector<reactor_index>{0});
  CHECK(gone.opened.empty());
}

namespace {

/// An actor, as far as a reactor is concerned: `left` messages, each a moment of work.
struct probe final : caf::resumable, caf::ref_counted {
  nanos seen{};
  size_t left = 1;
  subtype_t subtype() const override { return io_actor; }
  resume_result resume(caf::execution_unit* ctx, size_t at_most) override {
    seen = static_cast<reactor*>(ctx)->now();
    left -= std::min(left, at_most);
    return left > 0 ? resume_later : awaiting_message;
  }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }
};

void enqueue(reactor& r, const caf::intrusive_ptr<probe>& job) {
  job->ref();
  r.exec_later(job.get());
}

} // namespace

TEST_CASE("reactor: its clock is fresh in whatever a turn runs", "[reactor]") {
  // A reactor that shares a driver may not have turned for long when a message arrives.
  driver_pool pool(1);
  reactor& r = pool.at(0);
  entered here(r);
  r.turn(0);
  nanos before = steady_now() + std::chrono::milliseconds(3);
  while (steady_now() < before) std::this_thread::yield();
  auto job = caf::make_counted<probe>();
  enqueue(r, job);
  r.turn(0);
  CHECK(job->seen >= before);
}

TEST_CASE("reactor: draining leaves nothing of what others had handed over",
          "[reactor][causality]") {
  // Interest may stand behind many batches; a publish must not overtake it.
  driver_pool pool(2);
  reactor& r = pool.at(0);
  entered here(r);
  auto job = caf::make_counted<probe>();
  job->left = 5000;
  std::thread([&] { enqueue(r, job); }).join();
  r.drain_inbound();
  CHECK(job->left == 0);
  while (job->left > 0) r.turn(0);
}

TEST_CASE("reactor: a read in progress keeps its place when others let go of the block",
          "[reactor][buffer]") {
  driver_pool pool(1);
  reactor& r = pool.at(0);
  entered here(r);
  r.read_block(64 * 1024);
  buffer_ref earlier = buffer_ref::share(r.read_block(0));
  r.read_done(100);

  r.read_block(64 * 1024);
  char* at = r.read_at();  // the socket's bytes come here, behind those in use ...
  earlier.reset();         // ... and meanwhile another reactor has delivered those
  buffer_ref payload = buffer_ref::share(r.read_block(0));
  r.read_done(50);
  r.read_block(64 * 1024);
  CHECK(r.read_at() >= at + 50);
}

TEST_CASE("reactor: who reads much gets a wide block, which others go on using", "[reactor][buffer]") {
  driver_pool pool(1);
  reactor& r = pool.at(0);
  entered here(r);
  r.read_block(64 * 1024);
  CHECK(r.read_room() < 384 * 1024);
  buffer* wide = r.read_block(384 * 1024);
  CHECK(wide->size_class == buffer_pool::wide_read_class);
  CHECK(r.read_room() >= 384 * 1024);

  buffer_ref payload = buffer_ref::share(wide);
  r.read_done(100 * 1024);
  CHECK(r.read_block(64 * 1024) == wide);
  CHECK(r.read_at() == wide->data() + 100 * 1024);
  CHECK(r.read_block(r.read_room() + 1) != wide);
  CHECK(r.read_at() == r.read_block(0)->data());
}
