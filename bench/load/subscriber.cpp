#include "bench/load/subscriber.hpp"

#include <algorithm>
#include <memory>
#include <sys/epoll.h>

#include "bench/load/stats.hpp"

namespace troupe::bench {

namespace {

constexpr size_t receive_bytes = 256 * 1024;
constexpr int reads_per_event = 4; // then the other connections get their turn
constexpr int stop_poll_ms = 20;
constexpr int max_events = 256;
constexpr size_t compared_bytes = 1024; // of a large payload, from its front

void receive(subscriber& s, char* buffer, const delivery_shape& shape, flow& shared) {
  const auto take = [&](const char* data, size_t n) {
    const uint64_t messages = s.incoming.feed(data, n);
    if (messages > 0) shared.delivered(messages, now_ns());
    if (s.incoming.sample() != nullptr)
      check_sample(s, shape, s.incoming.sample(), s.incoming.sample_number());
  };
  bool more = true;
  for (int i = 0; (i < reads_per_event && more) || s.wire.pending(); ++i)
    more = s.wire.receive(buffer, receive_bytes, take);
  for (unsigned pings = s.incoming.take_pings(); pings > 0; --pings) s.wire.send_all("PONG\r\n");
}

} // namespace

void check_sample(const subscriber& s, const delivery_shape& shape, const char* message,
                  uint64_t number) {
  const char* payload = message + shape.header_bytes;
  uint32_t index = 0;
  if (!get_hex8(payload, index) || index >= s.pool->message_count)
    throw load_error("payload without a valid number");
  const uint32_t turn = static_cast<uint32_t>(number / s.pool->message_count);
  if (s.in_order && index != number % s.pool->message_count)
    throw load_error("message lost, doubled or out of order");
  const std::string& subject = s.pool->subject(index);
  if (std::string_view(message + 4, subject.size()) != subject)
    throw load_error("subject does not belong to the payload");
  uint32_t round = 0;
  if (s.in_order && get_hex8(payload + 8, round) && round != turn)
    throw load_error("message of another round");
  for (size_t i = min_payload_bytes; i < std::min(shape.payload_bytes, compared_bytes); ++i) {
    if (payload[i] != static_cast<char>('a' + (index + i) % 26))
      throw load_error("payload damaged");
  }
}

uint64_t run_subscribers(const std::vector<subscriber*>& subscribers, delivery_shape shape,
                         flow& shared, const std::atomic<bool>& stop) {
  const uint64_t cpu = thread_cpu_ns();
  try {
    const auto buffer = std::make_unique<char[]>(receive_bytes);
    const unique_fd epoll(::epoll_create1(0));
    if (epoll.get() < 0) throw_errno("epoll_create1");
    for (subscriber* s : subscribers) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = s;
      if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, s->wire.fd(), &event) != 0)
        throw_errno("epoll_ctl");
    }
    epoll_event events[max_events];
    while (!stop.load(std::memory_order_acquire) && !shared.failed()) {
      const int n = ::epoll_wait(epoll.get(), events, max_events, stop_poll_ms);
      for (int i = 0; i < n; ++i)
        receive(*static_cast<subscriber*>(events[i].data.ptr), buffer.get(), shape, shared);
    }
  } catch (const std::exception& e) {
    shared.fail(e.what());
  }
  return thread_cpu_ns() - cpu;
}

} // namespace troupe::bench
