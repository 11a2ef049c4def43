#include "actors/node/node_actor.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <unistd.h>

#include <csignal>
#include <exception>
#include <random>
#include <utility>

#include "actors/observe/logger.hpp"
#include "actors/reactor/own_thread.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr size_t most_restarts = 5;
constexpr nanos restart_window = 1min;
constexpr nanos stop_check_every = 2ms;
constexpr nanos stop_patience = 3s;

} // namespace

node_actor::node_actor(caf::actor_config& cfg, node_parts parts)
    : node_handle::base(cfg),
      parts_(std::move(parts)),
      listener_budget_(most_restarts, restart_window),
      signals_budget_(most_restarts, restart_window),
      started_(std::chrono::steady_clock::now()),
      random_(std::random_device{}()) {
  set_down_handler([this](caf::down_msg& msg) { on_down(msg); });
  set_exception_handler([](std::exception_ptr& failure) {
    caf::error why = error_of(failure);
    log::fatal("The node failed: {}, stopping", to_string(why.context()));
    return why;
  });
}

node_actor::behavior_type node_actor::make_behavior() {
  for (const shard_started& s : parts_.shards) watch_over(s.shard, s.name);
  for (size_t i = 0; i < parts_.hubs.size(); ++i)
    watch_over(parts_.hubs[i], "clients of reactor " + std::to_string(i));
  if (parts_.listener) monitor(parts_.listener);
  for (further_listener& l : parts_.more_listeners) monitor(l.handle);
  if (parts_.system_account)
    watch_over(parts_.system_account->client(), "client of the system account");
  spawn_signals();
  return {
    [this](const signal_event& e) { on_signal(e.number); },
    [this](const shard_started& what) { watch_over(what.shard, what.name); },
    [this](const shard_ending& what) {
      demonitor(what.shard.address());
      essential_.erase(what.shard.address());
    },
    [this](const reactor_failed& what) {
      fail("Reactor " + std::to_string(what.reactor) + " failed: " + what.why);
    },
    [this](const listener_moved& what) { return move_listener(what.socket); },
    [this](const reload_request&) { return reload(); },
    [this](const lame_duck_step&) { lame_duck_tick(); },
    [this](const end_announced&) { close_clients_everywhere(); },
    [this](const stop_check&) { check_stopped(); },
    [this](const describe_query&) { return describe(); },
  };
}

template <class Handle>
void node_actor::watch_over(const Handle& essential, std::string name) {
  monitor(essential);
  essential_.emplace(essential.address(), std::move(name));
}

void node_actor::spawn_signals() {
  if (!parts_.spawn_signals) return;
  signals_ = parts_.spawn_signals(caf::actor_cast<node_handle>(ctrl()));
  monitor(signals_);
}

void node_actor::on_exit() {
  // It threw: nobody is above it to stop what is below it.
  if (state_ != state::stopped) {
    state_ = state::stopped;
    exit_code_ = 1;
    release_children();
  }
  essential_.clear();
  parts_.spawn_signals = nullptr;
  signals_ = nullptr;
  parts_.shards.clear();
  parts_.hubs.clear();
  parts_.listener = nullptr;
  parts_.more_listeners.clear();
  reloader_ = nullptr;
  parts_.reload.reset();
  parts_.system_account.reset();
  for (auto& asked : being_described_) asked.deliver(caf::make_error(caf::sec::request_receiver_down));
  being_described_.clear();
}

namespace {

const char* signal_name(int number) {
  switch (number) {
    case SIGINT: return "interrupt";
    case SIGTERM: return "terminated";
    case SIGHUP: return "hangup";
    case SIGUSR1: return "user defined signal 1";
    case SIGUSR2: return "user defined signal 2";
    default: return "unknown signal";
  }
}

} // namespace

void node_actor::on_signal(int number) {
  if (number == 0) return stop(0); // a start that failed: no signal was sent
  log::info("Trapped \"{}\" signal", signal_name(number));
  switch (number) {
    case SIGINT: return stop(0);
    case SIGTERM:
      // The end is under way already, in its own time.
      if (state_ != state::lame_duck) stop(0);
      return;
    case SIGUSR1: return log::reopen();
    case SIGUSR2: return start_lame_duck();
    case SIGHUP: return reload_by_signal();
    default: return;
  }
}

void node_actor::on_down(const caf::down_msg& msg) {
  if (state_ == state::stopping || state_ == state::stopped) {
    if (reloader_ && msg.source == reloader_.address()) reloader_ = nullptr;
    return;
  }
  if (parts_.listener && msg.source == parts_.listener.address())
    return replace_listener(msg, "Client", parts_.listener, parts_.spawn_listener, listener_record_);
  for (further_listener& l : parts_.more_listeners)
    if (l.handle && msg.source == l.handle.address())
      return replace_listener(msg, l.what, l.handle, l.spawn, l.record);
  if (signals_ && msg.source == signals_.address()) return restart_signals(msg);
  if (reloader_ && msg.source == reloader_.address()) {
    // The next reload makes another.
    note_end(reload_record_, "reload", msg);
    log::error("The reload failed: {}", reload_record_.last_error);
    reloader_ = nullptr;
    return;
  }
  // A reactor's shard or hub holds the state of its connections: without it the node cannot go on.
  if (auto it = essential_.find(msg.source); it != essential_.end())
    fail("Essential actor ended: " + it->second + ": " + system().render(msg.reason));
}

void node_actor::fail(const std::string& why) {
  if (state_ == state::stopping || state_ == state::stopped) return;
  last_error_ = why;
  log::fatal("{}, stopping", why);
  stop(1);
}

void node_actor::note_end(child_record& record, const std::string& what, const caf::down_msg& msg) {
  ++record.ends;
  record.last_error = system().render(msg.reason);
  last_error_ = what + ": " + record.last_error;
}

void node_actor::restart_signals(const caf::down_msg& msg) {
  note_end(signals_record_, "signals", msg);
  log::error("Signals are not received any more: {}", signals_record_.last_error);
  if (!signals_budget_.spend(std::chrono::steady_clock::now() - started_))
    return fail("The receiver of signals failed too often");
  spawn_signals();
}

void node_actor::replace_listener(const caf::down_msg& msg, const std::string& what,
                                  listener_handle& listener,
                                  const std::function<result<listener_handle>()>& spawn,
                                  child_record& record) {
  note_end(record, "listener", msg);
  if (state_ == state::lame_duck || !msg.reason) return;
  log::error("{} listener failed: {}", what, record.last_error);
  if (listener_budget_.spend(std::chrono::steady_clock::now() - started_)) {
    auto again = spawn();
    if (again) {
      listener = *again;
      return monitor(listener);
    }
    log::error("{}", again.error().context);
  }
  log::fatal("{} listener failed too often, stopping", what);
  stop(1);
}

void node_actor::stop_listening_all() {
  if (parts_.listener) send(parts_.listener, stop_listening{});
  for (further_listener& l : parts_.more_listeners)
    if (l.handle) send(l.handle, stop_listening{});
}

// -- reload ----------------------------------------------------------------------------------------

reload_answer node_actor::reloader() {
  reload_answer why;
  if (!parts_.reload || state_ == state::stopping || state_ == state::stopped) {
    why = "the server is stopping";
  } else if (!reloader_) {
    try {
      reloader_ = spawn_on_thread<caf::monitored>(system(), *this, reload_actor, parts_.reload);
    } catch (const std::system_error& e) {
      last_error_ = reload_record_.last_error = std::string("no thread: ") + e.what();
      why = std::string("no thread for the reload: ") + e.what();
    }
  }
  if (!why.empty()) log::error("Failed to reload server configuration: {}", why);
  return why;
}

caf::result<reload_answer> node_actor::reload() {
  if (reload_answer why = reloader(); !why.empty()) return why;
  return delegate(reloader_, reload_request{});
}

/// Signals that come while one is served are one more, as in the NATS server. The log says how it went.
void node_actor::reload_by_signal() {
  if (signal_is_served_) {
    another_waits_ = true;
    return;
  }
  if (!reloader().empty()) return;
  signal_is_served_ = true;
  const auto served = [this] {
    signal_is_served_ = false;
    if (std::exchange(another_waits_, false)) reload_by_signal();
  };
  request(reloader_, caf::infinite, reload_request{})
    .then([served](const reload_answer&) { served(); }, [served](const caf::error&) { served(); });
}

caf::result<void> node_actor::move_listener(const bound_socket& socket) {
  if (state_ != state::running) {
    ::close(socket.fd);
    return caf::unit;
  }
  listener_handle* place = &parts_.listener;
  for (further_listener& l : parts_.more_listeners)
    if (l.kind == socket.kind) place = &l.handle;
  listener_handle old = std::exchange(*place, parts_.adopt_listener(socket));
  monitor(*place);
  if (!old) return caf::unit;
  demonitor(old.address());
  auto answer = delegate(old, stop_listening{});
  // It may overtake the order: whoever waits hears of the end instead, and the socket is closed too.
  send_exit(old, caf::exit_reason::user_shutdown);
  return answer;
}

// -- lame duck -------------------------------------------------------------------------------------

void node_actor::start_lame_duck() {
  if (state_ != state::running) return;
  log::info("Entering lame duck mode, stop accepting new clients");
  state_ = state::lame_duck;
  parts_.context->lame_duck = true;
  if (parts_.system_account) parts_.system_account->announce_lame_duck();
  stop_listening_all();
  auto clients = static_cast<size_t>(std::max<int64_t>(parts_.context->sessions.load(), 0));
  if (clients == 0) return stop(0);
  for (auto& hub : parts_.hubs) send(hub, lame_duck_notice{});
  node_policy_ptr policy = parts_.context->policy();
  lame_duck_.emplace(policy->options->lame_duck_duration,
                     policy->options->lame_duck_grace_period, clients);
  step_ = lame_duck_->next(++random_);
  delayed_send(this, step_.wait, lame_duck_step{});
}

void node_actor::lame_duck_tick() {
  if (state_ != state::lame_duck) return;
  if (parts_.context->sessions.load() <= 0) return stop(0);
  if (!closing_begun_) log::info("Closing existing clients");
  closing_begun_ = true;
  close_one_by_one(step_.close, parts_.hubs.size());
  if (lame_duck_->done()) return stop(0);
  step_ = lame_duck_->next(random_ = random_ * 6364136223846793005 + 1442695040888963407);
  delayed_send(this, step_.wait, lame_duck_step{});
}

void node_actor::close_one_by_one(size_t left, size_t hubs_to_ask) {
  // Hubs in turn, so that no reactor loses all its clients first; one without clients is skipped.
  if (left == 0 || hubs_to_ask == 0 || state_ != state::lame_duck) return;
  hub_handle hub = parts_.hubs[next_hub_];
  next_hub_ = (next_hub_ + 1) % parts_.hubs.size();
  request(hub, caf::infinite, close_clients{1, closed_reason::server_shutdown})
    .then([this, left, hubs_to_ask](uint64_t closed) {
      if (closed > 0)
        close_one_by_one(left - 1, parts_.hubs.size());
      else
        close_one_by_one(left, hubs_to_ask - 1);
    });
}

// -- stop ------------------------------------------------------------------------------------------

void node_actor::stop(int exit_code) {
  if (state_ == state::stopping || state_ == state::stopped) return;
  log::info("Initiating Shutdown...");
  state_ = state::stopping;
  exit_code_ = exit_code;
  stop_listening_all();
  another_waits_ = false;
  if (reloader_) send_exit(reloader_, caf::exit_reason::user_shutdown);
  // Who listens to the system account hears of it before its connection is closed.
  if (parts_.system_account)
    parts_.system_account->announce_shutdown([me = caf::actor_cast<node_handle>(ctrl())] {
      caf::anon_send(me, end_announced{});
    });
  else
    close_clients_everywhere();
  checks_left_ = static_cast<int>(stop_patience / stop_check_every);
  delayed_send(this, stop_check_every, stop_check{});
}

void node_actor::close_clients_everywhere() {
  for (auto& hub : parts_.hubs) caf::anon_send(hub, close_clients{});
}

void node_actor::check_stopped() {
  if (state_ != state::stopping) return;
  if (parts_.context->open_clients.load() > 0 && --checks_left_ > 0) {
    // A client that was on its way from the listener when the order went out gets it now.
    if (checks_left_ % 50 == 0) close_clients_everywhere();
    return delayed_send(this, stop_check_every, stop_check{});
  }
  // A reload under way still asks hubs and listeners, and the end of the process waits for its thread.
  if (reloader_) return delayed_send(this, stop_check_every, stop_check{});
  finish();
}

void node_actor::finish() {
  state_ = state::stopped;
  release_children();
  quit();
}

void node_actor::release_children() {
  if (parts_.system_account) parts_.system_account->end_client();
  for (auto& hub : parts_.hubs) send_exit(hub, caf::exit_reason::user_shutdown);
  for (auto& s : parts_.shards) send_exit(s.shard, caf::exit_reason::user_shutdown);
  if (parts_.context->accounts) parts_.context->accounts->end();
  if (parts_.listener) send_exit(parts_.listener, caf::exit_reason::user_shutdown);
  for (further_listener& l : parts_.more_listeners)
    send_exit(l.handle, caf::exit_reason::user_shutdown);
  if (reloader_) send_exit(reloader_, caf::exit_reason::user_shutdown);
  if (signals_) send_exit(signals_, caf::exit_reason::user_shutdown);
  log::info("Server Exiting..");
  if (parts_.on_stopped) parts_.on_stopped(exit_code_);
}

// -- observing -------------------------------------------------------------------------------------

caf::result<actor_report_ptr> node_actor::describe() {
  auto tree = std::make_shared<observe::actor_snapshot>();
  tree->kind = "node";
  tree->name = parts_.context->policy()->info.server_name;
  tree->state = state_ == state::running     ? "running"
                : state_ == state::lame_duck ? "lame duck"
                                             : "stopping";
  tree->last_error = last_error_;
  tree->uptime = std::chrono::steady_clock::now() - started_;
  const auto asked = being_described_.insert(being_described_.end(), make_response_promise<actor_report_ptr>());
  auto promise = *asked;
  auto left = std::make_shared<size_t>(parts_.hubs.size() + parts_.more_listeners.size()
                                       + (parts_.listener ? 1 : 0) + (signals_ ? 1 : 0));
  auto heard = [this, asked, tree, left] {
    if (*left > 0 && --*left > 0) return;
    asked->deliver(tree);
    being_described_.erase(asked);
  };
  auto add = [tree, heard](const child_record& record) {
    return [=](const actor_report_ptr& child) {
      observe::actor_snapshot& one = tree->children.emplace_back(*child);
      one.restarts += record.ends;
      if (one.last_error.empty()) one.last_error = record.last_error;
      heard();
    };
  };
  auto missing = [heard](const caf::error&) { heard(); };
  if (reloader_ || !reload_record_.last_error.empty()) {
    observe::actor_snapshot& one = tree->children.emplace_back();
    one.kind = one.name = "reload";
    one.state = reloader_ ? "running" : "not needed";
    one.restarts = reload_record_.ends;
    one.last_error = reload_record_.last_error;
  }
  if (*left == 0) heard();
  if (parts_.listener)
    request(parts_.listener, 2s, describe_query{}).then(add(listener_record_), missing);
  for (auto& l : parts_.more_listeners)
    request(l.handle, 2s, describe_query{}).then(add(l.record), missing);
  for (auto& hub : parts_.hubs) request(hub, 2s, describe_query{}).then(add({}), missing);
  if (signals_) request(signals_, 2s, describe_query{}).then(add(signals_record_), missing);
  return promise;
}

} // namespace troupe
