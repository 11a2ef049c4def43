// Runs a throughput scenario: set-up, warm-up phase, measured phase, report.
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "bench/load/publisher.hpp"
#include "bench/load/stats.hpp"
#include "bench/load/subscriber.hpp"

namespace troupe::bench {

namespace {

constexpr uint64_t delivery_stall_ns = 10'000'000'000;

struct phase_result {
  uint64_t published = 0;
  uint64_t delivered = 0;
  uint64_t elapsed_ns = 0;
  uint64_t server_cpu_ns = 0;
  uint64_t publisher_cpu_ns = 0;
  uint64_t subscriber_cpu_ns = 0;
};

class throughput_run {
public:
  explicit throughput_run(const options& opt)
      : opt_(opt), plan_(make_topology(opt)), probe_(opt.pid),
        flow_(std::max<uint64_t>(1, plan_.window_bytes / plan_.delivery_bytes)) {
    raise_open_files(plan_.subscribers.size() + plan_.pools.size() + 64);
    for (const subscriber_plan& s : plan_.subscribers) add_subscriber(s);
    for (const message_pool& pool : plan_.pools) {
      publishers_.push_back(std::make_unique<publisher>(channel(opt.server), pool));
      publishers_.back()->wire.set_nonblocking();
      if (!opt.server.websocket) continue;
      for (publish_block& block : publishers_.back()->pool.blocks) block.frame();
    }
  }

  phase_result run_phase(double seconds, uint64_t messages);
  void check_shares() const;
  std::string report_line(const phase_result& r) const;

private:
  void add_subscriber(const subscriber_plan& plan) {
    auto s = std::make_unique<subscriber>(channel(opt_.server), plan_.delivery_bytes);
    s->wire.send_all(plan.subscribe);
    s->wire.ping_pong();
    s->wire.set_nonblocking();
    s->pool = &plan_.pools[plan.pool];
    s->in_order = plan.in_order;
    subscribers_.push_back(std::move(s));
  }

  unsigned threads_for(size_t connections) const {
    const unsigned cores = std::thread::hardware_concurrency();
    const unsigned wanted = opt_.threads ? opt_.threads : std::max(1u, cores / 2);
    return static_cast<unsigned>(std::min<size_t>(wanted, connections));
  }

  // Deals connections out to threads, round robin.
  template <class T>
  std::vector<std::vector<T*>> deal(const std::vector<std::unique_ptr<T>>& all) const {
    std::vector<std::vector<T*>> hands(threads_for(all.size()));
    for (size_t i = 0; i < all.size(); ++i) hands[i % hands.size()].push_back(all[i].get());
    return hands;
  }

  void wait_for_deliveries();
  uint64_t published() const;

  const options& opt_;
  topology plan_;
  server_probe probe_;
  flow flow_;
  std::vector<std::unique_ptr<subscriber>> subscribers_;
  std::vector<std::unique_ptr<publisher>> publishers_;
};

uint64_t throughput_run::published() const {
  uint64_t sum = 0;
  for (const auto& p : publishers_) sum += p->published;
  return sum;
}

// Until every expected delivery is in; then a moment more, to see that there is not one too many.
void throughput_run::wait_for_deliveries() {
  using namespace std::chrono_literals;
  uint64_t last = flow_.delivered();
  uint64_t since = now_ns();
  while (flow_.delivered() < flow_.expected() && !flow_.failed()) {
    std::this_thread::sleep_for(500us);
    const uint64_t seen = flow_.delivered();
    if (seen != last) {
      last = seen;
      since = now_ns();
    } else if (now_ns() - since > delivery_stall_ns) {
      flow_.fail("lost messages: " + std::to_string(seen) + " of "
                 + std::to_string(flow_.expected()) + " deliveries");
    }
  }
}

phase_result throughput_run::run_phase(double seconds, uint64_t messages) {
  phase_result r;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> publisher_cpu{0};
  std::atomic<uint64_t> subscriber_cpu{0};
  const auto subscriber_hands = deal(subscribers_);
  const auto publisher_hands = deal(publishers_);
  const delivery_shape shape{plan_.delivery_header_bytes, opt_.size};
  const uint64_t published_before = published();
  const uint64_t delivered_before = flow_.delivered();

  std::vector<std::thread> receiving;
  for (const auto& hand : subscriber_hands)
    receiving.emplace_back([&] { subscriber_cpu += run_subscribers(hand, shape, flow_, stop); });
  const uint64_t start_cpu = probe_.cpu_ns();
  const uint64_t start = now_ns();
  const phase_limit limit{start + static_cast<uint64_t>(seconds * 1e9),
                          messages == 0 ? 0 : (messages - 1) / publishers_.size() + 1};
  std::vector<std::thread> sending;
  for (const auto& hand : publisher_hands)
    sending.emplace_back([&] { publisher_cpu += run_publishers(hand, limit, flow_); });
  for (std::thread& t : sending) t.join();
  wait_for_deliveries();
  r.server_cpu_ns = probe_.cpu_ns() - start_cpu;
  if (!subscribers_.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  stop.store(true, std::memory_order_release);
  for (std::thread& t : receiving) t.join();
  if (flow_.failed()) throw load_error(flow_.error());

  uint64_t end = flow_.last_delivery_ns();
  for (const auto& p : publishers_) end = std::max(end, p->done_ns);
  r.elapsed_ns = end - start;
  r.published = published() - published_before;
  r.delivered = flow_.delivered() - delivered_before;
  r.publisher_cpu_ns = publisher_cpu;
  r.subscriber_cpu_ns = subscriber_cpu;
  return r;
}

// Totals must be exact, and in order also per subscriber.
void throughput_run::check_shares() const {
  if (flow_.delivered() != flow_.expected()) throw load_error("too many deliveries");
  for (size_t i = 0; i < subscribers_.size(); ++i) {
    const uint64_t sent = publishers_[plan_.subscribers[i].pool]->published;
    if (subscribers_[i]->in_order && subscribers_[i]->incoming.count() != sent)
      throw load_error("a subscriber got more or fewer messages than were sent");
  }
}

double per(uint64_t amount, uint64_t count) {
  return count == 0 ? 0 : static_cast<double>(amount) / static_cast<double>(count);
}

std::string throughput_run::report_line(const phase_result& r) const {
  const double seconds = static_cast<double>(r.elapsed_ns) / 1e9;
  report out;
  out.text("scenario", opt_.scenario).count("size", opt_.size);
  out.number("rate", static_cast<double>(r.published) / seconds);
  out.number("delivery_rate", static_cast<double>(r.delivered) / seconds);
  out.number("seconds", seconds);
  out.count("published", r.published).count("delivered", r.delivered);
  out.number("server_cpu_s", static_cast<double>(r.server_cpu_ns) / 1e9);
  out.number("cpu_ns_per_msg", per(r.server_cpu_ns, r.published));
  out.number("cpu_ns_per_delivery", per(r.server_cpu_ns, r.delivered));
  out.count("rss_bytes", probe_.rss_bytes()).count("peak_rss_bytes", probe_.peak_rss_bytes());
  out.number("load_pub_cpu_ns_per_msg", per(r.publisher_cpu_ns, r.published));
  out.number("load_sub_cpu_ns_per_delivery", per(r.subscriber_cpu_ns, r.delivered));
  if (opt_.scenario == "queue8") {
    uint64_t least = ~0ull;
    uint64_t most = 0;
    for (const auto& s : subscribers_) {
      least = std::min(least, s->incoming.count());
      most = std::max(most, s->incoming.count());
    }
    out.number("queue_least_to_most", per(least, most));
  }
  return out.line();
}

} // namespace

std::string run_throughput(const options& opt) {
  throughput_run run(opt);
  if (opt.warmup > 0) run.run_phase(opt.warmup, 0);
  const phase_result result = run.run_phase(opt.seconds, opt.messages);
  run.check_shares();
  return run.report_line(result);
}

} // namespace troupe::bench
