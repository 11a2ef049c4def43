// The sockets of one reactor: an epoll set, and who hears of each socket.
//
// A driver that runs several reactors waits on a set of its own, which holds their sets. An event then
// costs two waits and two notifications. So while a reactor shares its driver, its busiest sockets,
// up to `most_direct`, are watched in the driver's set directly. Few are enough: where many sockets
// are ready at once, one wait serves them all. And because they are few, a reactor changes its
// driver quickly, however many sockets it has.
//
// Used by the reactor on its driver.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <vector>

#include "protocol/ids.hpp"

namespace caf {
class resumable;
}

namespace troupe {

class io_handler;

/// What a driver's set says: that a reactor's set is ready, or a socket that it watches directly.
struct socket_event {
  reactor_index owner;
  bool direct;
};

class socket_set {
public:
  static constexpr size_t most_direct = 64;

  /// Throws std::system_error without descriptors.
  explicit socket_set(reactor_index owner);
  ~socket_set();
  socket_set(const socket_set&) = delete;
  socket_set& operator=(const socket_set&) = delete;

  /// Starts watching `fd`; the slot names it from then on. Takes a reference of `owner`. Throws
  /// std::system_error if the system refuses.
  uint32_t watch(int fd, uint32_t events, io_handler* handler, caf::resumable* owner);
  void rewatch(uint32_t slot, uint32_t events);
  /// Gives the reference back to the caller.
  [[nodiscard]] caf::resumable* unwatch(uint32_t slot);
  /// Gives back one reference after the other; nullptr: none is left.
  caf::resumable* take_owner();

  /// Waits on the own set, as epoll_wait.
  int wait(epoll_event* events, int room, int timeout_ms);
  /// Who hears `event`; nullptr: a wake-up, or a socket that was given up earlier in this turn.
  io_handler* handler_of(const epoll_event& event);
  /// Makes a `wait` on this set, or on the driver's that holds it, return. Any thread.
  void wake();

  /// The driver waits on `driver_fd`; -1: on this set alone. Adding this set there, as `whole`, and
  /// removing it, is the driver's.
  void share(int driver_fd);
  int fd() const { return epoll_fd_; }
  epoll_event whole() const;
  static socket_event describe(const epoll_event& event);

private:
  static constexpr uint32_t none = UINT32_MAX;
  struct slot {
    io_handler* handler = nullptr;
    caf::resumable* owner = nullptr;
    uint32_t generation = 0;
    uint32_t next_free = none;
    int fd = -1;
    uint32_t events = 0;
    uint32_t direct_at = none;  // place in direct_
  };
  struct direct_socket {
    uint32_t slot;
    bool used;  // since the hand passed last
  };

  epoll_event event_of(uint32_t index) const;
  void came_alone(uint32_t index);
  void make_direct(uint32_t index);
  void leave_direct(uint32_t index);

  const reactor_index owner_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  int driver_fd_ = -1;
  std::vector<slot> slots_;
  uint32_t free_slot_ = none;
  std::vector<direct_socket> direct_;
  size_t hand_ = 0;
  uint32_t passed_over_ = 0;
};

} // namespace troupe
