#include "actors/main/service_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "actors/observe/logger.hpp"

namespace troupe {

namespace {

std::string take_variable(const char* name) {
  const char* text = std::getenv(name);
  std::string out = text ? text : "";
  ::unsetenv(name);
  return out;
}

/// The span within which we must report, 0 when nobody waits for reports of this process.
std::chrono::microseconds watchdog_span() {
  std::string span = take_variable("WATCHDOG_USEC");
  std::string pid = take_variable("WATCHDOG_PID");
  if (!pid.empty() && pid != std::to_string(::getpid())) return {};
  int64_t n = 0;
  auto [end, ec] = std::from_chars(span.data(), span.data() + span.size(), n);
  if (ec != std::errc{} || end != span.data() + span.size() || n <= 0) return {};
  return std::chrono::microseconds{n};
}

} // namespace

service_notify::service_notify()
    : socket_(take_variable("NOTIFY_SOCKET")), watchdog_(watchdog_span()) {}

service_notify::~service_notify() { stop_watchdog(); }

void service_notify::send(std::string_view text) const {
  sockaddr_un to{};
  if (socket_.empty() || socket_.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  bool abstract = socket_[0] == '@';
  if (abstract) to.sun_path[0] = '\0';
  auto size = offsetof(sockaddr_un, sun_path) + socket_.size() + (abstract ? 0 : 1);
  int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool sent = fd >= 0
              && ::sendto(fd, text.data(), text.size(), MSG_NOSIGNAL,
                          reinterpret_cast<const sockaddr*>(&to), static_cast<socklen_t>(size))
                     == static_cast<ssize_t>(text.size());
  if (!sent) log::warn("Could not tell the service manager: {}", std::strerror(errno));
  if (fd >= 0) ::close(fd);
}

void service_notify::ready(std::function<bool()> is_alive, std::function<bool()> is_leaving) {
  if (socket_.empty()) return;
  send("READY=1\nSTATUS=Server is ready\nMAINPID=" + std::to_string(::getpid()));
  if (watchdog_.count() == 0 || thread_.joinable()) return;
  thread_ = std::thread([this, alive = std::move(is_alive), leaving = std::move(is_leaving)] {
    watch(alive, leaving);
  });
}

void service_notify::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  send("RELOADING=1\nSTATUS=Reloading the configuration\nMONOTONIC_USEC="
       + std::to_string(int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

void service_notify::reloaded() {
  std::lock_guard guard(mutex_);
  if (!said_stopping_) send("READY=1\nSTATUS=Server is ready");
}

void service_notify::stopping() {
  {
    std::lock_guard guard(mutex_);
    if (socket_.empty() || said_stopping_) return;
    said_stopping_ = true;
  }
  send("STOPPING=1\nSTATUS=Stopping");
}

void service_notify::watch(const std::function<bool()>& is_alive,
                           const std::function<bool()>& is_leaving) {
  // Half of the span, as sd_watchdog_enabled(3) advises.
  auto pause = std::max(watchdog_ / 2, std::chrono::microseconds{1000});
  std::unique_lock lock(mutex_);
  while (!ended_) {
    lock.unlock();
    if (is_leaving()) stopping();
    if (is_alive()) send("WATCHDOG=1");
    else log::error("The node does not answer: no sign of life to the service manager");
    lock.lock();
    wake_.wait_for(lock, pause, [this] { return ended_; });
  }
}

void service_notify::stop_watchdog() {
  {
    std::lock_guard guard(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

} // namespace troupe
