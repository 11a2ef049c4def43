#include "actors/session/client_hub.hpp"

#include <caf/actor_cast.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "actors/observe/logger.hpp"
#include "actors/reactor/own_thread.hpp"
#include "actors/routing/exchange.hpp"
#include "actors/session/client_connection.hpp"
#include "protocol/client/go_quote.hpp"

namespace troupe {

accepted_socket::~accepted_socket() {
  if (fd >= 0) ::close(fd);
}

namespace {

constexpr size_t helper_restarts = 5;
/// How many sessions are had to obey new rules within a turn, and for how long.
constexpr size_t obey_slice = 256;
constexpr nanos obey_time = std::chrono::microseconds(300);

} // namespace

client_hub::client_hub(caf::actor_config& cfg, std::shared_ptr<node_context> node)
    : pinned(cfg),
      node_(std::move(node)),
      policy_(node_->policy()),
      obey_timer_(obey_timer_fired, this),
      counters_(node_->counters[home().index()]),
      global_(node_->accounts->get(routing::global_account)),
      throttled_timer_(throttled_timer_fired, this),
      started_(steady_now()),
      helpers_budget_(helper_restarts, std::chrono::minutes(1)) {
  set_down_handler([this](caf::down_msg& msg) { on_down(msg); });
  node_->accounts->hear_untaken(home().index(), [this](const auto& m) { tell_untaken(m); });
}

client_hub::behavior_type client_hub::make_behavior() {
  return {
    [this](const accepted_socket_ptr& socket) { adopt(*socket); },
    [this](const node_policy_ptr& policy) { obey(policy); },
    [this](const hold_producer& what) {
      if (client_connection* c = find(what.producer)) c->hold(what.until);
    },
    [this](const release_producer& what) {
      if (client_connection* c = find(what.producer)) c->release();
    },
    [this](const routing::untaken_request& what) {
      if (routing::exchange* e = node_->accounts->exchange_of(home().index()))
        e->give_up_untaken(what.waiting);
      if (client_connection* c = find(what.producer.id)) c->nobody_took(what.subject, what.reply);
    },
    [this](const lame_duck_notice&) {
      for (auto& [id, c] : clients_) c->announce_lame_duck();
    },
    [this](const close_clients& what) { return close_in_order(what); },
    [this](const close_one& what) -> uint64_t {
      client_connection* c = find(what.id);
      if (c) c->close(what.reason);
      return c ? 1 : 0;
    },
    [this](const account_census_ptr& census) {
      once_all_obey([this, census] { count_for(*census); });
    },
    [this](const dismiss_surplus& what) { dismiss_all(what); },
    [this](const routing::measured_answer_ptr& what) {
      publish_measured(*what);
    },
    [this](const lame_duck_one& what) {
      client_connection* c = find(what.id);
      if (!c) return lame_duck_outcome::no_client;
      return c->announce_lame_duck() ? lame_duck_outcome::told : lame_duck_outcome::not_ready;
    },
    [this](const user_query& q) {
      client_connection* c = find(q.id);
      return c ? c->rules() : user_rules_ptr();
    },
    [this](const connections_slice& q) { return report(q); },
    [this](const subs_slice& q) { return report_subs(q); },
    [this](const describe_query&) { return describe(); },
  };
}

void client_hub::on_exit() {
  for (auto& [id, c] : clients_) c->close(closed_reason::server_shutdown);
  for (client_connection* c : upgrading_) c->close(closed_reason::server_shutdown);
  hubs_.clear();
  node_->accounts->close_exchange(home().index());
  if (login_worker_) anon_send_exit(login_worker_, caf::exit_reason::user_shutdown);
  login_worker_ = nullptr;
  if (handshake_worker_) anon_send_exit(handshake_worker_, caf::exit_reason::user_shutdown);
  handshake_worker_ = nullptr;
  if (asker_.handle) {
    asker_.direct->forget();
    anon_send_exit(asker_.handle, caf::exit_reason::user_shutdown);
  }
  asker_ = {};
  throttled_timer_.cancel();
  obey_timer_.cancel();
  // Nobody obeys any more: who waits for it is told.
  for (auto* calls : {&at_turn_end_, &after_obeying_, &after_next_})
    for (auto& call : std::exchange(*calls, {})) call();
}

/// A helper that failed is made anew when it is needed; who waits for it has its own patience.
void client_hub::on_down(const caf::down_msg& msg) {
  helper* who = nullptr;
  if (login_worker_ && msg.source == login_worker_.address()) {
    login_worker_ = nullptr;
    who = &logins_;
  } else if (handshake_worker_ && msg.source == handshake_worker_.address()) {
    handshake_worker_ = nullptr;
    who = &handshakes_;
  } else if (asker_.handle && msg.source == asker_.handle.address()) {
    asker_ = {};
    who = &asking_;
  }
  if (!who) return;
  ++who->ends;
  who->last_error = system().render(msg.reason);
  log::error("Reactor {}: {} failed: {}", home().index(), who->what, who->last_error);
  if (!helpers_budget_.spend(steady_now()))
    quit(caf::make_error(caf::sec::runtime_error,
                         std::string(who->what) + ": " + who->last_error + ", too often"));
}

void client_hub::no_thread_for(helper& one, const std::system_error& why) {
  one.last_error = std::string("no thread: ") + why.what();
  log::error("Reactor {}: {} has no thread: {}", home().index(), one.what, why.what());
}

void client_hub::report_throttled(tls_context_ptr tls) {
  if (throttled_timer_.armed()) return;
  throttled_ = std::move(tls);
  home().timers().arm(throttled_timer_, home().now() + std::chrono::seconds(1));
}

void client_hub::throttled_timer_fired(void* self, nanos) {
  auto& hub = *static_cast<client_hub*>(self);
  const tls_context_ptr tls = std::move(hub.throttled_);
  if (const uint64_t n = tls->rate().take_refused(); n > 0)
    log::warn("Rejected {} connections due to TLS rate limiting", n);
}

routing::account_ptr client_hub::find_account(const std::string& name) const {
  return name == global_->name() ? global_ : node_->accounts->find(name);
}

void client_hub::check_elsewhere(const auth_decision& deferred, client_handle client) {
  auto tell = [client = std::move(client)](auth_decision decision) {
    auto verdict = std::make_shared<const auth_decision>(std::move(decision));
    caf::anon_send(client, std::move(verdict));
  };
  if (deferred.begin) return deferred.begin(std::move(tell));
  auto task = std::make_shared<login_task>();
  task->work = deferred.work;
  task->done = std::move(tell);
  try {
    if (!login_worker_) {
      login_worker_ = spawn_on_thread<caf::monitored>(system(), *this, login_worker, caf::unit);
      logins_.since = steady_now();
    }
  } catch (const std::system_error& e) {
    no_thread_for(logins_, e);
    return task->done(auth_decision::refuse(std::string("no thread to check it on: ") + e.what()));
  }
  caf::anon_send(login_worker_, std::move(task));
}

void client_hub::step_elsewhere(handshake_step step, client_handle client) {
  handshake_task what{std::move(step.run), std::move(client)};
  // A step that waits for web servers must not hold up others.
  if (step.waits_for)
    return step.waits_for->run([what = std::move(what)]() mutable { take_handshake_step(what); });
  try {
    if (!handshake_worker_) {
      handshake_worker_ =
        spawn_on_thread<caf::monitored>(system(), *this, handshake_worker, caf::unit);
      handshakes_.since = steady_now();
    }
  } catch (const std::system_error& e) {
    // It takes well below a millisecond: better here than not at all.
    no_thread_for(handshakes_, e);
    return take_handshake_step(what);
  }
  caf::anon_send(handshake_worker_, std::make_shared<handshake_task>(std::move(what)));
}

void client_hub::ask_service(const service_question& question, client_handle client) {
  const auto tell = [client](auth_decision decision) {
    auto verdict = std::make_shared<const auth_decision>(std::move(decision));
    caf::anon_send(client, std::move(verdict));
  };
  const routing::account_ptr account = find_account(question.account);
  if (!account)
    return tell(auth_decision::refuse("No valid account " + go_quote(question.account)
                                      + " for auth callout request"));
  if (!asker_.handle) {
    asker_ = routing::spawn_internal_client(home(), "auth callout",
                                            client_id{node_->next_client_id.fetch_add(1)});
    monitor(asker_.handle);
    asking_.since = steady_now();
  }
  const routing::internal_publish asked{.subject = question.subject,
                                        .reply = {},
                                        .headers = question.headers,
                                        .body = question.body};
  const auto on_answer = [tell, judge = question.judge,
                          account](const routing::internal_message* m) {
    if (m) {
      auth_decision decision = judge(m->body());
      if (decision.what == auth_decision::outcome::refused) log::warn("{}", decision.why);
      return tell(std::move(decision));
    }
    auto late = auth_decision::refuse("Authorization callout response not received in time on account "
                                      + go_quote(account->name()));
    late.heard_by = account->name();
    tell(std::move(late));
  };
  if (!asker_.direct->request(account, asked, question.within, on_answer))
    tell(auth_decision::refuse("Nobody listens for authorization requests on account "
                               + go_quote(account->name())));
}

/// New sessions have them at once, others before the next operation that they send or in their turn.
void client_hub::obey(const node_policy_ptr& policy) {
  const node_policy_ptr before = std::exchange(policy_, policy);
  ++policy_number_;
  for (const routing::account_ptr& account : node_->accounts->all())
    account->refresh(home().index());
  for (client_connection* c : upgrading_) c->obey(*policy_);
  obeying_.want();
  once_all_obey([before] {});  // until then some use it
  if (!obey_timer_.armed()) have_some_obey();
}

void client_hub::once_all_obey(std::function<void()> then) {
  if (!obeying_.under_way()) return call_at_turn_end({std::move(then)});
  (obeying_.again() ? after_next_ : after_obeying_).push_back(std::move(then));
}

void client_hub::have_some_obey() {
  const nanos until = steady_now() + obey_time;
  size_t left = obey_slice;
  const bool over = obeying_.go_on(clients_, [&](client_connection* c) {
    if (!c->obeys()) c->obey(*policy_);
    return --left > 0 && steady_now() < until;
  });
  if (over) call_at_turn_end(std::exchange(after_obeying_, std::exchange(after_next_, {})));
  if (obeying_.under_way()) home().timers().arm(obey_timer_, home().now());
}

void client_hub::call_at_turn_end(std::vector<std::function<void()>> calls) {
  std::move(calls.begin(), calls.end(), std::back_inserter(at_turn_end_));
  if (queued || at_turn_end_.empty()) return;
  until_called_ = caf::strong_actor_ptr(ctrl());
  home().flush_later(*this);
}

/// Flushes come behind the interest of their turn.
void client_hub::at_turn_end() {
  const caf::strong_actor_ptr until_done = std::move(until_called_);
  until_called_ = nullptr;
  for (auto& call : std::exchange(at_turn_end_, {})) call();
}

void client_hub::obey_timer_fired(void* self, nanos) { static_cast<client_hub*>(self)->have_some_obey(); }

void client_hub::publish_measured(routing::measured_answer& what) {
  if (const client_connection* responder = find(what.responder.id)) {
    routing::requester_text who = responder->describe_requester({true, true, {}});
    what.latency.responder = std::move(who.json);
    what.latency.responder_rtt = who.rtt;
  }
  const std::string event = routing::latency_event(
    what.latency, nuid().next(), observe::wall_now().time_since_epoch().count());
  routing::message m;
  m.subject = what.latency.subject;
  m.payload = event;
  what.exporter->shard(home().index()).publish(m, nullptr);
}

void client_hub::adopt(accepted_socket& socket) {
  const bool upgrades = socket.kind == listener_kind::websocket;
  const client_id id{upgrades ? 0 : node_->next_client_id.fetch_add(1)};
  constexpr auto options = caf::lazy_init + caf::hidden;
  auto handle = spawn_pinned<client_connection, options>(home(), *this, socket, id);
  auto* c = static_cast<client_connection*>(caf::actor_cast<caf::abstract_actor*>(handle));
  node_->open_clients.fetch_add(1);
  bool room = true;
  if (upgrades) upgrading_.insert(c);
  else room = count(*c);
  try {
    c->start(!room);  // from here on the reactor's slot keeps it alive
  } catch (const std::exception& e) {
    log::error("Client connection from {}:{} refused: {}", socket.ip, socket.port, e.what());
    forget(*c, !upgrades);
  }
}

/// False: there are more than allowed.
bool client_hub::count(client_connection& c) {
  clients_.emplace_hint(clients_.end(), value(c.id()), &c);
  counters_->connection_opened();
  const int64_t sessions = node_->sessions.fetch_add(1) + 1;
  return sessions <= policy_->max_connections;
}

bool client_hub::join(client_connection& c) {
  upgrading_.erase(&c);
  c.number(client_id{node_->next_client_id.fetch_add(1)});
  return count(c);
}

void client_hub::forget(client_connection& c, bool counted) {
  node_->open_clients.fetch_sub(1);
  if (!counted) {
    upgrading_.erase(&c);
    return;
  }
  clients_.erase(value(c.id()));
  counters_->connection_closed();
  node_->sessions.fetch_sub(1);
}

void client_hub::remove(client_connection& c, observe::connection_snapshot last_words,
                        bool joined) {
  forget(c, joined);
  if (!joined) return;
  if (node_->events) node_->events->disconnected(last_words);
  const uint64_t kept = node_->closed_kept;
  if (kept == 0) return;
  const uint64_t number = node_->closed.fetch_add(1);
  while (!closed_.empty() && number - closed_.front().number >= kept) {
    closed_.pop_front();
    ++closed_forgotten_;
  }
  closed_.push_back({number, std::make_shared<const observe::connection_snapshot>(std::move(last_words))});
}

client_connection* client_hub::find(client_id id) const {
  auto it = clients_.find(value(id));
  return it == clients_.end() ? nullptr : it->second;
}

void client_hub::hold_producer_of(const routing::producer_ref& p, nanos until) {
  if (p.reactor == home().index()) {
    if (client_connection* c = find(p.id)) c->hold(until);
  } else if (p.reactor < hubs_.size()) {
    caf::anon_send(hubs_[p.reactor], hold_producer{p.id, until});
  }
}

void client_hub::release_producer_of(const routing::producer_ref& p) {
  if (p.reactor == home().index()) {
    if (client_connection* c = find(p.id)) c->release();
  } else if (p.reactor < hubs_.size()) {
    caf::anon_send(hubs_[p.reactor], release_producer{p.id});
  }
}

void client_hub::tell_untaken(const routing::untaken_request& what) const {
  if (what.producer.reactor < hubs_.size()) caf::anon_send(hubs_[what.producer.reactor], what);
}

/// Who has to go because of new rules goes first.
caf::result<uint64_t> client_hub::close_in_order(const close_clients& what) {
  auto promise = make_response_promise<uint64_t>();
  once_all_obey([this, what, promise]() mutable { promise.deliver(close_some(what)); });
  return promise;
}

uint64_t client_hub::close_some(const close_clients& what) {
  std::vector<client_connection*> order;
  for (auto& [id, c] : clients_)
    if (!c->closing()) order.push_back(c);
  if (what.at_most == close_clients{}.at_most)
    for (client_connection* c : upgrading_) c->close(what.reason);
  const bool full = what.reason == closed_reason::max_connections_exceeded;
  if (full) std::reverse(order.begin(), order.end());
  if (order.size() > what.at_most) order.resize(what.at_most);
  for (client_connection* c : order)
    full ? c->dismiss(err_text::max_connections, what.reason) : c->close(what.reason);
  return order.size();
}

void close_surplus(const std::vector<hub_handle>& hubs, const routing::account_ptr& account) {
  const int64_t most = account->rules()->limits.max_connections;
  if (most < 0 || account->connections() <= most) return;
  const auto census = std::make_shared<account_census>(account, hubs.size());
  for (const hub_handle& hub : hubs) caf::anon_send(hub, census);
}

/// A hub closes nobody, and says so, before all its sessions obey.
void wait_until_obeyed(const std::vector<hub_handle>& hubs) {
  if (hubs.empty()) return;
  caf::scoped_actor self(hubs.front()->home_system());
  for (const hub_handle& hub : hubs)
    self->request(hub, hub_patience, close_clients{0})
      .receive([](uint64_t) {}, [](const caf::error&) {
        log::warn("Some clients may not have the new rules yet");
      });
}

void client_hub::count_for(account_census& census) {
  std::vector<client_id> members;
  for (auto& [id, c] : clients_)
    if (c->is_in(*census.account()) && !c->closing()) members.push_back(c->id());
  if (!census.add(members)) return;
  const auto from = census.surplus_from();
  if (!from) return;
  for (const hub_handle& hub : hubs_) caf::anon_send(hub, dismiss_surplus{census.account(), *from});
}

void client_hub::dismiss_all(const dismiss_surplus& what) {
  std::vector<client_connection*> surplus;
  for (auto& [id, c] : clients_)
    if (c->is_in(*what.account) && c->id() >= what.from) surplus.push_back(c);
  for (client_connection* c : surplus)
    c->dismiss(err_text::max_account_connections, closed_reason::max_account_connections_exceeded);
}

} // namespace troupe
