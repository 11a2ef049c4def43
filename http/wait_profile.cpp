#include "http/wait_profile.hpp"

#include "http/call_stack.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>

namespace troupe::http {

namespace detail {
constinit std::atomic<bool> waits_noted{false};
}

namespace {

constexpr size_t stacks_max = 4096; // more are counted together

struct sums {
  int64_t count = 0, nanoseconds = 0;
};
using sums_by_stack = std::map<call_stack, sums>;

struct wait_store {
  std::mutex mutex;
  sums_by_stack mutexes, blocks;
  std::minstd_rand random;
};

constinit std::atomic<int64_t> block_rate{0};

wait_store& store() {
  static auto* all = new wait_store; // never destroyed: locks are taken until the very end
  return *all;
}

void add(sums_by_stack& all, call_stack stack, int64_t count, int64_t nanoseconds) {
  if (all.size() >= stacks_max && !all.contains(stack)) stack.clear();
  auto& sum = all[std::move(stack)];
  sum.count += count;
  sum.nanoseconds += nanoseconds;
}

std::string written(sums_by_stack wait_store::*which) {
  std::string out = "--- contentionz 1 ---\ncycles/second = 1000000000\nsampling period = 1\n";
  inside_profiler() = true;
  {
    auto& all = store();
    std::lock_guard lock(all.mutex);
    for (auto& [stack, sum] : all.*which) {
      out += std::to_string(sum.nanoseconds) + " " + std::to_string(sum.count);
      append_stack(out, stack);
    }
  }
  inside_profiler() = false;
  append_memory_map(out);
  return out;
}

} // namespace

void note_waits() {
  prepare_stacks();
  store();
  detail::waits_noted = true;
}

void set_block_rate(int64_t nanoseconds) { block_rate = nanoseconds; }

[[gnu::noinline]] void note_wait(std::chrono::nanoseconds waited) noexcept {
  if (inside_profiler()) return;
  inside_profiler() = true;
  {
    auto stack = current_stack(2); // this function and the hook
    const int64_t spent = std::max<int64_t>(waited.count(), 1);
    const int64_t rate = block_rate.load();
    auto& all = store();
    std::lock_guard lock(all.mutex);
    if (rate > 0) {
      const auto dice = std::uniform_int_distribution<int64_t>(1, rate)(all.random);
      // A short wait that is let through stands for those that were not.
      if (spent >= rate) add(all.blocks, stack, 1, spent);
      else if (dice <= spent) add(all.blocks, stack, rate / spent, rate);
    }
    add(all.mutexes, std::move(stack), 1, spent);
  }
  inside_profiler() = false;
}

std::string mutex_profile() { return written(&wait_store::mutexes); }
std::string block_profile() { return written(&wait_store::blocks); }

} // namespace troupe::http
