#include "bench/load/publisher.hpp"

#include <sys/epoll.h>

#include "bench/load/stats.hpp"

namespace troupe::bench {

namespace {

constexpr int socket_poll_blocks = 32;            // look at incoming bytes once per so many blocks
constexpr int window_poll_ms = 1;                 // the window is tens of milliseconds deep
constexpr uint64_t stall_limit_ns = 20'000'000'000; // without any progress: give up

class publish_loop {
public:
  publish_loop(const std::vector<publisher*>& publishers, phase_limit limit, flow& shared)
      : publishers_(publishers), limit_(limit), flow_(shared), epoll_(::epoll_create1(0)) {
    if (epoll_.get() < 0) throw_errno("epoll_create1");
    for (size_t i = 0; i < publishers.size(); ++i) {
      publishers[i]->now = publisher::state::publishing;
      publishers[i]->phase_messages = 0;
      publishers[i]->writable = true;
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.u64 = i;
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, publishers[i]->wire.fd(), &event) != 0)
        throw_errno("epoll_ctl");
    }
  }

  void run() {
    int blocks = 0;
    last_progress_ = now_ns();
    while (!flow_.failed() && !all_done()) {
      bool sent = false;
      bool window_full = false;
      for (publisher* p : publishers_) {
        const outcome result = step(*p);
        sent |= result == outcome::sent;
        window_full |= result == outcome::window_full;
      }
      if (sent) {
        last_progress_ = 0;
        if (++blocks % socket_poll_blocks == 0) poll_sockets(0);
      } else {
        check_stall();
        poll_sockets(window_full ? window_poll_ms : 100);
      }
    }
  }

private:
  enum class outcome : uint8_t { idle, sent, window_full };

  bool all_done() const {
    for (const publisher* p : publishers_)
      if (p->now != publisher::state::done) return false;
    return true;
  }

  void check_stall() {
    const uint64_t now = now_ns();
    if (last_progress_ == 0) last_progress_ = now;
    if (now - last_progress_ > stall_limit_ns) throw load_error("publisher: no progress");
  }

  // Sends what is due on one connection.
  outcome step(publisher& p) {
    if (p.now == publisher::state::done || !p.writable) return outcome::idle;
    if (!p.begun) {
      if (!p.control.empty()) return send_control(p) ? outcome::sent : outcome::idle;
      if (p.now == publisher::state::pinging) return outcome::idle;
      if (phase_over(p)) {
        p.now = publisher::state::pinging;
        p.pongs_wanted = p.incoming.pongs() + 1;
        p.control += p.wire.framed("PING\r\n");
        return outcome::sent;
      }
      if (!flow_.try_acquire(p.pool.blocks[p.block].deliveries)) return outcome::window_full;
      publish_block& next = p.pool.blocks[p.block];
      next.set_round(p.round);
      p.begun = true;
    }
    return send_block(p) ? outcome::sent : outcome::idle;
  }

  bool phase_over(const publisher& p) const {
    if (limit_.messages != 0) return p.phase_messages >= limit_.messages;
    return now_ns() >= limit_.deadline_ns;
  }

  // Returns the bytes that the socket took; 0 when it is full.
  static size_t send_some(publisher& p, const char* data, size_t size) {
    const size_t n = p.wire.send_some(data, size);
    if (n == 0) p.writable = false;
    return n;
  }

  static bool send_control(publisher& p) {
    const size_t n = send_some(p, p.control.data(), p.control.size());
    p.control.erase(0, n);
    return n > 0;
  }

  static bool send_block(publisher& p) {
    const publish_block& block = p.pool.blocks[p.block];
    const size_t n = send_some(p, block.bytes.data() + p.sent, block.bytes.size() - p.sent);
    p.sent += n;
    if (p.sent == block.bytes.size()) {
      p.sent = 0;
      p.begun = false;
      p.published += block.messages;
      p.phase_messages += block.messages;
      p.block = (p.block + 1) % p.pool.blocks.size();
      if (p.block == 0) ++p.round;
    }
    return n > 0;
  }

  void poll_sockets(int timeout_ms) {
    epoll_event events[64];
    const int n = ::epoll_wait(epoll_.get(), events, 64, timeout_ms);
    for (int i = 0; i < n; ++i) {
      publisher& p = *publishers_[events[i].data.u64];
      if (events[i].events & EPOLLOUT) p.writable = true;
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_incoming(p);
    }
  }

  static void read_incoming(publisher& p) {
    char chunk[4096];
    const auto take = [&p](const char* data, size_t n) { p.incoming.feed(data, n); };
    while (p.wire.receive(chunk, sizeof chunk, take) || p.wire.pending()) {
    }
    for (unsigned pings = p.incoming.take_pings(); pings > 0; --pings) p.control += p.wire.framed("PONG\r\n");
    if (p.now == publisher::state::pinging && p.incoming.pongs() >= p.pongs_wanted) {
      p.now = publisher::state::done;
      p.done_ns = now_ns();
    }
  }

  const std::vector<publisher*>& publishers_;
  phase_limit limit_;
  flow& flow_;
  unique_fd epoll_;
  uint64_t last_progress_ = 0; // 0: there was progress since the clock was read last
};

} // namespace

uint64_t run_publishers(const std::vector<publisher*>& publishers, phase_limit limit,
                        flow& shared) {
  const uint64_t cpu = thread_cpu_ns();
  try {
    publish_loop(publishers, limit, shared).run();
  } catch (const std::exception& e) {
    shared.fail(e.what());
  }
  return thread_cpu_ns() - cpu;
}

} // namespace troupe::bench
