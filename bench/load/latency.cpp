// Scenario "reqrep": requesters with a few requests in flight each, and one responder that echoes;
// every end has a connection and a thread of its own and blocks in recv.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "bench/load/channel.hpp"
#include "bench/load/options.hpp"
#include "bench/load/stats.hpp"
#include "bench/load/storm.hpp"
#include "bench/load/topology.hpp"

namespace troupe::bench {

namespace {

constexpr std::string_view service = "svc.echo";
constexpr size_t receive_bytes = 64 * 1024;

// _INBOX.<requester>.<slot>, all of one width.
std::string inbox(unsigned requester, unsigned slot) {
  char name[32];
  std::snprintf(name, sizeof name, "_INBOX.%03u.%04u", requester % 1000, slot % 10000);
  return name;
}

constexpr size_t inbox_slot_at = 11;

// Cuts a blocking connection's stream into messages of one length; answers PING.
class message_reader {
public:
  message_reader(channel& wire, size_t message_bytes) : wire_(wire), length_(message_bytes) {
    buffer_.resize(receive_bytes + 2 * message_bytes);
  }

  /// Waits for bytes.
  void fill() {
    std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
    // Without frame headers it gets shorter, so pieces can be put in place where they were read.
    char* room = buffer_.data() + end_;
    wire_.receive(room, buffer_.size() - end_, [this](const char* data, size_t n) {
      std::memmove(buffer_.data() + end_, data, n);
      end_ += n;
    });
  }

  /// The next whole message, or nullptr: fill again.
  const char* next() {
    while (at_ < end_) {
      const char* front = buffer_.data() + at_;
      if (*front == 'M') {
        if (end_ - at_ < length_) return nullptr;
        if (front[length_ - 1] != '\n') throw load_error("message without its end");
        at_ += length_;
        return front;
      }
      const void* end = std::memchr(front, '\n', end_ - at_);
      if (end == nullptr) return nullptr;
      const auto width = static_cast<size_t>(static_cast<const char*>(end) - front);
      const std::string_view line(front, width);
      if (line.substr(0, 4) == "PING") wire_.send_all("PONG\r\n");
      if (line.substr(0, 4) == "-ERR") throw load_error("server said " + std::string(line));
      at_ += line.size() + 1;
    }
    return nullptr;
  }

private:
  channel& wire_;
  size_t length_;
  std::string buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
};

// What the threads of one run share.
struct exchange {
  const options& opt;
  std::atomic<uint64_t> record_from_ns{0};
  std::atomic<uint64_t> deadline_ns{0};
  std::atomic<bool> finished{false};
  std::atomic<bool> failed{false};
  std::mutex mutex{};
  std::string error{};

  void fail(const std::string& what) {
    const std::lock_guard lock(mutex);
    if (error.empty()) error = what;
    failed = true;
  }
};

void respond(channel& wire, exchange& shared) {
  const std::string digits = std::to_string(shared.opt.size);
  const size_t inbox_width = inbox(0, 0).size();
  const size_t inbox_at = 4 + service.size() + 3; // MSG svc.echo 1 _INBOX...
  const size_t payload_at = inbox_at + inbox_width + 1 + digits.size() + 2;
  message_reader reader(wire, payload_at + shared.opt.size + 2);
  std::string out;
  try {
    while (true) {
      reader.fill();
      out.clear();
      while (const char* message = reader.next()) {
        out.append("PUB ").append(message + inbox_at, inbox_width).append(" ").append(digits);
        out.append("\r\n").append(message + payload_at, shared.opt.size + 2);
      }
      if (!out.empty()) wire.send_all(out);
    }
  } catch (const std::exception& e) {
    if (!shared.finished) shared.fail(std::string("responder: ") + e.what());
  }
}

class requester {
public:
  requester(exchange& shared, unsigned number)
      : shared_(shared), wire_(shared.opt.server) {
    wire_.send_all("SUB " + inbox(number, 0).substr(0, inbox_slot_at) + "* 1\r\n");
    wire_.ping_pong();
    const std::string digits = std::to_string(shared.opt.size);
    for (unsigned slot = 0; slot < shared.opt.in_flight; ++slot) {
      std::string request = "PUB " + std::string(service) + " " + inbox(number, slot) + " ";
      request += digits + "\r\n";
      payload_at_ = request.size();
      request.append(shared.opt.size, 'x').append("\r\n");
      requests_.push_back(std::move(request));
    }
    sent_ns_.resize(requests_.size());
    sequence_.resize(requests_.size());
    header_bytes_ = 4 + inbox(0, 0).size() + 3 + digits.size() + 2;
    samples.reserve(1 << 22);
  }

  void run() {
    try {
      exchange_messages();
    } catch (const std::exception& e) {
      shared_.fail(e.what());
    }
  }

  std::vector<uint32_t> samples; // nanoseconds

private:
  void exchange_messages() {
    message_reader reader(wire_, header_bytes_ + shared_.opt.size + 2);
    std::string out;
    const uint64_t start = now_ns();
    for (unsigned slot = 0; slot < requests_.size(); ++slot) request(slot, start, out);
    wire_.send_all(out);
    size_t in_flight = requests_.size();
    while (in_flight > 0 && !shared_.failed) {
      reader.fill();
      out.clear();
      const uint64_t now = now_ns();
      const bool over = now >= shared_.deadline_ns.load(std::memory_order_relaxed);
      while (const char* message = reader.next()) {
        const unsigned slot = finish(message, now);
        if (over) --in_flight;
        else request(slot, now, out);
      }
      if (!out.empty()) wire_.send_all(out);
    }
  }

  void request(unsigned slot, uint64_t now, std::string& out) {
    put_hex8(requests_[slot].data() + payload_at_, ++sequence_[slot]);
    sent_ns_[slot] = now;
    out += requests_[slot];
  }

  unsigned finish(const char* message, uint64_t now) {
    const char* digits = message + 4 + inbox_slot_at;
    unsigned slot = 0;
    for (int i = 0; i < 4; ++i) slot = slot * 10 + static_cast<unsigned>(digits[i] - '0');
    uint32_t sequence = 0;
    const bool known = slot < requests_.size() && get_hex8(message + header_bytes_, sequence);
    if (!known || sequence != sequence_[slot]) throw load_error("reply to no request");
    if (sent_ns_[slot] >= shared_.record_from_ns.load(std::memory_order_relaxed))
      samples.push_back(static_cast<uint32_t>(now - sent_ns_[slot]));
    return slot;
  }

  exchange& shared_;
  channel wire_;
  std::vector<std::string> requests_;
  std::vector<uint64_t> sent_ns_;
  std::vector<uint32_t> sequence_;
  size_t payload_at_ = 0;
  size_t header_bytes_ = 0;
};

struct latency_result {
  std::vector<uint32_t> samples;
  uint64_t elapsed_ns = 0;
  uint64_t server_cpu_ns = 0;
  uint64_t handshakes = 0;
};

std::string report_line(const options& opt, latency_result& r) {
  const server_probe probe(opt.pid);
  const double seconds = static_cast<double>(r.elapsed_ns) / 1e9;
  const auto count = static_cast<double>(std::max<size_t>(1, r.samples.size()));
  report out;
  out.text("scenario", "reqrep" + std::to_string(opt.in_flight)).count("size", opt.size);
  out.number("rate", static_cast<double>(r.samples.size()) / seconds).number("seconds", seconds);
  out.count("requests", r.samples.size());
  out.number("p50_us", quantile(r.samples, 0.5) / 1e3);
  out.number("p99_us", quantile(r.samples, 0.99) / 1e3);
  out.number("p999_us", quantile(r.samples, 0.999) / 1e3);
  out.number("server_cpu_s", static_cast<double>(r.server_cpu_ns) / 1e9);
  out.number("cpu_ns_per_msg", static_cast<double>(r.server_cpu_ns) / count);
  if (opt.storm > 0) out.number("storm_rate", static_cast<double>(r.handshakes) / (seconds + opt.warmup));
  out.count("rss_bytes", probe.rss_bytes());
  return out.line();
}

} // namespace

std::string run_request_reply(const options& opt) {
  exchange shared{opt};
  const server_probe probe(opt.pid);
  channel responder(opt.server);
  responder.send_all("SUB " + std::string(service) + " 1\r\n");
  responder.ping_pong();
  std::vector<std::unique_ptr<requester>> requesters;
  for (unsigned i = 0; i < std::max(1u, opt.connections); ++i)
    requesters.push_back(std::make_unique<requester>(shared, i));

  const uint64_t record_from = now_ns() + static_cast<uint64_t>(opt.warmup * 1e9);
  shared.record_from_ns = record_from;
  shared.deadline_ns = record_from + static_cast<uint64_t>(opt.seconds * 1e9);
  storm handshakes(opt, opt.storm, 0, shared.deadline_ns);
  std::thread responding([&] { respond(responder, shared); });
  std::vector<std::thread> requesting;
  for (const auto& r : requesters) requesting.emplace_back([&] { r->run(); });
  std::this_thread::sleep_for(std::chrono::duration<double>(opt.warmup));
  const uint64_t cpu = probe.cpu_ns();
  for (std::thread& t : requesting) t.join();
  latency_result result;
  result.server_cpu_ns = probe.cpu_ns() - cpu;
  result.elapsed_ns = now_ns() - record_from;
  shared.finished = true;
  ::shutdown(responder.fd(), SHUT_RDWR);
  responding.join();
  if (shared.failed) throw load_error(shared.error);
  handshakes.join();
  result.handshakes = handshakes.done();
  for (const auto& r : requesters)
    result.samples.insert(result.samples.end(), r->samples.begin(), r->samples.end());
  return report_line(opt, result);
}

} // namespace troupe::bench
