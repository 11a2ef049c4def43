#include "actors/ocsp/staple_core.hpp"

#include <atomic>
#include <thread>

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
