// Scenarios about many of something: idle connections, subscriptions.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sys/epoll.h>
#include <thread>
#include <vector>

#include "bench/load/channel.hpp"
#include "bench/load/options.hpp"
#include "bench/load/stats.hpp"

namespace troupe::bench {

namespace {

constexpr unsigned idle_connections = 10'000;
constexpr uint64_t subscriptions = 1'000'000;
constexpr double settle_seconds = 3.5; // the servers' first PING comes some 2 seconds after connect
constexpr size_t subscribe_chunk = 128 * 1024;

double growth_per(uint64_t before, uint64_t after, uint64_t count) {
  return (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(count);
}

// Keeps many idle connections alive for a while: answers PING, notices a close.
class idle_keeper {
public:
  idle_keeper() : epoll_(::epoll_create1(0)) {
    if (epoll_.get() < 0) throw_errno("epoll_create1");
  }

  void add(channel wire) {
    wire.set_nonblocking();
    connections_.push_back(std::make_unique<channel>(std::move(wire)));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connections_.back().get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connections_.back()->fd(), &event) != 0)
      throw_errno("epoll_ctl");
  }

  void serve_for(double seconds) {
    const uint64_t end = now_ns() + static_cast<uint64_t>(seconds * 1e9);
    epoll_event events[256];
    for (uint64_t now = now_ns(); now < end; now = now_ns()) {
      const int wait_ms = static_cast<int>((end - now) / 1'000'000) + 1;
      const int n = ::epoll_wait(epoll_.get(), events, 256, wait_ms);
      for (int i = 0; i < n; ++i) answer(*static_cast<channel*>(events[i].data.ptr));
    }
  }

private:
  static void answer(channel& wire) {
    char chunk[2048];
    std::string bytes;
    wire.receive(chunk, sizeof chunk, [&](const char* data, size_t n) { bytes.append(data, n); });
    if (bytes.find("-ERR") != std::string::npos) throw load_error("server said " + bytes);
    if (bytes.find("PING\r\n") != std::string::npos) wire.send_all("PONG\r\n");
  }

  unique_fd epoll_;
  std::vector<std::unique_ptr<channel>> connections_;
};

// Sends `count` SUB lines for distinct subjects, starting with subject number `first`.
void subscribe_many(channel& wire, uint64_t first, uint64_t count) {
  std::string lines;
  char line[96];
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t n = first + i;
    const int size = std::snprintf(line, sizeof line, "SUB subs.%03u.%03u.%03u %llu\r\n",
                                   static_cast<unsigned>(n / 1'000'000 % 1000),
                                   static_cast<unsigned>(n / 1000 % 1000),
                                   static_cast<unsigned>(n % 1000),
                                   static_cast<unsigned long long>(i + 1));
    lines.append(line, static_cast<size_t>(size));
    if (lines.size() >= subscribe_chunk) {
      wire.send_all(lines);
      lines.clear();
    }
  }
  wire.send_all(lines);
}

} // namespace

std::string run_idle(const options& opt) {
  const unsigned count = opt.connections ? opt.connections : idle_connections;
  raise_open_files(count + 64);
  const server_probe probe(opt.pid);
  idle_keeper keeper;
  keeper.add(channel(opt.server));
  keeper.serve_for(0.2);
  const uint64_t rss_before = probe.rss_bytes();
  const uint64_t cpu_before = probe.cpu_ns();
  const uint64_t start = now_ns();
  for (unsigned i = 0; i < count; ++i) {
    keeper.add(channel(opt.server));
    if (i % 500 == 0) keeper.serve_for(0);
  }
  const uint64_t connected = now_ns();
  const uint64_t connect_cpu = probe.cpu_ns() - cpu_before;
  const uint64_t rss_connected = probe.rss_bytes();
  keeper.serve_for(settle_seconds);
  const uint64_t rss_after = probe.rss_bytes();
  const uint64_t idle_from = probe.cpu_ns();
  keeper.serve_for(opt.seconds);
  const uint64_t idle_cpu = probe.cpu_ns() - idle_from;

  const double seconds = static_cast<double>(connected - start) / 1e9;
  report out;
  out.text("scenario", "idle").count("size", 0).count("connections", count);
  out.number("rate", count / seconds).number("seconds", seconds);
  out.number("cpu_ns_per_msg", static_cast<double>(connect_cpu) / count);
  out.number("bytes_per_connection", growth_per(rss_before, rss_after, count));
  out.number("bytes_per_connection_at_once", growth_per(rss_before, rss_connected, count));
  out.number("idle_cpu_s", static_cast<double>(idle_cpu) / 1e9).number("idle_seconds", opt.seconds);
  out.count("rss_bytes", rss_after);
  return out.line();
}

std::string run_subscriptions(const options& opt) {
  const unsigned connections = std::max(1u, opt.connections);
  const uint64_t total = opt.messages ? opt.messages : subscriptions;
  const server_probe probe(opt.pid);
  std::vector<channel> clients;
  for (unsigned i = 0; i < connections; ++i) clients.emplace_back(opt.server);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const uint64_t rss_before = probe.rss_bytes();
  const uint64_t cpu_before = probe.cpu_ns();
  const uint64_t start = now_ns();
  const uint64_t each = total / connections;
  for (unsigned i = 0; i < connections; ++i) subscribe_many(clients[i], i * each, each);
  for (channel& client : clients) client.ping_pong();
  const uint64_t cpu = probe.cpu_ns() - cpu_before;
  const double seconds = static_cast<double>(now_ns() - start) / 1e9;
  const uint64_t rss_after = probe.rss_bytes();

  const uint64_t made = each * connections;
  report out;
  out.text("scenario", "subs" + std::to_string(connections)).count("size", 0);
  out.count("subscriptions", made).count("connections", connections);
  out.number("rate", static_cast<double>(made) / seconds).number("seconds", seconds);
  out.number("server_cpu_s", static_cast<double>(cpu) / 1e9);
  out.number("cpu_ns_per_msg", static_cast<double>(cpu) / static_cast<double>(made));
  out.number("bytes_per_subscription", growth_per(rss_before, rss_after, made));
  out.count("rss_bytes", rss_after).count("peak_rss_bytes", probe.peak_rss_bytes());
  return out.line();
}

} // namespace troupe::bench
