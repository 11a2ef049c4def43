// The root of the supervision tree: spawns shards, hubs and the listener in order, restarts what
// may be restarted, runs lame duck mode and the staged stop.
//
// Lives on CAF's scheduler; its timers are CAF's, so tests drive it by virtual time. Stop order:
// listener, clients (flushed), hubs, shards; the process then stops monitor, drivers and logger.
#pragma once

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/node/lame_duck_core.hpp"
#include "actors/node/listener.hpp"
#include "actors/node/reload_actor.hpp"
#include "actors/reactor/restart_budget.hpp"
#include "actors/reactor/driver_pool.hpp"
#include "actors/routing/shard_actor.hpp"
#include "actors/session/node_context.hpp"
#include "actors/session/session_messages.hpp"
#include "actors/system/system_service.hpp"
#include "config/options.hpp"

namespace troupe {

/// A Unix signal, as received through signalfd.
struct signal_event {
  int number = 0;
};
/// An account got a shard: the root monitors it from now on.
struct shard_started {
  routing::shard_handle shard;
  std::string name;  // for the log
};
/// A shard is ended by order.
struct shard_ending {
  routing::shard_handle shard;
};
/// Something that no actor answers for threw on a reactor.
struct reactor_failed {
  reactor_index reactor;
  std::string why;
};
/// A reload opened a socket that clients come through from now on. Answered when the one before is
/// closed.
struct listener_moved {
  bound_socket socket;
};
struct lame_duck_step {};
/// The system account has told of the end: connections may be closed.
struct end_announced {};
struct stop_check {};

using node_handle = caf::typed_actor<
  // INT and TERM stop, USR1 reopens the log, USR2 is lame duck mode, HUP reloads.
  caf::reacts_to<signal_event>,
  // A new part of the tree.
  caf::reacts_to<shard_started>,
  caf::reacts_to<shard_ending>,
  caf::reacts_to<reactor_failed>,
  caf::reacts_to<listener_moved>,
  // As SIGHUP, but whoever asks hears how it went.
  caf::replies_to<reload_request>::with<reload_answer>,
  // Its own timers.
  caf::reacts_to<lame_duck_step>,
  caf::reacts_to<end_announced>,
  caf::reacts_to<stop_check>,
  // For /actorz: the whole tree.
  caf::replies_to<describe_query>::with<actor_report_ptr>>;

/// What became of a child and those in its place before.
struct child_record {
  uint64_t ends = 0;
  std::string last_error;
};

/// A listener beside that of clients.
struct further_listener {
  std::string what;  // for the log: "WebSocket"
  listener_kind kind = listener_kind::client;
  listener_handle handle;
  std::function<result<listener_handle>()> spawn;
  child_record record = {};
};

/// What the node is made of; filled before the actor starts.
struct node_parts {
  std::shared_ptr<node_context> context;
  std::vector<shard_started> shards;
  std::vector<hub_handle> hubs;
  /// Makes a listener on the client address; nullptr without one (tests).
  std::function<result<listener_handle>()> spawn_listener;
  /// Makes a listener on a socket that is bound already.
  std::function<listener_handle(bound_socket)> adopt_listener;
  listener_handle listener;
  std::vector<further_listener> more_listeners;
  /// Makes what turns the process's signals into messages; nullptr without it (tests).
  std::function<caf::actor(const node_handle&)> spawn_signals;
  /// Called once, from the actor, when everything below it is gone. The argument: exit code.
  std::function<void(int)> on_stopped;
  /// What a reload works on; nullptr: it is refused.
  std::shared_ptr<const reload_parts> reload;
  /// nullptr: there is none.
  std::shared_ptr<system_service> system_account;
};

class node_actor final : public node_handle::base {
public:
  node_actor(caf::actor_config& cfg, node_parts parts);
  const char* name() const override { return "node"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  enum class state : uint8_t { running, lame_duck, stopping, stopped };

  template <class Handle>
  void watch_over(const Handle& essential, std::string name);
  void on_signal(int number);
  void spawn_signals();
  void restart_signals(const caf::down_msg& msg);
  void fail(const std::string& why);
  void on_down(const caf::down_msg& msg);
  void replace_listener(const caf::down_msg& msg, const std::string& what, listener_handle& listener,
                        const std::function<result<listener_handle>()>& spawn, child_record& record);
  void note_end(child_record& record, const std::string& what, const caf::down_msg& msg);
  void stop_listening_all();
  caf::result<void> move_listener(const bound_socket& socket);
  /// Whether there is one now; else why not, which the log knows too.
  reload_answer reloader();
  caf::result<reload_answer> reload();
  void reload_by_signal();
  void start_lame_duck();
  void lame_duck_tick();
  void close_one_by_one(size_t left, size_t hubs_to_ask);
  void stop(int exit_code);
  void close_clients_everywhere();
  void check_stopped();
  void finish();
  void release_children();
  caf::result<actor_report_ptr> describe();

  node_parts parts_;
  reload_handle reloader_;  // made when needed
  bool signal_is_served_ = false, another_waits_ = false;  // those that ask for a reload
  state state_ = state::running;
  int exit_code_ = 0;
  int checks_left_ = 0;
  std::optional<lame_duck_core> lame_duck_;
  lame_duck_core::step step_{};
  size_t next_hub_ = 0;
  bool closing_begun_ = false;
  restart_budget listener_budget_, signals_budget_;
  child_record listener_record_, signals_record_, reload_record_;
  caf::actor signals_;
  std::list<caf::typed_response_promise<actor_report_ptr>> being_described_;  // CAF forgets them at the end
  std::map<caf::actor_addr, std::string> essential_;  // whose end ends the node: their names
  std::string last_error_;
  std::chrono::steady_clock::time_point started_;
  uint64_t random_;
};

} // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::signal_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::shard_started)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::shard_ending)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::reactor_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::listener_moved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::lame_duck_step)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::end_announced)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::stop_check)
