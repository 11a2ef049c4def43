#include "actors/reactor/driver_pool.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <span>
#include <system_error>

#include "actors/observe/logger.hpp"

namespace troupe {

namespace {

constexpr int events_per_wait = 256;

nanos nanos_of(timeval t) { return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec); }

} // namespace

driver_pool::thread_usage driver_pool::usage_of_this_thread() {
  rusage u{};
  ::getrusage(RUSAGE_THREAD, &u);
  return {nanos_of(u.ru_utime) + nanos_of(u.ru_stime), u.ru_nvcsw};
}

driver_pool::driver_pool(unsigned reactors, driver_policy_config policy)
    : links_(size_t{reactors} * reactors),
      policy_(reactors, policy),
      policy_config_(policy),
      busy_sample_(reactors),
      busy_total_(reactors),
      wanted_home_(reactors) {
  for (unsigned i = 0; i < reactors; ++i) {
    reactors_.push_back(std::make_unique<reactor>(static_cast<reactor_index>(i), *this));
    auto d = std::make_unique<driver>();
    d->index = i;
    d->outer_fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (d->outer_fd < 0)
      throw std::system_error(errno, std::generic_category(), "driver: epoll_create1");
    drivers_.push_back(std::move(d));
    wanted_home_[i] = true;
  }
  for (auto& r : reactors_) drivers_[0]->incoming.push_back(r.get());
  drivers_[0]->has_incoming = true;
}

driver_pool::~driver_pool() {
  stop();
  for (auto& d : drivers_) ::close(d->outer_fd);
}

void driver_pool::attach(caf::actor_system& sys) {
  for (auto& r : reactors_) r->attach(sys);
}

void driver_pool::start() {
  sampled_at_ = steady_now();
  for (auto& d : drivers_) d->thread = std::thread([this, p = d.get()] { run(*p); });
}

void driver_pool::stop() {
  stopping_ = true;
  for (auto& d : drivers_) {
    wake(*d);
    if (d->thread.joinable()) d->thread.join();
  }
  for (auto& r : reactors_) r->abandon();
}

void driver_pool::wake_if_asleep(reactor& r) {
  if (drivers_[r.driver().load()]->asleep.load()) r.wake();
}

void driver_pool::tell_failure(reactor_index r, const char* where, const char* what) {
  log::error("Reactor {}: {}: {}", r, where, what);
  if (on_failure_) on_failure_(r, where, what);
}

void driver_pool::wake(driver& d) {
  d.signal.fetch_add(1);
  d.signal.notify_all();
  // A driver blocked in epoll wakes through any reactor it owns; driver k can only own k (and
  // driver 0 always owns 0), so waking that one reaches it.
  reactors_[d.index]->wake();
}

void driver_pool::run(driver& d) {
  while (!stopping_.load(std::memory_order_relaxed)) {
    uint32_t seen = d.signal.load();
    if (d.has_incoming.load()) adopt(d);
    if (d.owned.empty()) {
      if (!stopping_.load()) d.signal.wait(seen);
      continue;
    }
    wait_and_turn(d);
    rebalance(d);
  }
}

void driver_pool::adopt(driver& d) {
  std::vector<reactor*> incoming;
  {
    std::lock_guard guard(d.mutex);
    incoming.swap(d.incoming);
    d.has_incoming = false;
  }
  for (reactor* r : incoming) {
    d.owned.push_back(r);
    epoll_event ev = r->sockets().whole();
    ::epoll_ctl(d.outer_fd, EPOLL_CTL_ADD, r->sockets().fd(), &ev);
    r->enter();
    r->turn(0);  // what arrived during the hand-over
    reactor::leave();
  }
  share_sockets(d);
  if (d.index != 0 && !incoming.empty()) active_.fetch_add(1, std::memory_order_relaxed);
}

void driver_pool::share_sockets(driver& d) {
  for (reactor* r : d.owned) r->sockets().share(d.owned.size() > 1 ? d.outer_fd : -1);
}

void driver_pool::give(driver& from, reactor& r, unsigned to) {
  r.sockets().share(-1);
  ::epoll_ctl(from.outer_fd, EPOLL_CTL_DEL, r.sockets().fd(), nullptr);
  from.owned.erase(std::find(from.owned.begin(), from.owned.end(), &r));
  share_sockets(from);
  if (from.index != 0) active_.fetch_sub(1, std::memory_order_relaxed);
  driver& target = *drivers_[to];
  {
    std::lock_guard guard(target.mutex);
    target.incoming.push_back(&r);
    target.has_incoming = true;
  }
  r.driver().store(to);
  log::debug("Driver {} takes over reactor {}", to, r.index());
  wake(target);
}

bool driver_pool::anything_pending(const driver& d) const {
  return d.has_incoming.load() || stopping_.load()
         || std::any_of(d.owned.begin(), d.owned.end(), [](auto* r) { return r->has_work(); });
}

int driver_pool::sleep_timeout_ms(driver& d, nanos now) const {
  nanos until = nanos::max();
  for (reactor* r : d.owned) until = std::min(until, r->timers().next_deadline());
  // A driver that may have to give its reactor back must not sleep for ever.
  if (d.index != 0 || policy_.any_spread())
    until = std::min(until, now + policy_config_.gather_after / 2);
  if (until == nanos::max()) return -1;
  auto ms = (until - now + std::chrono::milliseconds(1) - nanos(1)) / std::chrono::milliseconds(1);
  return static_cast<int>(std::clamp<int64_t>(ms, 0, INT_MAX));
}

void driver_pool::wait_and_turn(driver& d) {
  // Announce the sleep, then look: whoever pushes after the look sees the announcement.
  d.asleep.store(true);
  int timeout = anything_pending(d) ? 0 : sleep_timeout_ms(d, steady_now());
  if (timeout == 0) d.asleep.store(false);

  if (d.owned.size() == 1) {
    reactor& r = *d.owned.front();
    r.enter();
    r.turn(timeout, &d.asleep);
    reactor::leave();
    return;
  }
  epoll_event events[events_per_wait];
  const int n = ::epoll_wait(d.outer_fd, events, events_per_wait, timeout);
  d.asleep.store(false);
  const std::span ready(events, static_cast<size_t>(std::max(n, 0)));
  uint64_t sets = 0, sockets = 0;  // a bit per reactor: its set is ready, sockets of it are
  for (const epoll_event& event : ready) {
    const auto [owner, direct] = socket_set::describe(event);
    (direct ? sockets : sets) |= uint64_t{1} << owner;
  }
  const nanos now = steady_now();
  const auto turn = [](reactor& r, std::span<const epoll_event> of_sockets, bool own_set_ready) {
    r.enter();
    r.turn_shared(of_sockets, own_set_ready);
    reactor::leave();
  };
  for (reactor* r : d.owned) {
    const uint64_t self = uint64_t{1} << r->index();
    if (!((sets | sockets) & self) && !r->has_work() && r->timers().next_deadline() > now) continue;
    turn(*r, sockets & self ? ready : std::span<epoll_event>(), sets & self);
  }
  // What one of them handed to another that had its turn already is in the cache now.
  for (reactor* r : d.owned)
    if (r->has_work()) turn(*r, {}, false);
}

void driver_pool::rebalance(driver& d) {
  for (reactor* r : d.owned)
    busy_total_[r->index()].fetch_add(r->take_busy().count(), std::memory_order_relaxed);
  if (d.index != 0) {
    if (wanted_home_[d.index].load(std::memory_order_relaxed)) give(d, *d.owned.front(), 0);
    return;
  }
  if (drivers_.size() == 1) return;
  nanos now = steady_now();  // reactor 0 may not have turned for long
  nanos elapsed = now - sampled_at_;
  if (elapsed < policy_config_.window) return;
  sampled_at_ = now;
  for (size_t i = 0; i < busy_sample_.size(); ++i)
    busy_sample_[i] = nanos(busy_total_[i].exchange(0, std::memory_order_relaxed));
  const thread_usage usage = usage_of_this_thread();
  policy_.sample(now, {.elapsed = elapsed,
                       .ran = usage.ran - usage_.ran,
                       .sleeps = usage.sleeps - usage_.sleeps,
                       .busy = busy_sample_});
  usage_ = usage;
  for (size_t i = 1; i < reactors_.size(); ++i) {
    auto index = static_cast<reactor_index>(i);
    wanted_home_[i].store(!policy_.spread(index), std::memory_order_relaxed);
    bool here = std::find(d.owned.begin(), d.owned.end(), reactors_[i].get()) != d.owned.end();
    if (here && policy_.spread(index)) give(d, *reactors_[i], static_cast<unsigned>(i));
  }
}

} // namespace troupe
