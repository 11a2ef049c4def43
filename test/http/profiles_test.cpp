// Heap and lock profiles: what is counted, and the text of it.
#include "http/call_stack.hpp"
#include "http/heap_profile.hpp"
#include "http/wait_profile.hpp"
#include "test/catch.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace troupe::http;
using namespace std::chrono_literals;

namespace {

/// {live count, live bytes, all count, all bytes} of a profile's first line.
std::vector<int64_t> totals(const std::string& profile) {
  std::vector<int64_t> out;
  for (size_t i = 0; i < profile.find(" @ heap_v2/");) {
    if (!std::isdigit(static_cast<unsigned char>(profile[i]))) {
      ++i;
      continue;
    }
    size_t length = 0;
    out.push_back(std::stoll(profile.substr(i), &length));
    i += length;
  }
  return out;
}

} // namespace

TEST_CASE("heap profile: what is allocated and released is counted by stack", "[http][profile]") {
  sample_heap(1); // nearly every one
  CHECK(heap_is_sampled());
  auto before = totals(heap_profile());
  REQUIRE(before.size() == 4);
  std::vector<char> blocks(4000);
  for (size_t i = 0; i < blocks.size(); i += 40)
    note_allocation(&blocks[i], 1000);
  auto full = totals(heap_profile());
  CHECK(full[0] - before[0] >= 98); // a thread's first may only begin its count
  CHECK(full[1] - before[1] >= 98000);
  for (size_t i = 0; i < blocks.size(); i += 40)
    note_release(&blocks[i]);
  auto after = totals(heap_profile());
  CHECK(after[0] == before[0]);
  CHECK(after[1] == before[1]);
  CHECK(after[3] == full[3]);
  auto text = heap_profile();
  CHECK(text.starts_with("heap profile: "));
  CHECK(text.find("] @ 0x") != std::string::npos);
  CHECK(text.find("\n--- Memory map: ---\n") != std::string::npos);
}

TEST_CASE("heap profile: an address that comes again counts once", "[http][profile]") {
  sample_heap(1);
  char block = 0;
  note_allocation(&block, 100);
  auto once = totals(heap_profile());
  note_allocation(&block, 100); // its release was not seen
  CHECK(totals(heap_profile())[0] == once[0]);
  note_release(&block);
  note_release(&block);
  note_release(nullptr);
  CHECK(totals(heap_profile())[0] == once[0] - 1);
}

TEST_CASE("heap profile: one in so many bytes", "[http][profile]") {
  sample_heap(10000);
  auto before = totals(heap_profile());
  std::vector<char> blocks(20000);
  for (auto& one : blocks)
    note_allocation(&one, 100); // 2 MB: 200 samples are to be expected
  const auto samples = totals(heap_profile())[0] - before[0];
  CHECK(samples > 100);
  CHECK(samples < 320);
  for (auto& one : blocks)
    note_release(&one);
  CHECK(totals(heap_profile())[0] == before[0]);
}

TEST_CASE("wait profile: every wait, and a share of them by the rate", "[http][profile]") {
  note_waits();
  CHECK(waits_are_noted());
  set_block_rate(0);
  note_wait(5ms);
  CHECK(mutex_profile().find("\n5000000 1 @ 0x") != std::string::npos);
  CHECK(block_profile().find(" @ 0x") == std::string::npos);
  set_block_rate(1);
  note_wait(7ms);
  CHECK(block_profile().find("\n7000000 1 @ 0x") != std::string::npos);
  set_block_rate(0);
  CHECK(mutex_profile().starts_with("--- contentionz 1 ---\ncycles/second = 1000000000\n"));
}
