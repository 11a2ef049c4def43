// The client connections of one reactor: creates them from accepted sockets, knows them by number,
// carries the node's wishes to them and reports about them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <system_error>
#include <unordered_set>
#include <vector>

#include "actors/reactor/pinned_actor.hpp"
#include "actors/reactor/restart_budget.hpp"
#include "actors/reactor/transport.hpp"
#include "actors/auth/login_worker.hpp"
#include "actors/routing/account.hpp"
#include "actors/routing/internal_client.hpp"
#include "actors/routing/untaken_watch.hpp"
#include "actors/session/handshake_worker.hpp"
#include "actors/session/node_context.hpp"
#include "actors/session/round_core.hpp"
#include "actors/session/session_messages.hpp"

namespace troupe {

class client_connection;

class client_hub final : public pinned<hub_handle::base>, private turn_hook {
public:
  client_hub(caf::actor_config& cfg, std::shared_ptr<node_context> node);

  const char* name() const override { return "clients"; }

  node_context& node() { return *node_; }
  /// The rules in force on this reactor.
  const node_policy& policy() const { return *policy_; }
  /// Which rules these are: another number whenever sessions have to look at theirs again.
  uint32_t policy_number() const { return policy_number_; }
  observe::reactor_counters& counters() { return *counters_; }
  /// Where a session stands before its login.
  const routing::account_ptr& global_account() const { return global_; }
  /// nullptr: there is none of that name.
  routing::account_ptr find_account(const std::string& name) const;
  /// The hubs of all reactors, by index; set before the first client arrives.
  void introduce(std::vector<hub_handle> hubs) { hubs_ = std::move(hubs); }

  // -- called by connections of this reactor -----------------------------------------------------

  /// A WebSocket connection has been upgraded: from here on it counts as a client and has a number,
  /// as in the Go server. False: there are too many.
  bool join(client_connection& c);
  /// `joined`: it counted, and shows among the closed ones.
  void remove(client_connection& c, observe::connection_snapshot last_words, bool joined);
  /// Runs the slow part of a login on a thread of its own; `client` hears the verdict.
  void check_elsewhere(const auth_decision& deferred, client_handle client);
  /// Runs a step of a handshake on a thread of its own; `client` hears when it is done.
  void step_elsewhere(handshake_step step, client_handle client);
  /// A handshake came too soon after too many: within a second the log tells how many did.
  void report_throttled(tls_context_ptr tls);
  /// Asks the service that decides about a login; `client` hears the verdict.
  void ask_service(const service_question& question, client_handle client);
  /// Holds a producer back wherever it lives; lets it go on.
  void hold_producer_of(const routing::producer_ref& p, nanos until);
  void release_producer_of(const routing::producer_ref& p);

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  /// One of the actors that do some of a hub's work, made when it is needed.
  struct helper {
    const char* what;
    size_t ends = 0;  // how often it was made anew, or will be when it is needed again
    std::string last_error = {};
    nanos since{};
  };

  void on_down(const caf::down_msg& msg);
  void no_thread_for(helper& one, const std::system_error& why);
  void describe_helpers(std::vector<observe::actor_snapshot>& to) const;
  void obey(const node_policy_ptr& policy);
  void have_some_obey();
  /// Calls `then` when all sessions obey what are the newest rules now, and the other reactors were told of
  /// the interest that came and went with them: at the end of this turn or of one in which a round ends.
  void once_all_obey(std::function<void()> then);
  void call_at_turn_end(std::vector<std::function<void()>> calls);
  void at_turn_end() override;
  static void obey_timer_fired(void* self, nanos now);
  void adopt(accepted_socket& socket);
  bool count(client_connection& c);
  void forget(client_connection& c, bool counted);
  client_connection* find(client_id id) const;
  void publish_measured(routing::measured_answer& what);
  uint64_t close_some(const close_clients& what);
  caf::result<uint64_t> close_in_order(const close_clients& what);
  void count_for(account_census& census);
  void dismiss_all(const dismiss_surplus& what);
  hub_report_ptr report(const connections_slice& q) const;
  void report_open(const connections_slice& q, hub_report& to) const;
  void report_closed(const connections_slice& q, hub_report& to) const;
  subs_report_ptr report_subs(const subs_slice& q) const;
  subs_report_ptr report_figures(const subs_slice& q) const;
  actor_report_ptr describe();
  void tell_untaken(const routing::untaken_request& what) const;
  static void throttled_timer_fired(void* self, nanos now);

  std::shared_ptr<node_context> node_;
  node_policy_ptr policy_;
  uint32_t policy_number_ = 0;
  round_core obeying_;  // through all sessions, after a reload
  std::vector<std::function<void()>> after_obeying_, after_next_;  // of the round under way, and the next
  std::vector<std::function<void()>> at_turn_end_;
  caf::strong_actor_ptr until_called_;  // the reactor knows hooks by their address
  timer obey_timer_;
  std::shared_ptr<observe::reactor_counters> counters_;
  routing::account_ptr global_;
  login_worker_handle login_worker_;  // made when needed
  handshake_worker_handle handshake_worker_;  // likewise
  routing::spawned_internal_client asker_{};  // of services about logins; made when needed
  std::vector<hub_handle> hubs_;
  std::map<uint64_t, client_connection*> clients_;  // by number: a report goes on where it stopped
  std::unordered_set<client_connection*> upgrading_;  // WebSocket, no clients yet
  struct closed_client {
    uint64_t number;  // counted over the whole node
    std::shared_ptr<const observe::connection_snapshot> last_words;
  };
  std::deque<closed_client> closed_;  // those of the last `closed_kept` that ended here, and perhaps older ones
  uint64_t closed_forgotten_ = 0;  // that were in it before
  tls_context_ptr throttled_;  // whose refusals the log is to tell
  timer throttled_timer_;
  nanos started_;
  restart_budget helpers_budget_;  // of all three
  helper logins_{"login worker"}, handshakes_{"handshake worker"}, asking_{"client for auth callout"};
};

} // namespace troupe
