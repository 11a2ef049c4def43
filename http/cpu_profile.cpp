#include "http/cpu_profile.hpp"

#include "http/thread_states.hpp"

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>
#include <vector>

namespace troupe::http {

namespace {

constexpr int frames_max = 64;
constexpr int own_frames = 2; // the handler and the kernel's way into it
constexpr size_t words_max = 2 * 1024 * 1024;

/// Words as the handlers write them: a count of frames, then the frames.
struct sample_buffer {
  std::vector<uintptr_t> words;
  std::atomic<size_t> used{0};
};

std::atomic<sample_buffer*> the_buffer{nullptr}; // NOLINT: a handler knows nothing else
std::atomic<int> handlers_running{0};            // NOLINT

int profile_signal() { return SIGRTMIN + 7; }

extern "C" void on_profile_signal(int) {
  const int saved = errno;
  handlers_running.fetch_add(1);
  if (auto* buffer = the_buffer.load()) {
    void* frames[frames_max];
    const int count = ::backtrace(frames, frames_max) - own_frames;
    if (count > 0) {
      const auto need = static_cast<size_t>(count) + 1;
      const auto at = buffer->used.fetch_add(need);
      if (at + need <= buffer->words.size()) { // else it is lost: the buffer is full
        buffer->words[at] = static_cast<uintptr_t>(count);
        for (int i = 0; i < count; ++i)
          buffer->words[at + 1 + static_cast<size_t>(i)] =
              reinterpret_cast<uintptr_t>(frames[own_frames + i]);
      }
    }
  }
  handlers_running.fetch_sub(1);
  errno = saved;
}

/// A timer for each thread, deleted at the end.
class thread_timers {
public:
  thread_timers() = default;
  thread_timers(const thread_timers&) = delete;
  thread_timers& operator=(const thread_timers&) = delete;
  ~thread_timers() {
    for (auto timer : timers_)
      ::timer_delete(timer);
  }

  bool start(int thread) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = profile_signal();
    event._sigev_un._tid = thread;
    // The kernel's number for the processor time of one thread (linux/posix-timers.h).
    const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3U) | 6U);
    timer_t timer{};
    if (::timer_create(clock, &event, &timer) != 0) return false;
    timers_.push_back(timer);
    itimerspec every{};
    every.it_interval.tv_nsec = every.it_value.tv_nsec = 1'000'000'000 / cpu_profiler::samples_per_second;
    return ::timer_settime(timer, 0, &every, nullptr) == 0;
  }

private:
  std::vector<timer_t> timers_;
};

void install_handler() {
  static std::once_flag done;
  std::call_once(done, [] {
    void* one = nullptr;
    ::backtrace(&one, 1); // loads what it needs now, not in a handler
    struct sigaction action {};
    action.sa_handler = on_profile_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(profile_signal(), &action, nullptr);
  });
}

std::string as_profile(const sample_buffer& buffer) {
  std::map<std::vector<uintptr_t>, uintptr_t> stacks;
  const auto end = std::min(buffer.used.load(), buffer.words.size());
  for (size_t at = 0; at < end;) {
    const auto count = buffer.words[at];
    if (count == 0 || at + 1 + count > end) break; // one that found no room
    auto first = buffer.words.begin() + static_cast<std::ptrdiff_t>(at + 1);
    ++stacks[{first, first + static_cast<std::ptrdiff_t>(count)}];
    at += 1 + count;
  }
  std::vector<uintptr_t> words{0, 3, 0, 1'000'000 / cpu_profiler::samples_per_second, 0};
  for (auto& [stack, samples] : stacks) {
    words.push_back(samples);
    words.push_back(stack.size());
    words.insert(words.end(), stack.begin(), stack.end());
  }
  words.insert(words.end(), {0, 1, 0});
  std::string out(words.size() * sizeof(uintptr_t), '\0');
  std::memcpy(out.data(), words.data(), out.size());
  std::ifstream maps("/proc/self/maps");
  return out.append(std::istreambuf_iterator<char>(maps), {});
}

} // namespace

result<std::string> cpu_profiler::take(std::chrono::milliseconds span) {
  if (span <= std::chrono::milliseconds{0} || span > longest)
    return error{errc::limit_exceeded, "a CPU profile takes more than 0 and at most 300 seconds"};
  auto buffer = std::make_unique<sample_buffer>();
  buffer->words.resize(words_max);
  install_handler();
  sample_buffer* nobody = nullptr;
  if (!the_buffer.compare_exchange_strong(nobody, buffer.get()))
    return error{errc::unavailable, "Could not enable CPU profiling: cpu profiling already in use"};
  bool any = false;
  {
    thread_timers timers;
    for (int thread : thread_ids())
      any = timers.start(thread) || any;
    std::unique_lock lock(mutex_);
    if (any) wake_.wait_for(lock, span, [this] { return cancelled_; });
  }
  the_buffer.store(nullptr);
  while (handlers_running.load() != 0)
    std::this_thread::yield();
  if (!any)
    return error{errc::unavailable, "Could not enable CPU profiling: the system gives no timer"};
  return as_profile(*buffer);
}

void cpu_profiler::cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  wake_.notify_all();
}

} // namespace troupe::http
