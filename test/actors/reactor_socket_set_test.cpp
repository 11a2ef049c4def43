// Where a reactor's sockets are watched, with real sockets and epoll sets, without a reactor.
#include "actors/reactor/socket_set.hpp"

#include <caf/ref_counted.hpp>
#include <caf/resumable.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

#include "actors/reactor/reactor.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

/// Owns a socket in place of a connection's actor.
class holder final : public caf::resumable, public caf::ref_counted {
public:
  subtype_t subtype() const override { return io_actor; }
  resume_result resume(caf::execution_unit*, size_t) override { return awaiting_message; }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }
};

/// A pair of sockets, one of them watched.
struct watched final : io_handler {
  watched(socket_set& set, caf::resumable* owner) : set_(set) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
    slot = set.watch(ends[0], EPOLLIN, this, owner);
  }
  ~watched() { close(); }
  void close() {
    if (ends[0] < 0) return;
    caf::intrusive_ptr_release(set_.unwatch(slot));
    ::close(ends[0]);
    ::close(ends[1]);
    ends[0] = -1;
  }
  void on_io(uint32_t events) override {
    ++heard;
    last = events;
    char box[16];
    (void)!::read(ends[0], box, sizeof box);
  }
  void send() { REQUIRE(::write(ends[1], "x", 1) == 1); }

  socket_set& set_;
  std::array<int, 2> ends{-1, -1};
  uint32_t slot = 0;
  int heard = 0;
  uint32_t last = 0;
};

/// A driver with two reactors' sets.
struct shared_wait {
  shared_wait() {
    for (socket_set* s : {&first, &second}) {
      epoll_event ev = s->whole();
      REQUIRE(::epoll_ctl(driver_fd, EPOLL_CTL_ADD, s->fd(), &ev) == 0);
      s->share(driver_fd);
    }
  }
  ~shared_wait() { ::close(driver_fd); }

  struct count {
    int sets = 0, direct = 0;
  };
  /// One wait without time: hands out all events; how many came in which way.
  count turn() {
    count seen;
    std::array<epoll_event, 300> events;
    const int n = ::epoll_wait(driver_fd, events.data(), events.size(), 0);
    for (int i = 0; i < n; ++i) {
      const auto [owner, direct] = socket_set::describe(events[static_cast<size_t>(i)]);
      socket_set& set = owner == 3 ? first : second;
      REQUIRE((owner == 3 || owner == 63));
      ++(direct ? seen.direct : seen.sets);
      if (direct) hear(set, events[static_cast<size_t>(i)]);
      else own(set);
    }
    return seen;
  }
  static void hear(socket_set& set, const epoll_event& event) {
    if (auto* handler = set.handler_of(event)) handler->on_io(event.events);
  }
  static int own(socket_set& set) {
    std::array<epoll_event, 300> events;
    const int n = set.wait(events.data(), events.size(), 0);
    for (int i = 0; i < n; ++i) hear(set, events[static_cast<size_t>(i)]);
    return n;
  }

  /// Watched in the driver's set, or still in its own.
  void place(watched& it, bool in_drivers) {
    if (!in_drivers) return;
    it.send();
    turn();
  }

  int driver_fd = ::epoll_create1(EPOLL_CLOEXEC);
  socket_set first{3}, second{63};
  caf::intrusive_ptr<holder> owner = caf::make_counted<holder>();
};

} // namespace

TEST_CASE("socket set: a socket that is ready alone is watched in the driver's set from then on", "[reactor][socket]") {
  shared_wait w;
  watched a(w.first, w.owner.get()), b(w.second, w.owner.get());
  a.send();
  auto seen = w.turn();
  CHECK((seen.sets == 1 && seen.direct == 0 && a.heard == 1));
  a.send();
  b.send();
  seen = w.turn();
  CHECK((seen.sets == 1 && seen.direct == 1 && a.heard == 2 && b.heard == 1));
  a.send();
  b.send();
  seen = w.turn();
  CHECK((seen.sets == 0 && seen.direct == 2 && a.heard == 3 && b.heard == 2));
  CHECK(w.turn().direct == 0);
}

TEST_CASE("socket set: what is watched may change in either set", "[reactor][socket]") {
  shared_wait w;
  watched a(w.first, w.owner.get());
  w.place(a, GENERATE(false, true));
  const int before = a.heard;
  w.first.rewatch(a.slot, 0);
  a.send();
  w.turn();
  CHECK(a.heard == before);
  w.first.rewatch(a.slot, EPOLLIN | EPOLLOUT);
  w.turn();
  CHECK((a.heard == before + 1 && a.last == (EPOLLIN | EPOLLOUT)));
}

TEST_CASE("socket set: when the driver is left, all are in the own set again", "[reactor][socket]") {
  shared_wait w;
  watched a(w.first, w.owner.get()), b(w.first, w.owner.get());
  for (watched* s : {&a, &b}) {
    s->send();
    w.turn();
  }
  w.first.rewatch(b.slot, 0);  // while it is in the driver's
  w.first.share(-1);
  REQUIRE(::epoll_ctl(w.driver_fd, EPOLL_CTL_DEL, w.first.fd(), nullptr) == 0);
  a.send();
  b.send();
  CHECK(w.turn().direct == 0);
  CHECK(shared_wait::own(w.first) == 1);
  CHECK((a.heard == 2 && b.heard == 1));
  a.send();
  CHECK(shared_wait::own(w.first) == 1);  // alone, but nobody shares
  CHECK(a.heard == 3);
}

TEST_CASE("socket set: who is closed is not heard of any more", "[reactor][socket]") {
  shared_wait w;
  auto a = std::make_unique<watched>(w.first, w.owner.get());
  const bool direct = GENERATE(false, true);
  w.place(*a, direct);
  a->send();
  std::array<epoll_event, 4> events;
  const int set = direct ? w.driver_fd : w.first.fd();
  REQUIRE(::epoll_wait(set, events.data(), events.size(), 0) == 1);
  REQUIRE(w.first.handler_of(events[0]) == a.get());
  a.reset();
  watched next(w.first, w.owner.get());  // takes the slot
  CHECK(w.first.handler_of(events[0]) == nullptr);
  next.send();
  w.turn();
  CHECK(next.heard == 1);
}

TEST_CASE("socket set: a hang-up is heard in either set", "[reactor][socket]") {
  shared_wait w;
  watched a(w.first, w.owner.get());
  w.place(a, GENERATE(false, true));
  w.first.rewatch(a.slot, 0);
  ::shutdown(a.ends[1], SHUT_RDWR);
  w.turn();
  CHECK((a.last & EPOLLHUP));
}

TEST_CASE("socket set: the busiest are direct, a bounded number of them, and all are heard", "[reactor][socket]") {
  shared_wait w;
  std::vector<std::unique_ptr<watched>> all;
  for (size_t i = 0; i < 2 * socket_set::most_direct; ++i)
    all.push_back(std::make_unique<watched>(w.first, w.owner.get()));
  const auto one_by_one = [&](size_t from, size_t to) {
    int direct = 0;
    for (size_t i = from; i < to; ++i) {
      all[i]->send();
      direct += w.turn().direct;
    }
    return direct;
  };
  one_by_one(0, all.size());
  CHECK(one_by_one(0, all.size()) <= static_cast<int>(socket_set::most_direct));
  // The second half is busy alone: in time it takes the places.
  for (int i = 0; i < 40; ++i) one_by_one(socket_set::most_direct, all.size());
  const int most = static_cast<int>(socket_set::most_direct);
  CHECK(one_by_one(socket_set::most_direct, all.size()) > most * 9 / 10);
  CHECK(one_by_one(0, socket_set::most_direct) < most / 10);
  for (size_t i = 0; i < all.size(); ++i) {
    const int before = all[i]->heard;
    all[i]->send();
    w.turn();
    if (all[i]->heard != before + 1) FAIL("socket " << i);
  }
}

TEST_CASE("socket set: a wake-up ends the driver's wait and names nobody", "[reactor][socket]") {
  shared_wait w;
  w.first.wake();
  CHECK(w.turn().sets == 1);
  CHECK(w.turn().sets == 0);  // told once
}

TEST_CASE("socket set: it keeps its owners, and says so when a socket cannot be watched", "[reactor][socket]") {
  shared_wait w;
  {
    watched a(w.first, w.owner.get());
    CHECK(w.owner->get_reference_count() == 2);
    CHECK_THROWS_AS(w.first.watch(-1, EPOLLIN, &a, w.owner.get()), std::system_error);
    CHECK(w.owner->get_reference_count() == 2);
  }
  CHECK(w.owner->get_reference_count() == 1);
}
