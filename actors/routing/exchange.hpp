// Requests to services of other accounts, and their way back, on one reactor.
//
// A request that a service import concerns is published to the exporting account under the subject
// that it has there, with a reply subject of the exchange's: `_R_.<exchange>.<request>`. One
// subscription per exporting account hears all answers. They are published to the account that
// asked at the end of the batch or turn, since a match must not change other shards; chains of imports are
// chains of such requests. A request is forgotten with its answer (streamed and chunked ones: with
// an empty one) or when the export's threshold has passed without one.
//
// Thread: its reactor; made before the drivers run.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/reactor/reactor.hpp"
#include "actors/routing/account.hpp"
#include "actors/routing/latency_core.hpp"
#include "actors/routing/untaken_watch.hpp"
#include "protocol/nuid.hpp"

namespace troupe::routing {

/// The imports that a request has come through, latest first; on the stack of the call.
struct request_chain {
  const service_import* import = nullptr;
  const request_chain* before = nullptr;
  bool shared = false;  // the first import shares who asks

  size_t length() const { return before ? before->length() + 1 : 1; }
};

/// A measured answer on its way to the reactor of who gave it.
struct measured_answer {
  service_latency latency;
  account_ptr exporter;
  producer_ref responder;
};
using measured_answer_ptr = std::shared_ptr<measured_answer>;

class exchange final : public turn_hook, private subscriber {
public:
  static constexpr size_t requests_max = 128 * 1024;  // the one that expires first makes room
  static constexpr size_t chain_max = 16;

  explicit exchange(reactor& home);
  /// Called with each measured answer: to be completed with what is known of the responder, and
  /// published.
  void on_measured(std::function<void(measured_answer_ptr)> complete) {
    complete_ = std::move(complete);
  }
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  /// Hands a request on; whether anybody was there to take it.
  bool serve(const account_links& importer, const service_import& import, const message& m,
             producer* from, const request_chain* before);
  /// What a trace's event says of this server: a JSON object.
  void describe_server_by(std::function<std::string()> describe) {
    describe_server_ = std::move(describe);
  }
  /// Publishes the event of a traced message, at the end of the turn.
  void publish_trace(message_trace& trace);
  size_t waiting() const { return waiting_.size(); }
  using untaken_listener = std::function<void(const untaken_request&)>;
  /// Who tells the producer of a message, here or on another reactor, that nobody took it.
  void hear_untaken(untaken_listener listener) { on_untaken_ = std::move(listener); }
  /// A message that came from another reactor was taken neither here nor anywhere else.
  void untaken(const untaken_request& request) {
    if (on_untaken_) on_untaken_(request);
  }
  /// Nobody took what these requests of this exchange led to.
  void give_up_untaken(std::span<const uint64_t> requests) {
    for (uint64_t number : requests) give_up(number, 503);
  }
  /// Forgets everything and takes nothing any more.
  void close();

  void at_turn_end() override;
  /// After a batch from another reactor, outside of any match: whoever hears a PONG in this turn has
  /// got the answers that came with the batch.
  void publish_answers() {
    for (size_t i = 0; i < chain_max && !answers_.empty(); ++i) exchange::at_turn_end();
  }

private:
  using request_number = uint64_t;

  struct waiting_request {
    std::weak_ptr<account> importer, exporter;
    std::string reply;  // there
    config::response_type response = config::response_type::single;
    nanos patience{};
    nanos deadline{};
    std::unique_ptr<service_latency> latency;  // of a request that is measured
    nanos asked_at{};
  };
  struct answer {
    account_ptr to;
    std::string subject, reply;
    std::string copied;  // the payload, unless it is `payload` in `block`
    buffer_ref block;
    std::string_view payload;
    int32_t header_bytes = -1;
    producer_ref producer;
  };
  struct ear {
    std::weak_ptr<account> in;
    subscription* sub = nullptr;
  };

  bool deliver(subscription& sub, const message& m) override;
  void expired(subscription&) override {}
  client_id id() const override { return client_id{}; }

  bool listen(const account_ptr& to);
  request_number expect(waiting_request request);
  void forget(request_number number);
  std::string reply_subject(request_number number) const;
  static std::string with_requester(const message& m, const std::string& who);
  std::unique_ptr<service_latency> measure(const service_import& import, const message& m,
                                           producer* from) const;
  void measured(waiting_request& asked, const producer_ref& responder);
  void failed(const account_ptr& exporter, const service_latency& l, int status);
  void give_up(request_number number, int status);
  void arm(nanos now);
  static void timer_fired(void* self, nanos now);
  void sweep(nanos now);

  reactor& home_;
  std::string prefix_;  // "_R_.<exchange>."
  std::unordered_map<std::string, ear> ears_;  // by the exporting account's name
  std::unordered_map<request_number, waiting_request> waiting_;
  std::set<std::pair<nanos, request_number>> deadlines_;
  std::vector<answer> answers_;
  std::set<request_number> watched_;  // measured requests without an answer
  std::function<void(measured_answer_ptr)> complete_;
  std::function<std::string()> describe_server_;
  nuid ids_;
  untaken_listener on_untaken_;
  timer timer_;
  bool closed_ = false;
};

} // namespace troupe::routing
