// A whole node under load: hand-over between drivers, back-pressure, payloads by reference.
#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <memory>

#include "test/actors/fixtures/live_node.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// A payload whose every byte tells who sent it and as which.
std::string patterned(uint64_t publisher, uint64_t number, size_t bytes) {
  std::string text = std::to_string(publisher) + ":" + std::to_string(number) + ":";
  auto c = static_cast<char>('a' + (publisher * 7 + number) % 26);
  if (text.size() < bytes) text.append(bytes - text.size(), c);
  return text;
}

/// Whether the payload is what its head says; counts numbers per publisher.
bool in_order(const std::string& payload, std::vector<uint64_t>& next) {
  char* rest = nullptr;
  uint64_t publisher = std::strtoull(payload.c_str(), &rest, 10);
  uint64_t number = std::strtoull(rest + 1, nullptr, 10);
  return publisher < next.size() && number == next[publisher]++
         && payload == patterned(publisher, number, payload.size());
}

/// Publishers and one subscriber, all at once; whether all came whole and in order.
/// `rounds` messages of each publisher, or until `enough`.
struct stream_run {
  std::unique_ptr<raw_client> subscriber;
  std::vector<std::unique_ptr<raw_client>> publishers;
  std::string subject = "stream";
  size_t bytes = 100;
  uint64_t burst = 20;

  /// Returns how many messages came wrong or not at all.
  uint64_t run(const std::function<bool(uint64_t)>& goes_on) {
    subscriber->send("SUB " + subject + " 1\r\n");
    subscriber->sync();
    std::vector<std::future<uint64_t>> runs;
    std::atomic<size_t> left{publishers.size()};
    for (size_t p = 0; p < publishers.size(); ++p)
      runs.push_back(std::async(std::launch::async, [&, p] {
        uint64_t n = 0;
        while (goes_on(n)) {
          std::string all;
          for (uint64_t i = 0; i < burst; ++i) all += pub(subject, patterned(p, n++, bytes));
          publishers[p]->send(all);
        }
        publishers[p]->send(pub(subject, patterned(p, n++, bytes)));
        publishers[p]->sync();
        --left;
        return n;
      }));
    std::vector<uint64_t> next(publishers.size(), 0);
    uint64_t wrong = 0;
    while (left > 0)
      for (auto& m : subscriber->sync()) wrong += !in_order(m.payload, next);
    std::vector<uint64_t> sent;
    for (auto& r : runs) sent.push_back(r.get());
    for (auto& m : subscriber->sync()) wrong += !in_order(m.payload, next);
    subscriber->send("UNSUB 1\r\n");
    subscriber->sync();
    for (size_t p = 0; p < sent.size(); ++p) wrong += sent[p] - std::min(sent[p], next[p]);
    return wrong;
  }
};

stream_run make_stream(live_node& n, size_t publishers) {
  stream_run s;
  s.subscriber = n.client();
  for (size_t i = 0; i < publishers; ++i) s.publishers.push_back(n.client());
  return s;
}

} // namespace

TEST_CASE("live node: reactors move to further drivers under load and come home after it",
          "[node][live][drivers]") {
  unsigned reactors = GENERATE(2u, 3u, 4u);
  live_node n(reactors);
  CHECK(n.it.active_drivers() == 1);
  for (int round = 0; round < 2; ++round) {
    stream_run s = make_stream(n, 5);
    auto until = std::chrono::steady_clock::now() + 30s;
    bool spread = false;
    std::atomic<bool> seen{false};
    uint64_t wrong = s.run([&](uint64_t number) {
      if (n.it.active_drivers() > 1) seen = true;
      bool late = std::chrono::steady_clock::now() > until;
      return !late && (!seen || number < 2000);
    });
    spread = seen;
    INFO(reactors << " reactors, round " << round);
    CHECK(wrong == 0);
    CHECK(spread);
    CHECK(eventually([&] { return n.it.active_drivers() == 1; }, 10s));
  }
}

TEST_CASE("live node: reactors spread and gather although the first one has nothing to do",
          "[node][live][drivers]") {
  live_node n(3);
  std::vector<std::unique_ptr<raw_client>> idle;
  stream_run s;
  for (int i = 0; i < 15; ++i) {
    auto c = n.client();
    if (i % 3 == 0)
      idle.push_back(std::move(c));
    else if (!s.subscriber)
      s.subscriber = std::move(c);
    else
      s.publishers.push_back(std::move(c));
  }
  auto until = std::chrono::steady_clock::now() + 20s;
  std::atomic<bool> seen{false};
  CHECK(s.run([&](uint64_t) {
    if (n.it.active_drivers() > 1) seen = true;
    return !seen && std::chrono::steady_clock::now() < until;
  }) == 0);
  CHECK(seen);
  CHECK(eventually([&] { return n.it.active_drivers() == 1; }, 10s));
}

TEST_CASE("live node: payloads by reference arrive whole from many publishers",
          "[node][live][bytes]") {
  for (size_t bytes : {size_t{150}, size_t{4096}, size_t{20'000}}) {
    live_node n(3);
    stream_run s = make_stream(n, 8);
    s.bytes = bytes;
    s.burst = 1 + 30'000 / bytes;
    const uint64_t each = 8'000'000 / 8 / bytes;
    INFO(bytes << " bytes");
    CHECK(s.run([&](uint64_t number) { return number < each; }) == 0);
  }
}

TEST_CASE("live node: producers go on when the link to another reactor has drained",
          "[node][live][flow]") {
  // Many publishers on one reactor and big messages: more than a link holds in one turn.
  live_node n(2);
  stream_run s;
  std::vector<std::unique_ptr<raw_client>> idle;
  idle.push_back(n.client());
  s.subscriber = n.client();
  for (int i = 0; i < 24; ++i) {
    s.publishers.push_back(n.client());
    idle.push_back(n.client());
  }
  s.bytes = 60'000;
  s.burst = 4;
  CHECK(s.run([](uint64_t number) { return number < 40; }) == 0);
}

TEST_CASE("live node: a consumer that does not read is closed and holds nobody back for long",
          "[node][live][slow]") {
  config::server_options o;
  o.max_pending = 2 * 1024 * 1024;
  live_node n(2, o);
  auto slow = n.client({}, 16 * 1024);
  slow->send("SUB flood 1\r\n");
  slow->sync();
  auto quick = n.client();
  quick->send("SUB other 1\r\n");
  quick->sync();
  auto publisher = n.client();
  auto closed = [&] {
    auto report = n.it.connections({.open = false, .closed = true});
    return report && !report->closed.empty() ? report->closed.front().reason : std::string();
  };
  const std::string payload(64 * 1024, 'f');
  auto until = std::chrono::steady_clock::now() + 60s;
  while (closed().empty() && std::chrono::steady_clock::now() < until) {
    for (int i = 0; i < 16; ++i) publisher->send(pub("flood", payload));
    publisher->send(pub("other", "still here"));
    publisher->sync();
    REQUIRE(quick->next());
  }
  CHECK(closed() == "Slow Consumer (Pending Bytes)");
  CHECK(n.it.context().open_clients.load() == 2);
}

TEST_CASE("live node: a consumer that takes nothing for the write deadline is closed",
          "[node][live][slow]") {
  config::server_options o;
  o.write_deadline = 200ms;
  o.max_pending = 512 * 1024 * 1024;
  live_node n(2, o);
  auto slow = n.client({}, 16 * 1024);
  slow->send("SUB flood 1\r\n");
  slow->sync();
  auto publisher = n.client();
  const std::string payload(64 * 1024, 'f');
  for (int i = 0; i < 200; ++i) publisher->send(pub("flood", payload));
  publisher->sync();
  CHECK(eventually([&] {
    auto report = n.it.connections({.open = false, .closed = true});
    return report && !report->closed.empty()
           && report->closed.front().reason == "Slow Consumer (Write Deadline)";
  }));
}

TEST_CASE("live node: lame duck mode tells its clients and lets them go in their time",
          "[node][live][lameduck]") {
  config::server_options o;
  o.lame_duck_duration = 600ms;
  o.lame_duck_grace_period = 200ms;
  live_node n(2, o);
  std::vector<std::unique_ptr<raw_client>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<raw_client>(n.port()));
    clients.back()->send("CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n");
    CHECK(clients.back()->line() == "PONG");
    CHECK(clients.back()->line().find("\"connect_info\":true") != std::string::npos);
  }
  n.it.signal(SIGUSR2);
  for (auto& c : clients) CHECK(c->rest().find("\"ldm\":true") != std::string::npos);
  CHECK(n.stop() == 0);
}

TEST_CASE("live node: ends while clients publish, subscribe and connect", "[node][live][stop]") {
  for (int round = 0; round < 5; ++round) {
    live_node n(3);
    std::atomic<bool> over{false};
    auto busy = [&](bool reconnects) {
      try {
        while (!over) {
          auto c = n.client();
          c->send("SUB a 1\r\n");
          for (int i = 0; i < (reconnects ? 5 : 100'000) && !over; ++i) {
            c->send(pub("a", std::string(5000, 'x')));
            c->sync();
          }
        }
      } catch (const std::exception&) {
        // The node has gone, as it should.
      }
    };
    std::vector<std::future<void>> runs;
    for (int i = 0; i < 4; ++i) runs.push_back(std::async(std::launch::async, busy, i % 2 == 0));
    CHECK(eventually([&] { return n.it.context().open_clients.load() >= 3; }));
    CHECK(n.stop() == 0);
    over = true;
    for (auto& r : runs) r.get();
  }
}
