#include "http/heap_profile.hpp"

#include "http/call_stack.hpp"

#include <cmath>
#include <ctime>
#include <map>
#include <mutex>
#include <unordered_map>

namespace troupe::http {

namespace detail {
constinit std::atomic<bool> heap_sampled{false};
}

namespace {

constexpr size_t filter_slots = 32768;
constexpr size_t stacks_max = 16384;    // more are counted together
constexpr size_t live_max = 1024 * 1024; // samples kept, of half a terabyte

struct amounts {
  int64_t live_count = 0, live_bytes = 0, all_count = 0, all_bytes = 0;
};

struct live_sample {
  amounts* of = nullptr;
  int64_t bytes = 0;
};

/// How many samples may be at addresses of this hash: most releases see a zero and are done.
constinit std::atomic<uint16_t> filter[filter_slots]{};
constinit std::atomic<int64_t> sample_every{heap_sample_bytes};

struct sample_store {
  std::mutex mutex;
  std::map<call_stack, amounts> stacks;
  std::unordered_map<uintptr_t, live_sample> live;
};

sample_store& store() {
  static auto* all = new sample_store; // never destroyed: memory is released until the very end
  return *all;
}

struct thread_state {
  int64_t left = 0; // bytes until the next sample
  uint64_t random = 0;
};
constinit thread_local thread_state mine;

class profiler_scope {
public:
  profiler_scope() { inside_profiler() = true; }
  ~profiler_scope() { inside_profiler() = false; }
  profiler_scope(const profiler_scope&) = delete;
  profiler_scope& operator=(const profiler_scope&) = delete;
};

std::atomic<uint16_t>& slot_of(uintptr_t address) {
  return filter[(address >> 4U) * 0x9e3779b97f4a7c15U >> 49U];
}

/// The distance between two events that happen once in `sample_every` bytes.
int64_t next_distance() {
  auto& x = mine.random;
  if (x == 0) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    x = (reinterpret_cast<uintptr_t>(&mine) ^ (static_cast<uint64_t>(now.tv_nsec) << 20U)) | 1U;
  }
  x ^= x << 13U, x ^= x >> 7U, x ^= x << 17U;
  const double share = (static_cast<double>(x >> 11U) + 1) / 9007199254740993.0; // in (0, 1]
  return static_cast<int64_t>(-std::log(share) * static_cast<double>(sample_every.load())) + 1;
}

void forget(sample_store& all, uintptr_t address) {
  auto found = all.live.find(address);
  if (found == all.live.end()) return;
  --found->second.of->live_count;
  found->second.of->live_bytes -= found->second.bytes;
  all.live.erase(found);
  slot_of(address).fetch_sub(1);
}

[[gnu::noinline]] void keep(uintptr_t address, int64_t bytes) {
  profiler_scope inside;
  auto stack = current_stack(3); // this function, its caller and the hook
  auto& all = store();
  std::lock_guard lock(all.mutex);
  forget(all, address); // released where nobody saw it
  if (all.live.size() >= live_max) return;
  if (all.stacks.size() >= stacks_max && !all.stacks.contains(stack)) stack.clear();
  auto& sums = all.stacks[std::move(stack)];
  ++sums.live_count, ++sums.all_count;
  sums.live_bytes += bytes, sums.all_bytes += bytes;
  all.live[address] = {&sums, bytes};
  slot_of(address).fetch_add(1);
}

void append_amounts(std::string& out, const amounts& a) {
  out += std::to_string(a.live_count) + ": " + std::to_string(a.live_bytes) + " ["
         + std::to_string(a.all_count) + ": " + std::to_string(a.all_bytes) + "]";
}

} // namespace

void sample_heap(int64_t every) {
  prepare_stacks();
  store();
  sample_every = every;
  detail::heap_sampled = true;
}

void note_allocation(void* memory, size_t bytes) noexcept {
  mine.left -= static_cast<int64_t>(bytes);
  if (mine.left > 0 || !memory || inside_profiler()) return;
  const bool first = mine.random == 0;
  mine.left = next_distance();
  if (first && mine.left > static_cast<int64_t>(bytes)) return; // it has only begun to count
  keep(reinterpret_cast<uintptr_t>(memory), static_cast<int64_t>(bytes));
}

void note_release(void* memory) noexcept {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  if (slot_of(address).load(std::memory_order_relaxed) == 0 || inside_profiler()) return;
  profiler_scope inside;
  auto& all = store();
  std::lock_guard lock(all.mutex);
  forget(all, address);
}

std::string heap_profile() {
  profiler_scope inside;
  auto& all = store();
  amounts sum;
  std::string lines;
  {
    std::lock_guard lock(all.mutex);
    for (auto& [stack, a] : all.stacks) {
      sum.live_count += a.live_count, sum.live_bytes += a.live_bytes;
      sum.all_count += a.all_count, sum.all_bytes += a.all_bytes;
      append_amounts(lines, a);
      append_stack(lines, stack);
    }
  }
  std::string out = "heap profile: ";
  append_amounts(out, sum);
  out += " @ heap_v2/" + std::to_string(sample_every.load()) + "\n" + lines;
  append_memory_map(out);
  return out;
}

} // namespace troupe::http
