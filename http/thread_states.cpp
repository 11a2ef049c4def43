#include "http/thread_states.hpp"

#include <dirent.h>
#include <execinfo.h>
#include <malloc.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <mutex>

namespace troupe::http {

namespace {

constexpr int frames_max = 64;

/// One request at a time; the signal handler fills it in.
struct stack_request {
  std::atomic<int> wanted{0}; // the thread that is to answer, 0: nobody
  std::array<void*, frames_max> frames{};
  int count = 0;
  sem_t answered{};
};

stack_request the_request; // NOLINT: a signal handler knows nothing else

int stack_signal() { return SIGRTMIN + 6; }

extern "C" void on_stack_signal(int) {
  const int saved = errno;
  int me = static_cast<int>(::syscall(SYS_gettid));
  if (the_request.wanted.compare_exchange_strong(me, -1)) {
    the_request.count = ::backtrace(the_request.frames.data(), frames_max);
    ::sem_post(&the_request.answered);
  }
  errno = saved;
}

void prepare_once() {
  static std::once_flag done;
  std::call_once(done, [] {
    void* one = nullptr;
    ::backtrace(&one, 1); // loads what it needs now, not in a handler
    ::sem_init(&the_request.answered, 0, 0);
    struct sigaction action {};
    action.sa_handler = on_stack_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(stack_signal(), &action, nullptr);
  });
}

bool wait_for_answer() {
  timespec until{};
  ::clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 100'000'000;
  if (until.tv_nsec >= 1'000'000'000) ++until.tv_sec, until.tv_nsec -= 1'000'000'000;
  while (::sem_timedwait(&the_request.answered, &until) != 0)
    if (errno != EINTR) return false;
  return true;
}

std::vector<std::string> frames_of(int thread) {
  std::vector<std::string> out;
  the_request.wanted = thread;
  if (::syscall(SYS_tgkill, ::getpid(), thread, stack_signal()) != 0) {
    the_request.wanted = 0;
    return out;
  }
  if (!wait_for_answer()) {
    int still = thread;
    // It may have begun in this moment: then the answer comes for certain.
    if (the_request.wanted.compare_exchange_strong(still, 0)) return out;
    while (::sem_wait(&the_request.answered) != 0) {}
  }
  char** names = ::backtrace_symbols(the_request.frames.data(), the_request.count);
  for (int i = 0; names && i < the_request.count; ++i)
    out.emplace_back(names[i]);
  std::free(names); // NOLINT: backtrace_symbols mallocs
  the_request.wanted = 0;
  return out;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string state_word(const std::string& stat) {
  auto end = stat.rfind(')');
  if (end == std::string::npos || end + 2 >= stat.size()) return "gone";
  switch (stat[end + 2]) {
  case 'R':
    return "running";
  case 'S':
    return "sleeping";
  case 'D':
    return "waiting for a disk";
  default:
    return {stat[end + 2]};
  }
}

} // namespace

std::vector<int> thread_ids() {
  std::vector<int> ids;
  DIR* tasks = ::opendir("/proc/self/task");
  if (!tasks) return ids;
  while (auto entry = ::readdir(tasks)) // NOLINT: each caller has its own stream
    if (int id = std::atoi(entry->d_name); id > 0) ids.push_back(id);
  ::closedir(tasks);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<thread_state> thread_states() {
  static std::mutex one_at_a_time;
  std::lock_guard lock(one_at_a_time);
  prepare_once();
  std::vector<thread_state> out;
  for (int id : thread_ids()) {
    auto task = "/proc/self/task/" + std::to_string(id);
    auto state = state_word(first_line(task + "/stat"));
    out.push_back({id, first_line(task + "/comm"), std::move(state), frames_of(id)});
  }
  return out;
}

heap_usage measure_heap() {
  auto info = ::mallinfo2();
  return {info.uordblks + info.hblkhd, info.fordblks, info.arena + info.hblkhd};
}

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    auto end = std::min(text.find('\0', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

} // namespace troupe::http
