// The system account of a node: answers requests on `$SYS.REQ`, and tells of connections, accounts,
// statistics and the end.
//
// Requests come to an internal client on reactor 0 and are answered on up to four threads, since they
// ask all reactors and wait: one that takes long delays no other. Replies go out through the internal
// client. What waits is bounded. Events of sessions are published on the session's own reactor, and built only where
// somebody listens.
//
// Made before the first reactor runs; lives as long as the node.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/auth/claims_requests.hpp"
#include "actors/reactor/reactor.hpp"
#include "actors/routing/internal_client.hpp"
#include "actors/session/node_context.hpp"
#include "actors/session/session_events.hpp"
#include "actors/session/session_messages.hpp"
#include "actors/system/system_json.hpp"
#include "actors/system/system_request.hpp"
#include "protocol/compress/content.hpp"

namespace troupe {

/// What the process around the node contributes. Called on the service's threads, several at a time.
struct system_hooks {
  struct usage {
    int64_t memory_bytes = 0;
    double cpu_percent = 0;
  };
  struct page_answer {
    std::string data;  // compact JSON
    int error_code = 0;
    std::string error;    // with a code
    bool silent = false;  // nothing is answered
  };
  /// A monitoring page by its name, "VARZ", for options in JSON. Not there: all are refused.
  std::function<page_answer(std::string_view page, std::string_view options)> page;
  std::function<usage()> measure;
  struct profile {
    std::string bytes;
    std::string error;  // not empty: why there are no bytes
  };
  /// A profile by its name, "heap"; `span` is for "cpu" alone, which takes that long.
  std::function<profile(std::string_view name, nanos span)> take_profile;
};

struct system_parts {
  caf::actor_system* system = nullptr;
  reactor* home = nullptr;
  std::shared_ptr<node_context> context;
  std::string server_id;
  unsigned reactors = 1;
  system_hooks hooks;
  /// Reads the configuration again and waits for the outcome.
  std::function<result<void>()> reload;
  /// The resolver of operator mode; nullptr without one.
  std::shared_ptr<claims_requests> claims;
};

/// Something that takes its time; done on a thread of the service's.
using system_job_ptr = std::shared_ptr<const std::function<void()>>;
using system_worker_handle = caf::typed_actor<caf::reacts_to<system_job_ptr>>;

class system_service final : public session_events,
                             public turn_hook,
                             public std::enable_shared_from_this<system_service> {
public:
  /// `account` is the system account.
  system_service(system_parts parts, routing::account_ptr account);
  ~system_service() override;

  /// Subscribes to the requests. Once the hubs are known, before reactors are driven.
  void open(std::vector<hub_handle> hubs);
  /// For whoever supervises it. After `open`.
  const routing::internal_handle& client() const { return client_.handle; }
  /// Any thread: tells that lame duck mode begins.
  void announce_lame_duck();
  /// Any thread: tells that the server stops, then calls `done` on reactor 0, when all reactors have
  /// been handed it. Nothing is told after it.
  void announce_shutdown(std::function<void()> done);
  /// Any thread: ends the internal client; it must be gone before the shards are.
  void end_client();
  /// Any thread but the service's own: no request is worked on any more when it returns.
  void close();

  // session_events
  void connected(const observe::connection_snapshot& client) override;
  void disconnected(const observe::connection_snapshot& client) override;
  void refused(const observe::connection_snapshot& client, closed_reason reason,
               routing::account& account, std::string_view why) override;
  void peer_link_invalid(const peer_verdict& verdict) override;
  void peer_rejected(const peer_verdict& verdict) override;
  void peer_judged_elsewhere(peer_verdict_ptr verdict) override;
  void account_changed(routing::account& account) override;
  // turn_hook
  void at_turn_end() override;

  /// Any thread: requests that wait, and those that are worked on.
  observe::queue_snapshot requests();
  /// Any thread: the JSON object by which this server introduces itself.
  std::string introduction() { return server_info_json(card(), mark()); }

private:
  /// A request under way.
  struct work {
    system_subject what;
    std::string account;  // of the subject
    std::string reply, body;
    content_encoding encoding = content_encoding::none;
    std::string client_info;  // the requester, as an import tells of it
    routing::producer_ref requester;
    request_options options;
  };
  // Anywhere.
  server_card card() const;
  message_mark mark() { return {seq_.fetch_add(1) + 1, observe::wall_now()}; }
  event_mark new_event();
  void answer(const std::string& to, std::string payload, content_encoding encoding = {});

  // On a session's reactor.
  bool wanted(std::string_view subject) const;
  observe::connection_snapshot with_tag(observe::connection_snapshot client) const;
  void trace_publish(std::string_view subject, std::string_view payload) const;
  void trace_request(const routing::internal_message& m) const;
  void publish_here(routing::account& to, std::string_view subject, std::string_view payload);
  void tell_account(routing::account& account);

  void subscribe(routing::internal_client& c);
  // On reactor 0.
  void on_request(const routing::internal_message& m);
  void on_tick(nanos now);
  void on_statsz(nanos now);
  bool do_elsewhere(std::function<void()> job);
  bool add_worker();
  void wake_worker(size_t index);
  static void tick_fired(void* self, nanos now);
  static void statsz_fired(void* self, nanos now);

  // On the service's threads.
  void work_off(size_t index);
  void serve(work& w);
  void serve_page(const work& w);
  void serve_profile(const work& w);
  void serve_account_info(const work& w);
  void serve_account_statz(const work& w);
  void serve_account_conns(const work& w);
  void serve_reload(const work& w);
  void serve_kick(const work& w);
  void serve_lame_duck(const work& w);
  void serve_user_info(const work& w);
  void serve_subscribers(const work& w);
  void serve_claims(const work& w);
  void send_statsz(const std::string& to);
  void reply(const work& w, std::string_view data);
  void refuse(const work& w, int code, std::string_view why, bool null_data = false);
  uint64_t count_subscribers(const std::string& account, const std::string& subject,
                             const std::string& queue);

  system_parts parts_;
  routing::account_ptr account_;
  routing::spawned_internal_client client_;
  std::vector<hub_handle> hubs_;
  std::string stats_subject_;
  wall_time started_;
  std::atomic<uint64_t> seq_{0};
  std::atomic<bool> silent_{false};

  std::mutex jobs_mutex_;  // of what follows
  std::deque<std::function<void()>> jobs_;
  std::vector<system_worker_handle> workers_;  // made when they are needed
  std::vector<size_t> idle_workers_;
  size_t running_ = 0;
  std::condition_variable none_runs_;
  bool closed_ = false;
  std::mutex claims_mutex_;  // the resolver is asked one thing after another

  mutable std::mutex mutex_;  // of what follows
  nuid event_ids_;
  std::unordered_map<std::string, nanos> told_;  // account -> when its connections were last told

  timer tick_timer_;  // of reactor 0, as what follows
  timer statsz_timer_;
  nanos statsz_every_;
  nanos last_statsz_;
  std::vector<std::function<void()>> after_publish_;
};

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::system_job_ptr)
