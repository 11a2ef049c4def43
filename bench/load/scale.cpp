// Scenarios about many of something: idle connections, subscriptions, connects and disconnects.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "bench/load/options.hpp"
#include "bench/load/stats.hpp"

namespace troupe::bench {

namespace {

constexpr unsigned idle_connections = 10'000;
constexpr uint64_t subscriptions = 1'000'000;
constexpr unsigned churn_threads = 8;
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

  void add(unique_fd fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) throw_errno("epoll_ctl");
    connections_.push_back(std::move(fd));
  }

  void serve_for(double seconds) {
    const uint64_t end = now_ns() + static_cast<uint64_t>(seconds * 1e9);
    epoll_event events[256];
    for (uint64_t now = now_ns(); now < end; now = now_ns()) {
      const int wait_ms = static_cast<int>((end - now) / 1'000'000) + 1;
      const int n = ::epoll_wait(epoll_.get(), events, 256, wait_ms);
      for (int i = 0; i < n; ++i) answer(events[i].data.fd);
    }
  }

private:
  static void answer(int fd) {
    char chunk[2048];
    const ssize_t n = ::recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) throw load_error("idle connection closed by the server");
    const std::string_view bytes(chunk, static_cast<size_t>(n));
    if (bytes.find("-ERR") != std::string_view::npos)
      throw load_error("server said " + std::string(bytes));
    if (bytes.find("PING\r\n") != std::string_view::npos) send_all(fd, "PONG\r\n");
  }

  unique_fd epoll_;
  std::vector<unique_fd> connections_;
};

// Sends `count` SUB lines for distinct subjects, starting with subject number `first`.
void subscribe_many(int fd, uint64_t first, uint64_t count) {
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
      send_all(fd, lines);
      lines.clear();
    }
  }
  send_all(fd, lines);
}

// Connects, shakes hands and closes until `deadline_ns`; returns how often.
uint64_t churn_until(const options& opt, unsigned thread, uint64_t deadline_ns, uint64_t messages) {
  uint64_t done = 0;
  const std::string hello = std::string(connect_line) + "PING\r\n";
  char chunk[4096];
  while (messages ? done < messages : now_ns() < deadline_ns) {
    // A new source address every 4,000 connections: closed ones hold their port for a minute.
    const unsigned source = 1 + thread * 1000 + static_cast<unsigned>(done / 4000);
    const unique_fd fd = connect_tcp(opt.server, source);
    std::string seen;
    bool greeted = false;
    while (seen.find("PONG\r\n") == std::string::npos) {
      const ssize_t n = ::recv(fd.get(), chunk, sizeof chunk, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw load_error("churn: closed by the server");
      seen.append(chunk, static_cast<size_t>(n));
      if (seen.find("-ERR") != std::string::npos) throw load_error("server said " + seen);
      if (!greeted && seen.find("\r\n") != std::string::npos) {
        send_all(fd.get(), hello);
        greeted = true;
      }
    }
    ++done;
  }
  return done;
}

} // namespace

std::string run_idle(const options& opt) {
  const unsigned count = opt.connections ? opt.connections : idle_connections;
  raise_open_files(count + 64);
  const server_probe probe(opt.pid);
  idle_keeper keeper;
  keeper.add(connect_client(opt.server));
  keeper.serve_for(0.2);
  const uint64_t rss_before = probe.rss_bytes();
  const uint64_t cpu_before = probe.cpu_ns();
  const uint64_t start = now_ns();
  for (unsigned i = 0; i < count; ++i) {
    keeper.add(connect_client(opt.server));
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
  std::vector<unique_fd> clients;
  for (unsigned i = 0; i < connections; ++i) clients.push_back(connect_client(opt.server));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const uint64_t rss_before = probe.rss_bytes();
  const uint64_t cpu_before = probe.cpu_ns();
  const uint64_t start = now_ns();
  const uint64_t each = total / connections;
  for (unsigned i = 0; i < connections; ++i) subscribe_many(clients[i].get(), i * each, each);
  for (const unique_fd& client : clients) ping_pong(client.get());
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

std::string run_churn(const options& opt) {
  const unsigned threads = opt.connections ? opt.connections : churn_threads;
  const server_probe probe(opt.pid);
  std::atomic<uint64_t> done{0};
  std::mutex mutex;
  std::string error;
  const uint64_t cpu_before = probe.cpu_ns();
  const uint64_t start = now_ns();
  const uint64_t deadline = start + static_cast<uint64_t>(opt.seconds * 1e9);
  std::vector<std::thread> storm;
  for (unsigned i = 0; i < threads; ++i) {
    storm.emplace_back([&, i] {
      try {
        done += churn_until(opt, i, deadline, (opt.messages + threads - 1) / threads);
      } catch (const std::exception& e) {
        const std::lock_guard lock(mutex);
        if (error.empty()) error = e.what();
      }
    });
  }
  for (std::thread& t : storm) t.join();
  if (!error.empty()) throw load_error(error);
  const double seconds = static_cast<double>(now_ns() - start) / 1e9;
  const uint64_t cpu = probe.cpu_ns() - cpu_before;
  const auto count = static_cast<double>(std::max<uint64_t>(1, done));
  report out;
  out.text("scenario", "churn").count("size", 0).count("connections", done);
  out.number("rate", count / seconds).number("seconds", seconds);
  out.number("server_cpu_s", static_cast<double>(cpu) / 1e9);
  out.number("cpu_ns_per_msg", static_cast<double>(cpu) / count);
  out.count("rss_bytes", probe.rss_bytes());
  return out.line();
}

} // namespace troupe::bench
