#include "actors/routing/delivery_batch.hpp"

#include <algorithm>
#include <cstring>

#include "actors/routing/message_trace.hpp"

namespace troupe::routing {

struct delivery_batch::record {
  uint32_t total_bytes;  // of the record, a multiple of 8
  uint32_t payload_bytes;
  int32_t header_bytes;
  uint32_t subject_bytes;
  uint32_t reply_bytes;
  uint32_t queue_bytes;  // names, each behind its 32-bit length
  uint8_t plain;
  uint8_t hops;
  reactor_index producer_reactor;
  bool wants_untaken;
  client_id producer;
  buffer* owner;  // one reference held; nullptr: the payload is in the record
  const char* payload;
};

namespace {

char* put(char* out, std::string_view text) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());  // an absent reply is null
  return out + text.size();
}

} // namespace

delivery_batch::~delivery_batch() {
  for (const block& b : blocks_) {
    for (const char* at = b.data->data(); at != b.data->data() + b.used;) {
      auto* r = reinterpret_cast<const record*>(at);
      if (r->owner) r->owner->release();
      at += r->total_bytes;
    }
  }
}

char* delivery_batch::room(size_t n) {
  if (blocks_.empty() || blocks_.back().data->capacity - blocks_.back().used < n) {
    // A lone request needs a small block, a stream of messages large ones.
    uint8_t size_class = blocks_.empty() ? 1 : 2;
    if (buffer_pool::class_bytes[size_class] - sizeof(buffer) < n) size_class = 2;
    bool fits = buffer_pool::class_bytes[size_class] - sizeof(buffer) >= n;
    blocks_.push_back({fits ? pool_.take(size_class) : buffer_pool::take_large(n), 0});
  }
  block& last = blocks_.back();
  char* at = last.data->data() + last.used;
  last.used += n;
  return at;
}

void delivery_batch::append(const message& m, bool plain, bool wants_untaken) {
  remote_delivery how;
  how.plain = plain;
  append(m, how, wants_untaken);
}

void delivery_batch::append(const message& m, const remote_delivery& how, bool wants_untaken) {
  size_t queue_bytes = 0;
  for (std::string_view q : how.queues) queue_bytes += sizeof(uint32_t) + q.size();
  bool by_reference = m.owner && m.payload.size() >= inline_payload_bytes;
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
  r->plain = how.plain;
  r->hops = how.hops;
  r->producer_reactor = m.producer.reactor;
  r->wants_untaken = wants_untaken;
  r->producer = m.producer.id;
  r->owner = by_reference ? m.owner : nullptr;
  r->payload = m.payload.data();
  if (by_reference) m.owner->retain();

  char* p = put(put(at + sizeof(record), m.subject), m.reply);
  for (std::string_view q : how.queues) {
    auto n = static_cast<uint32_t>(q.size());
    std::memcpy(p, &n, sizeof n);
    p = put(p + sizeof n, q);
  }
  if (!by_reference) put(p, m.payload);
  if (m.trace) [[unlikely]] {
    m.trace->join();
    traces_.push_back({messages_, m.trace->shared_from_this()});
  }
  ++messages_;
  bytes_ += static_cast<int64_t>(total + (by_reference ? m.payload.size() : 0));
}

message delivery_batch::decode(const char*& at, remote_delivery& how) const {
  auto* r = reinterpret_cast<const record*>(at);
  const char* p = at + sizeof(record);
  at += r->total_bytes;
  message m;
  m.subject = {p, r->subject_bytes};
  p += r->subject_bytes;
  m.reply = {p, r->reply_bytes};
  p += r->reply_bytes;
  how.plain = r->plain != 0;
  how.hops = r->hops;
  how.queues.clear();
  for (const char* end = p + r->queue_bytes; p != end;) {
    uint32_t n;
    std::memcpy(&n, p, sizeof n);
    how.queues.emplace_back(p + sizeof n, n);
    p += sizeof n + n;
  }
  m.payload = {r->owner ? r->payload : p, r->payload_bytes};
  m.header_bytes = r->header_bytes;
  m.owner = r->owner;
  m.producer = {r->producer_reactor, r->producer};
  m.wants_untaken = r->wants_untaken;
  return m;
}

} // namespace troupe::routing
