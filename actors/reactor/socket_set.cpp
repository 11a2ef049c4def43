#include "actors/reactor/socket_set.hpp"

#include <caf/intrusive_ptr.hpp>
#include <caf/resumable.hpp>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace troupe {

namespace {

// An event's data: the reactor, the slot's generation, the slot.
constexpr unsigned owner_shift = 56, generation_shift = 32;
constexpr uint32_t generation_mask = 0xffffff;

uint64_t pack(reactor_index owner, uint32_t generation, uint32_t slot) {
  return uint64_t{owner} << owner_shift | uint64_t{generation & generation_mask} << generation_shift | slot;
}

uint32_t slot_of(const epoll_event& event) { return static_cast<uint32_t>(event.data.u64); }

} // namespace

socket_set::socket_set(reactor_index owner) : owner_(owner) {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_fd_ < 0 || wake_fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "reactor: epoll or eventfd");
  epoll_event ev{};
  ev.events = EPOLLIN | EPOLLET;
  ev.data = whole().data;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &ev);
}

socket_set::~socket_set() {
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

/// `none` in place of a slot: the wake-up in a reactor's own set, the whole set in a driver's.
epoll_event socket_set::whole() const {
  epoll_event ev{};
  ev.events = EPOLLIN;
  ev.data.u64 = pack(owner_, 0, none);
  return ev;
}

epoll_event socket_set::event_of(uint32_t index) const {
  const slot& s = slots_[index];
  epoll_event ev{};
  ev.events = s.events;
  ev.data.u64 = pack(owner_, s.generation, index);
  return ev;
}

uint32_t socket_set::watch(int fd, uint32_t events, io_handler* handler, caf::resumable* owner) {
  if (free_slot_ == none) {
    slots_.emplace_back();
    free_slot_ = static_cast<uint32_t>(slots_.size() - 1);
  }
  const uint32_t index = free_slot_;
  slot& s = slots_[index];
  s.fd = fd;
  s.events = events;
  epoll_event ev = event_of(index);
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &ev) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
  free_slot_ = s.next_free;
  s.handler = handler;
  s.owner = owner;
  caf::intrusive_ptr_add_ref(owner);
  return index;
}

void socket_set::rewatch(uint32_t index, uint32_t events) {
  slot& s = slots_[index];
  s.events = events;
  epoll_event ev = event_of(index);
  ::epoll_ctl(s.direct_at == none ? epoll_fd_ : driver_fd_, EPOLL_CTL_MOD, s.fd, &ev);
}

caf::resumable* socket_set::unwatch(uint32_t index) {
  slot& s = slots_[index];
  if (s.direct_at != none) leave_direct(index);
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, s.fd, nullptr);
  s.handler = nullptr;
  ++s.generation;
  s.next_free = std::exchange(free_slot_, index);
  return std::exchange(s.owner, nullptr);
}

caf::resumable* socket_set::take_owner() {
  for (slot& s : slots_)
    if (s.owner) return std::exchange(s.owner, nullptr);
  return nullptr;
}

int socket_set::wait(epoll_event* events, int room, int timeout_ms) {
  const int n = ::epoll_wait(epoll_fd_, events, room, timeout_ms);
  if (n == 1 && driver_fd_ >= 0 && slot_of(events[0]) != none) came_alone(slot_of(events[0]));
  return n;
}

io_handler* socket_set::handler_of(const epoll_event& event) {
  const uint32_t index = slot_of(event);
  if (index == none) return nullptr;
  const slot& s = slots_[index];
  if (event.data.u64 != pack(owner_, s.generation, index)) return nullptr;
  if (s.direct_at != none) direct_[s.direct_at].used = true;
  return s.handler;
}

void socket_set::wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  (void)!::write(wake_fd_, &one, sizeof one);
}

// -- direct sockets -----------------------------------------------------------------------------------

void socket_set::share(int driver_fd) {
  if (driver_fd == driver_fd_) return;
  while (!direct_.empty()) leave_direct(direct_.back().slot);
  driver_fd_ = driver_fd;
}

socket_event socket_set::describe(const epoll_event& event) {
  return {static_cast<reactor_index>(event.data.u64 >> owner_shift), slot_of(event) != none};
}

void socket_set::came_alone(uint32_t index) {
  if (direct_.size() < most_direct) return make_direct(index);
  // One that was not ready for a while makes room. Not at every call: of many sockets that are
  // ready now and then none is better than another.
  if (++passed_over_ % 8 != 0) return;
  hand_ = (hand_ + 1) % direct_.size();
  if (std::exchange(direct_[hand_].used, false)) return;
  leave_direct(direct_[hand_].slot);
  make_direct(index);
}

/// It stays in the own set, for nothing but errors, so that its return there cannot fail.
void socket_set::make_direct(uint32_t index) {
  slot& s = slots_[index];
  if (s.direct_at != none) return;
  epoll_event ev = event_of(index);
  if (::epoll_ctl(driver_fd_, EPOLL_CTL_ADD, s.fd, &ev) != 0) return;
  ev.events = 0;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, s.fd, &ev);
  s.direct_at = static_cast<uint32_t>(direct_.size());
  direct_.push_back({index, true});
}

void socket_set::leave_direct(uint32_t index) {
  slot& s = slots_[index];
  epoll_event ev = event_of(index);
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, s.fd, &ev);
  ::epoll_ctl(driver_fd_, EPOLL_CTL_DEL, s.fd, nullptr);
  const uint32_t at = s.direct_at;
  direct_[at] = direct_.back();
  slots_[direct_[at].slot].direct_at = at;
  direct_.pop_back();
  s.direct_at = none;
}

} // namespace troupe
