// Delays some system calls of one process, so that orders of events which are rare become common.
//
// Preloaded into what the tests start (`run --delays`); idle but in the executable that
// TROUPE_DELAYED names. TROUPE_DELAYS: the share of calls that are delayed, before and after, and
// for how many microseconds at most ("0.1 10000"). Random: a run says nothing by being green, and
// everything by being red.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace {

struct settings {
  bool on = false;
  double share = 0.1;
  uint64_t most_us = 10000;

  settings() {
    const char* wanted = std::getenv("TROUPE_DELAYED");
    char self[4096];
    const ssize_t n = ::readlink("/proc/self/exe", self, sizeof self);
    on = wanted && n > 0 && std::string_view(self, static_cast<size_t>(n)) == wanted;
    if (const char* how = std::getenv("TROUPE_DELAYS"))
      if (std::sscanf(how, "%lf %lu", &share, &most_us) != 2 || most_us == 0) on = false;
  }
};

uint64_t next_random() {
  thread_local uint64_t state = 0;
  if (state == 0) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    state = (static_cast<uint64_t>(now.tv_nsec) << 20 ^ static_cast<uint64_t>(::syscall(SYS_gettid))) | 1;
  }
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

void perhaps_wait() {
  static const settings how;
  if (!how.on) return;
  const uint64_t r = next_random();
  if (static_cast<double>(r & 0xffff) / 65536 >= how.share) return;
  const uint64_t us = (r >> 16) % how.most_us;
  const timespec time{static_cast<time_t>(us / 1000000), static_cast<long>(us % 1000000 * 1000)};
  ::syscall(SYS_nanosleep, &time, nullptr);
}

/// libc's own function of that name, between two delays.
template <class F, class... Ts>
auto delayed(F& original, const char* name, Ts... args) {
  if (!original) original = reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
  perhaps_wait();
  const auto outcome = original(args...);
  const int why = errno;
  perhaps_wait();
  errno = why;
  return outcome;
}

} // namespace

#define DELAYED(type, name, parameters, ...)                                                       \
  extern "C" type name parameters {                                                                \
    static type(*original) parameters = nullptr;                                                   \
    return delayed(original, #name, __VA_ARGS__);                                                  \
  }

DELAYED(int, shutdown, (int fd, int how), fd, how)
DELAYED(int, close, (int fd), fd)
DELAYED(ssize_t, send, (int fd, const void* data, size_t n, int flags), fd, data, n, flags)
DELAYED(ssize_t, sendmsg, (int fd, const msghdr* what, int flags), fd, what, flags)
DELAYED(ssize_t, recv, (int fd, void* data, size_t n, int flags), fd, data, n, flags)
DELAYED(ssize_t, write, (int fd, const void* data, size_t n), fd, data, n)
DELAYED(ssize_t, writev, (int fd, const iovec* what, int n), fd, what, n)
DELAYED(int, accept4, (int fd, sockaddr* who, socklen_t* n, int flags), fd, who, n, flags)
DELAYED(int, epoll_wait, (int fd, epoll_event* events, int most, int ms), fd, events, most, ms)
