#include "actors/routing/delivery_batch.hpp"

#include "actors/routing/message_trace.hpp"
#include "actors/routing/untaken_watch.hpp"
#include "protocol/client/encoder.hpp"

namespace troupe::routing {

namespace {

char* put(char* out, std::string_view text) { return detail::copy_short(out, text); }

} // namespace

void delivery_batch::next_block(size_t n) {
  // A lone request needs a small block, a stream of messages large ones.
  uint8_t size_class = blocks_.empty() ? 1 : 2;
  if (buffer_pool::class_bytes[size_class] - sizeof(buffer) < n) size_class = 2;
  const bool fits = buffer_pool::class_bytes[size_class] - sizeof(buffer) >= n;
  if (!blocks_.empty()) blocks_.back().end = write_;
  blocks_.push_back({fits ? pool_.take(size_class) : buffer_pool::take_large(n), nullptr});
  write_ = blocks_.back().data->data();
  limit_ = write_ + blocks_.back().data->capacity;
}

void delivery_batch::append_record(const message& m, bool plain, uint8_t hops,
                                   std::span<const std::string_view> queues, bool wants_untaken) {
  size_t queue_bytes = 0;
  for (std::string_view q : queues) queue_bytes += sizeof(uint32_t) + q.size();
  const bool by_reference = m.owner && m.payload.size() >= inline_payload_bytes;
  size_t total = sizeof(record) + m.subject.size() + m.reply.size() + queue_bytes
                 + (by_reference ? 0 : m.payload.size());
  total = (total + 7) & ~size_t{7};

  char* at = room(total);
  auto* r = new (at) record;
  r->total_bytes = static_cast<uint32_t>(total);
  r->payload_bytes = static_cast<uint32_t>(m.payload.size());
  r->header_bytes = m.header_bytes;
  r->subject_bytes = static_cast<uint32_t>(m.subject.size());
  r->reply_bytes = static_cast<uint32_t>(m.reply.size());
  r->queue_bytes = static_cast<uint32_t>(queue_bytes);
  r->plain = plain;
  r->wants_untaken = wants_untaken;
  r->by_service = m.by_service;
  r->hops = hops;
  r->producer_reactor = m.producer.reactor;
  r->producer = m.producer.id;
  r->owner = by_reference ? m.owner : nullptr;
  r->payload = m.payload.data();

  char* p = put(put(at + sizeof(record), m.subject), m.reply);
  for (std::string_view q : queues) {
    auto n = static_cast<uint32_t>(q.size());
    std::memcpy(p, &n, sizeof n);
    p = put(p + sizeof n, q);
  }
  if (!by_reference) {
    put(p, m.payload);
  } else {
    if (owners_.empty() || owners_.back().get() != m.owner)
      owners_.push_back(buffer_ref::share(m.owner));
    total += m.payload.size();
  }
  if (m.trace || m.watch) [[unlikely]]
    add_escort(m);
  ++messages_;
  bytes_ += static_cast<int64_t>(total);
}

void delivery_batch::add_escort(const message& m) {
  escort e{messages_, nullptr, nullptr};
  if (m.trace) {
    m.trace->join();
    e.trace = m.trace->shared_from_this();
  }
  if (m.watch) {
    m.watch->join();
    e.watch = m.watch->shared_from_this();
    bytes_ += static_cast<int64_t>(m.watch->weight());
  }
  escorts_.push_back(std::move(e));
}

const char* delivery_batch::decode_queues(const char* p, const char* end, remote_delivery& how) {
  while (p != end) {
    uint32_t n;
    std::memcpy(&n, p, sizeof n);
    how.queues.emplace_back(p + sizeof n, n);
    p += sizeof n + n;
  }
  return p;
}

} // namespace troupe::routing
