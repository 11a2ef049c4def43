// A request of which several parties must report before it is known that nobody took it: several
// other reactors, or the services of other accounts that it goes on to.
//
// Made by the publisher's shard, kept by the records of the batches that carry the request; each
// record stands for one party. Who is the last to leave, with nothing taken anywhere, tells the
// producer. Bounded by the batches: it counts for their weight. A batch that is thrown away, because
// the node stops, reports nothing.
//
// Thread: the counts from any reactor; `note` before the batches leave.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/routing/message.hpp"

namespace troupe::routing {

/// What the producer is told: its own words, and the requests that wait at the exchange of its
/// reactor for an answer that does not come.
struct untaken_request {
  producer_ref producer;
  std::string subject, reply;
  std::vector<uint64_t> waiting;
};

class untaken_watch : public std::enable_shared_from_this<untaken_watch> {
public:
  explicit untaken_watch(const message& m)
      : request_{m.producer, std::string(m.subject), std::string(m.reply), {}} {}

  /// A request at the exchange that is to be given up with this one.
  void note(uint64_t waiting) { request_.waiting.push_back(waiting); }

  void took() { taken_.store(true); }
  bool taken() const { return taken_.load(); }
  void join() { parties_.fetch_add(1); }
  /// True for the last one, if nobody took it: it tells the producer.
  bool leave() { return parties_.fetch_sub(1) == 1 && !taken(); }

  const untaken_request& request() const { return request_; }
  size_t weight() const {
    return sizeof *this + request_.subject.size() + request_.reply.size()
           + request_.waiting.size() * sizeof(uint64_t);
  }

private:
  std::atomic<uint32_t> parties_{0};
  std::atomic<bool> taken_{false};
  untaken_request request_;
};

/// The same message with a watch over it; on the stack of the call that hands it on.
struct watched_message : message {
  explicit watched_message(const message& m)
      : message(m), kept(std::make_shared<untaken_watch>(m)) {
    watch = kept.get();
    wants_untaken = false;
  }
  std::shared_ptr<untaken_watch> kept;
};

} // namespace troupe::routing
