#include "actors/node/signal_source.hpp"

#include <caf/send.hpp>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace troupe {

namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, s);
  return set;
}

} // namespace

void block_signals() {
  sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader that went away and a file that may not grow are errors of the write, not our end.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

signal_source::signal_source(caf::actor_config& cfg, node_handle node)
    : pinned(cfg), node_(std::move(node)) {
  sigset_t set = handled_signals();
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  why_not_ = errno;
}

signal_source::~signal_source() {
  if (fd_ >= 0) ::close(fd_);
}

caf::behavior signal_source::make_behavior() {
  if (fd_ < 0) throw std::system_error(why_not_, std::generic_category(), "signalfd");
  slot_ = home().watch(fd_, EPOLLIN, this, this);
  return {
    [this](const describe_query&) {
      auto answer = std::make_shared<observe::actor_snapshot>();
      answer->kind = "signals";
      answer->name = "signals of the process";
      answer->state = fd_ >= 0 ? "running" : "failed";
      answer->uptime = std::chrono::steady_clock::now().time_since_epoch() - started_;
      return actor_report_ptr(std::move(answer));
    },
  };
}

void signal_source::on_exit() {
  if (slot_ != UINT32_MAX) home().unwatch(slot_);
  node_ = nullptr;
}

void signal_source::on_io(uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == sizeof info)
    caf::anon_send(node_, signal_event{static_cast<int>(info.ssi_signo)});
}

} // namespace troupe
