// The one hot-path message between reactors: everything that one turn of one reactor publishes to
// an account's subscribers on another reactor.
//
// Records stand one behind the other in pooled blocks. Payloads under `inline_payload_bytes` are
// copied into the record, larger ones travel by reference to the block they were read into, which
// the batch keeps with one reference, however many of them lie in it: the count is shared between
// threads and too dear for each message. Node-local: never leaves the process.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/reactor/buffer.hpp"
#include "actors/routing/message.hpp"
#include "protocol/ids.hpp"

namespace troupe::routing {

/// What to do with a message at the target: its plain subscribers, and the queue groups for which
/// the target was picked.
struct remote_delivery {
  bool plain = false;
  std::vector<std::string_view> queues;
  /// How often the message was passed on because the picked queue member had just gone.
  uint8_t hops = 0;
};

class delivery_batch {
public:
  static constexpr size_t inline_payload_bytes = 128;

  delivery_batch(reactor_index from, buffer_pool& pool) : from_(from), pool_(pool) {}
  delivery_batch(const delivery_batch&) = delete;
  delivery_batch& operator=(const delivery_batch&) = delete;

  /// `wants_untaken`: the target tells the producer when nobody takes it there.
  void append(const message& m, bool plain, bool wants_untaken = false) {
    append_record(m, plain, 0, {}, wants_untaken);
  }
  void append(const message& m, const remote_delivery& how, bool wants_untaken = false) {
    append_record(m, how.plain, how.hops, how.queues, wants_untaken);
  }

  reactor_index from() const { return from_; }
  bool empty() const { return messages_ == 0; }
  uint64_t messages() const { return messages_; }
  /// Bytes in the records and behind them: the weight of the batch on its link.
  int64_t bytes() const { return bytes_; }

  /// Calls f(const message&, const remote_delivery&) for each record, in order. On the target.
  template <class F>
  void for_each(F f) const {
    remote_delivery how;
    if (!escorts_.empty()) [[unlikely]] return for_each_escorted(f, how);
    for (const block& b : blocks_)
      for (const char *at = b.data->data(), *end = end_of(b); at != end;)
        f(decode(at, how), static_cast<const remote_delivery&>(how));
  }

private:
  struct record {
    uint32_t total_bytes;  // of the record, a multiple of 8
    uint32_t payload_bytes;
    int32_t header_bytes;
    uint32_t subject_bytes;
    uint32_t reply_bytes;
    uint32_t queue_bytes;  // names, each behind its 32-bit length
    bool plain;
    bool wants_untaken;
    bool by_service;
    uint8_t hops;
    reactor_index producer_reactor;
    client_id producer;
    buffer* owner;  // one of owners_; nullptr: the payload is in the record
    const char* payload;
  };
  struct block {
    buffer_ref data;
    const char* end;  // of the records; where the block is not the last
  };

  /// What goes with a record and belongs to the message on all reactors; either may be nullptr.
  struct escort {
    uint64_t record;
    std::shared_ptr<message_trace> trace;
    std::shared_ptr<untaken_watch> watch;
  };

  template <class F>
  void for_each_escorted(F& f, remote_delivery& how) const {
    uint64_t n = 0;
    auto next = escorts_.begin();
    for (const block& b : blocks_)
      for (const char *at = b.data->data(), *end = end_of(b); at != end; ++n) {
        message m = decode(at, how);
        if (next != escorts_.end() && next->record == n) {
          m.trace = next->trace.get();
          m.watch = next->watch.get();
          ++next;
        }
        f(m, static_cast<const remote_delivery&>(how));
      }
  }

  void append_record(const message& m, bool plain, uint8_t hops,
                     std::span<const std::string_view> queues, bool wants_untaken);
  char* room(size_t n) {
    if (static_cast<size_t>(limit_ - write_) < n) next_block(n);
    return std::exchange(write_, write_ + n);
  }
  void next_block(size_t n);
  const char* end_of(const block& b) const { return &b == &blocks_.back() ? write_ : b.end; }
  void add_escort(const message& m);
  static message decode(const char*& at, remote_delivery& how);
  static const char* decode_queues(const char* p, const char* end, remote_delivery& how);

  reactor_index from_;
  buffer_pool& pool_;  // of the reactor that fills it
  std::vector<block> blocks_;
  char* write_ = nullptr;  // free space of the last block ...
  char* limit_ = nullptr;  // ... up to here
  std::vector<buffer_ref> owners_;  // of payloads by reference, each run of the same once
  std::vector<escort> escorts_;
  uint64_t messages_ = 0;
  int64_t bytes_ = 0;
};

inline message delivery_batch::decode(const char*& at, remote_delivery& how) {
  auto* r = reinterpret_cast<const record*>(at);
  const char* p = at + sizeof(record);
  at += r->total_bytes;
  message m;
  m.subject = {p, r->subject_bytes};
  p += r->subject_bytes;
  m.reply = {p, r->reply_bytes};
  p += r->reply_bytes;
  how.plain = r->plain;
  how.hops = r->hops;
  how.queues.clear();
  if (r->queue_bytes != 0) p = decode_queues(p, p + r->queue_bytes, how);
  m.payload = {r->owner ? r->payload : p, r->payload_bytes};
  m.header_bytes = r->header_bytes;
  m.owner = r->owner;
  m.producer = {r->producer_reactor, r->producer};
  m.wants_untaken = r->wants_untaken;
  m.by_service = r->by_service;
  return m;
}

} // namespace troupe::routing
