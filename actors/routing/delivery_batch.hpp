// The one hot-path message between reactors: everything that one turn of one reactor publishes to
// an account's subscribers on another reactor.
//
// Records stand one behind the other in pooled blocks. Payloads under `inline_payload_bytes` are
// copied into the record, larger ones travel by reference to the block they were read into.
// Node-local: never leaves the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
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
  ~delivery_batch();
  delivery_batch(const delivery_batch&) = delete;
  delivery_batch& operator=(const delivery_batch&) = delete;

  /// `wants_untaken`: the target tells the producer when nobody takes it there.
  void append(const message& m, bool plain, bool wants_untaken = false);
  void append(const message& m, const remote_delivery& how, bool wants_untaken = false);

  reactor_index from() const { return from_; }
  bool empty() const { return messages_ == 0; }
  uint64_t messages() const { return messages_; }
  /// Bytes in the records and behind them: the weight of the batch on its link.
  int64_t bytes() const { return bytes_; }

  /// Calls f(const message&, const remote_delivery&) for each record, in order. On the target.
  template <class F>
  void for_each(F f) const {
    remote_delivery how;
    if (!traces_.empty()) [[unlikely]] return for_each_traced(f, how);
    for (const block& b : blocks_)
      for (const char* at = b.data->data(); at != b.data->data() + b.used;)
        f(decode(at, how), static_cast<const remote_delivery&>(how));
  }

private:
  struct record;
  struct block {
    buffer_ref data;
    size_t used;
  };

  struct traced {
    uint64_t record;
    std::shared_ptr<message_trace> trace;
  };

  template <class F>
  void for_each_traced(F& f, remote_delivery& how) const {
    uint64_t n = 0;
    auto next = traces_.begin();
    for (const block& b : blocks_)
      for (const char* at = b.data->data(); at != b.data->data() + b.used; ++n) {
        message m = decode(at, how);
        if (next != traces_.end() && next->record == n) m.trace = (next++)->trace.get();
        f(m, static_cast<const remote_delivery&>(how));
      }
  }

  char* room(size_t n);
  message decode(const char*& at, remote_delivery& how) const;

  reactor_index from_;
  buffer_pool& pool_;  // of the reactor that fills it
  std::vector<block> blocks_;
  std::vector<traced> traces_;
  uint64_t messages_ = 0;
  int64_t bytes_ = 0;
};

} // namespace troupe::routing
