#include "actors/ocsp/staple_core.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "actors/reactor/staple_slot.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr wall_seconds noon{std::chrono::seconds(1'800'000'000)};

ocsp_answer answer(std::chrono::seconds age, std::optional<std::chrono::seconds> left) {
  ocsp_answer out;
  out.status = ocsp_status::good;
  out.this_update = noon - age;
  if (left) out.next_update = noon + *left;
  return out;
}

} // namespace

TEST_CASE("staple: the mode and the certificate's wish decide", "[ocsp]") {
  using enum config::ocsp_mode;
  struct row {
    config::ocsp_mode mode;
    bool wish;
    staple_need need;
    bool ends;
  };
  for (const row& r : {row{off, false, staple_need::none, false}, row{off, true, staple_need::wanted, false},
                       row{automatic, false, staple_need::none, false},
                       row{automatic, true, staple_need::wanted, false},
                       row{always, false, staple_need::wanted, true}, row{always, true, staple_need::wanted, true},
                       row{must, false, staple_need::none, false}, row{must, true, staple_need::wanted, true},
                       row{never, false, staple_need::none, false},
                       row{never, true, staple_need::none_though_asked, false}}) {
    const staple_plan plan = plan_staple(r.mode, r.wish);
    CHECK(plan.need == r.need);
    CHECK(plan.ends_node == r.ends);
  }
}

TEST_CASE("staple: an answer is in force between its times", "[ocsp]") {
  CHECK(in_force(answer(0s, 1s), noon));
  CHECK(in_force(answer(1s, 0s), noon));
  CHECK(in_force(answer(1h, std::nullopt), noon));
  CHECK(in_force(answer(1h, -1s), noon).error().context
        == "invalid ocsp NextUpdate, is past time: 2027-01-15T07:59:59Z");
  CHECK(in_force(answer(-1s, 1h), noon).error().context
        == "invalid ocsp ThisUpdate, is future time: 2027-01-15T08:00:01Z");
}

TEST_CASE("staple: the next question comes at half of what is left, within bounds", "[ocsp]") {
  CHECK(next_question(answer(0s, 1h), noon) == 30min);
  CHECK(next_question(answer(0s, 168h), noon) == 84h);
  CHECK(next_question(answer(0s, 1s), noon) == 1s);
  CHECK(next_question(answer(0s, 0s), noon) == 1s);
  CHECK(next_question(answer(1h, -1s), noon) == 2min);
  CHECK(next_question(answer(1h, std::nullopt), noon) == 24h);
}

namespace {

/// A clock, and a responder that may be down: the moments (since noon) of the questions.
struct virtual_watch {
  staple_schedule schedule;
  staple_moment now{noon, 5h};
  bool up = true, wanted = false;
  std::chrono::seconds life = 1h;
  std::vector<std::chrono::nanoseconds> asked;

  void ask() {
    asked.push_back(now.wall - noon);
    if (!up) {
      schedule.failed(now);
      return;
    }
    ocsp_answer fresh;
    fresh.status = ocsp_status::good;
    fresh.this_update = std::chrono::floor<std::chrono::seconds>(now.wall);
    fresh.next_update = fresh.this_update + life;
    schedule.answered(fresh, now);
  }
  void run_for(std::chrono::nanoseconds time) {
    const auto end = now.steady + time;
    while (now.steady < end) {
      if (schedule.asks(now, wanted)) ask();
      const auto step = std::clamp<std::chrono::nanoseconds>(schedule.sleeps(now), 1ms, end - now.steady);
      now.steady += step;
      now.wall += std::chrono::duration_cast<wall_moment::duration>(step);
    }
  }
};

} // namespace

TEST_CASE("staple schedule: a responder that is down is asked at halves of what is left, then every two minutes",
          "[ocsp]") {
  virtual_watch w;
  w.ask();
  w.run_for(29min);
  CHECK(w.asked.size() == 1);
  w.up = false;
  w.run_for(30min);  // to 59 min
  REQUIRE(w.asked.size() >= 6);
  CHECK(std::vector(w.asked.begin() + 1, w.asked.begin() + 6)
        == std::vector<std::chrono::nanoseconds>{30min, 45min, 52min + 30s, 56min + 15s, 58min + 7500ms});
  w.run_for(1min);
  const size_t in_time = w.asked.size();
  CHECK(in_time < 20);  // a second apart at least
  w.run_for(20min);
  CHECK(w.asked.size() - in_time >= 9);
  CHECK(w.asked.size() - in_time <= 11);
  for (size_t i = in_time + 1; i < w.asked.size(); ++i) CHECK(w.asked[i] - w.asked[i - 1] == 2min);

  // There again: asked within two minutes, then by half of the new answer's life.
  w.up = true;
  const size_t down = w.asked.size();
  w.run_for(2min);
  REQUIRE(w.asked.size() == down + 1);
  const auto back = w.asked.back();
  w.run_for(31min);
  REQUIRE(w.asked.size() == down + 2);
  CHECK(w.asked.back() - back > 29min);
  CHECK(w.asked.back() - back <= 30min);
}

TEST_CASE("staple schedule: a handshake without an answer has the responder asked sooner", "[ocsp]") {
  virtual_watch w;
  w.ask();
  w.wanted = true;
  w.run_for(29min);
  CHECK(w.asked.size() == 1);  // the answer is in its time
  w.up = false;
  w.run_for(32min);
  const size_t before = w.asked.size();
  w.run_for(20s);
  CHECK(w.asked.size() - before >= 8);
  CHECK(w.asked.size() - before <= 10);
  w.up = true;
  w.run_for(3s);
  w.wanted = false;
  const size_t there = w.asked.size();
  w.run_for(20min);
  CHECK(w.asked.size() == there);
}

TEST_CASE("staple slot: what has ended is not shown, and is wished for", "[ocsp]") {
  staple_slot slot;
  CHECK_FALSE(slot.take(noon));
  CHECK(slot.take_wanted());
  CHECK_FALSE(slot.take_wanted());
  slot.put({"a", noon});
  CHECK(slot.take(noon - 1s) == "a");
  CHECK(slot.has(noon - 1s));
  CHECK_FALSE(slot.take_wanted());
  CHECK_FALSE(slot.has(noon));
  CHECK(slot.take_wanted());
  slot.put({"b", std::nullopt});
  CHECK(slot.take(noon + 1000h) == "b");
}

TEST_CASE("staple slot: readers see one or the other, whole", "[ocsp]") {
  staple_slot slot;
  slot.put({std::string(1000, 'x'), std::nullopt});
  std::atomic<bool> stop{false}, torn{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) {
        const auto seen = slot.take(noon);
        if (!seen || seen->size() != 1000 || seen->find_first_not_of((*seen)[0]) != std::string::npos) torn = true;
      }
    });
  for (int i = 0; i < 20'000; ++i) slot.put({std::string(1000, static_cast<char>('a' + i % 26)), std::nullopt});
  stop = true;
  for (auto& t : readers) t.join();
  CHECK_FALSE(torn);
}
