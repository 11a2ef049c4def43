// Events, timers, and how requests get to the service's threads.
#include "actors/system/system_service.hpp"

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <utility>

#include "actors/observe/logger.hpp"
#include "actors/reactor/own_thread.hpp"
#include "actors/session/protocol_trace.hpp"
#include "config/feature_flags.hpp"
#include "config/version.hpp"
#include "protocol/headers.hpp"
#include "protocol/rollback.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// How often the connections of an account are told at least; looked at every `tick_every`.
constexpr nanos connections_every = 30s;
constexpr nanos tick_every = 5s;
/// Statistics: soon after the start, then less and less often, and never twice within a second.
constexpr nanos first_statsz = 250ms;
constexpr nanos statsz_every = 10s;
constexpr nanos statsz_apart = 1s;
/// Requests that may wait, and threads that answer them.
constexpr size_t max_waiting = 1024;
constexpr size_t max_workers = 4;

constexpr std::string_view account_auth_error_subject = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";

std::string account_subject(const std::string& account, std::string_view what) {
  return "$SYS.ACCOUNT." + account + "." + std::string(what);
}

// The unit is for CAF, which refers to null when a function has no argument of its own.
system_worker_handle::behavior_type system_worker(system_worker_handle::pointer, caf::unit_t) {
  return {[](const system_job_ptr& job) {
    (*job)();
  }};
}

} // namespace

system_service::system_service(system_parts parts, routing::account_ptr account)
    : parts_(std::move(parts)),
      account_(std::move(account)),
      stats_subject_("$SYS.SERVER." + parts_.server_id + ".STATSZ"),
      started_(observe::wall_now()),
      tick_timer_(tick_fired, this),
      statsz_timer_(statsz_fired, this),
      statsz_every_(first_statsz),
      last_statsz_(-1h) {}

system_service::~system_service() = default;

void system_service::open(std::vector<hub_handle> hubs) {
  hubs_ = std::move(hubs);
  const auto id = client_id{parts_.context->next_client_id.fetch_add(1)};
  client_ = routing::spawn_internal_client(*parts_.home, "system", id);
  subscribe(*client_.direct);
  routing::run_on(client_.handle, [self = shared_from_this()](routing::internal_client&) {
    timer_wheel& timers = self->parts_.home->timers();
    timers.arm(self->tick_timer_, self->parts_.home->now() + tick_every);
    timers.arm(self->statsz_timer_, self->parts_.home->now() + first_statsz);
  });
}

/// On the thread that starts the node, for the reactor that nobody drives yet: who asks first finds it there.
void system_service::subscribe(routing::internal_client& c) {
  c.place().enter();
  const rollback leave([] { reactor::leave(); });
  const auto ask = [this](const routing::internal_message& m) { on_request(m); };
  for (const std::string& filter : system_filters(parts_.server_id)) c.subscribe(account_, filter, {}, ask);
  if (!parts_.claims) return;
  for (const std::string& filter : claims_filters(parts_.claims->keeps())) {
    const bool pack = parse_system_subject(filter, {}).call == system_call::claims_pack;
    if (pack && !parts_.claims->is_full()) continue;
    c.subscribe(account_, filter, pack ? claims_pack_queue : std::string_view(), ask);
  }
}

void system_service::end_client() {
  if (!client_.handle) return;
  routing::run_on(client_.handle, [self = shared_from_this()](routing::internal_client&) {
    self->tick_timer_.cancel();
    self->statsz_timer_.cancel();
  });
  caf::anon_send_exit(client_.handle, caf::exit_reason::user_shutdown);
}

void system_service::close() {
  silent_ = true;
  std::unique_lock lock(jobs_mutex_);
  closed_ = true;
  jobs_.clear();
  none_runs_.wait(lock, [this] { return running_ == 0; });
  for (const system_worker_handle& worker : workers_)
    caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
}

// -- anywhere --------------------------------------------------------------------------------------

server_card system_service::card() const {
  const node_policy_ptr policy = parts_.context->policy();
  const config::server_options& options = *policy->options;
  server_card card;
  card.is.name = policy->info.server_name;
  card.is.host = policy->info.host;
  card.is.tags = options.server_tags;
  card.id = parts_.server_id;
  card.version = std::string(config::compatible_version);
  card.metadata = options.server_metadata;
  card.feature_flags = config::merged_feature_flags(options.feature_flags);
  return card;
}

event_mark system_service::new_event() {
  std::lock_guard lock(mutex_);
  return {event_ids_.next(), observe::wall_now()};
}

void system_service::answer(const std::string& to, std::string payload, content_encoding encoding) {
  std::string headers;
  if (encoding != content_encoding::none) {
    headers = header_builder().add("Content-Encoding", encoding_name(encoding)).finish();
    payload = encode_content(encoding, payload);
  }
  routing::run_on(client_.handle, [self = shared_from_this(), to, headers = std::move(headers),
                                   payload = std::move(payload)](routing::internal_client& c) {
    self->trace_publish(to, payload);
    c.publish(*self->account_, {.subject = to, .reply = {}, .headers = headers, .body = payload});
  });
}

// -- on a session's reactor ------------------------------------------------------------------------

bool system_service::wanted(std::string_view subject) const {
  return account_->shard(reactor::current()->index()).core().has_interest(subject);
}

/// As clients are traced, when trace_verbose asks for it. What may hold a token is not shown.
void system_service::trace_publish(std::string_view subject, std::string_view payload) const {
  const node_policy_ptr policy = parts_.context->policy();
  if (!policy->options->trace_verbose) return;
  const std::string what = std::string(subject) + "  " + std::to_string(payload.size());
  log::trace("SYSTEM - {}", traced_op(trace_in, "PUB", what));
  if (payload.find("eyJ") != std::string_view::npos) payload = "[REDACTED]";
  const std::string shown = traced_payload(trace_in, payload, 0, policy->settings);
  if (!shown.empty()) log::trace("SYSTEM - {}", shown);
}

/// A request of somebody, without its payload, which may be an account's JWT.
void system_service::trace_request(const routing::internal_message& m) const {
  if (!parts_.context->policy()->options->trace_verbose) return;
  log::trace("SYSTEM - {}", traced_op(trace_out, "MSG", m.subject + ' ' + m.reply + ' '
                                                          + std::to_string(m.payload.size())));
}

void system_service::publish_here(routing::account& to, std::string_view subject,
                                  std::string_view payload) {
  // An account's name may have blanks: as a subject it would break the lines of who listens.
  if (std::any_of(subject.begin(), subject.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
    return;
  routing::message m;
  m.subject = subject;
  m.payload = payload;
  m.producer.reactor = reactor::current()->index();
  trace_publish(subject, payload);
  to.shard(m.producer.reactor).publish(m, nullptr);
}

void system_service::connected(const observe::connection_snapshot& client) {
  const std::string subject = account_subject(client.account, "CONNECT");
  if (silent_ || !wanted(subject)) return;
  publish_here(*account_, subject, connect_json(card(), mark(), new_event(), with_tag(client)));
}

observe::connection_snapshot system_service::with_tag(observe::connection_snapshot client) const {
  if (const routing::account_ptr account = parts_.context->accounts->find(client.account))
    client.name_tag = account->name_tag();
  return client;
}

void system_service::disconnected(const observe::connection_snapshot& client) {
  const std::string subject = account_subject(client.account, "DISCONNECT");
  if (silent_ || !wanted(subject)) return;
  event_mark event = new_event();
  if (client.stop) event.at = *client.stop;
  publish_here(*account_, subject,
               disconnect_json(card(), mark(), event, with_tag(client), client.reason));
}

void system_service::refused(const observe::connection_snapshot& client, closed_reason reason,
                             routing::account& account, std::string_view why) {
  if (silent_) return;
  const std::string subject = "$SYS.SERVER." + parts_.server_id + ".CLIENT.AUTH.ERR";
  if (wanted(subject))
    publish_here(*account_, subject, disconnect_json(card(), mark(), new_event(), client, to_text(reason)));
  routing::shard_actor& shard = account.shard(reactor::current()->index());
  if (!shard.core().has_interest(account_auth_error_subject)) return;
  observe::connection_snapshot told = client;
  told.account = account.name();
  publish_here(account, account_auth_error_subject, disconnect_json(card(), mark(), new_event(), told, why));
}

void system_service::peer_link_invalid(const peer_verdict& verdict) {
  const std::string subject = "$SYS.SERVER." + parts_.server_id + ".OCSP.PEER.LINK.INVALID";
  if (silent_ || !wanted(subject)) return;
  publish_here(*account_, subject, peer_link_invalid_json(card(), mark(), new_event(), verdict));
}

void system_service::peer_rejected(const peer_verdict& verdict) {
  const std::string subject = "$SYS.SERVER." + parts_.server_id + ".OCSP.PEER.CONN.REJECT";
  if (silent_ || !wanted(subject)) return;
  publish_here(*account_, subject, peer_rejected_json(card(), mark(), new_event(), verdict));
}

void system_service::peer_judged_elsewhere(peer_verdict_ptr verdict) {
  routing::run_on(client_.handle,
                  [self = shared_from_this(), verdict = std::move(verdict)](routing::internal_client&) {
                    self->peer_judged(*verdict);
                  });
}

void system_service::account_changed(routing::account& account) {
  // As the NATS server: the global account's connections are nobody's bill.
  if (silent_ || account.name() == routing::global_account) return;
  {
    std::lock_guard lock(mutex_);
    if (account.connections() == 0) told_.erase(account.name());
    else told_[account.name()] = reactor::current()->now();
  }
  tell_account(account);
}

void system_service::tell_account(routing::account& account) {
  const std::string now = account_subject(account.name(), "SERVER.CONNS");
  const std::string before = "$SYS.SERVER.ACCOUNT." + account.name() + ".CONNS";
  const bool want_now = wanted(now), want_before = wanted(before);
  if (!want_now && !want_before) return;
  const event_mark event = new_event();
  const observe::account_snapshot snapshot = account.snapshot();
  if (want_before)
    publish_here(*account_, before, account_connections_json(card(), mark(), event, snapshot));
  if (want_now)
    publish_here(*account_, now, account_connections_json(card(), mark(), event, snapshot));
}

// -- the end ---------------------------------------------------------------------------------------

void system_service::announce_lame_duck() {
  routing::run_on(client_.handle, [self = shared_from_this()](routing::internal_client&) {
    self->publish_here(*self->account_, "$SYS.SERVER." + self->parts_.server_id + ".LAMEDUCK",
                       server_info_json(self->card(), self->mark()));
  });
}

void system_service::announce_shutdown(std::function<void()> done) {
  routing::run_on(client_.handle, [self = shared_from_this(),
                                   done = std::move(done)](routing::internal_client&) {
    self->publish_here(*self->account_, "$SYS.SERVER." + self->parts_.server_id + ".SHUTDOWN",
                       server_info_json(self->card(), self->mark()));
    self->silent_ = true;
    self->after_publish_.push_back(done);
    self->parts_.home->flush_later(*self);
  });
}

void system_service::at_turn_end() {
  // Batches have left: what is sent from here comes behind them.
  for (auto& done : std::exchange(after_publish_, {})) done();
}

// -- reactor 0 -------------------------------------------------------------------------------------

void system_service::tick_fired(void* self, nanos now) {
  static_cast<system_service*>(self)->on_tick(now);
}

void system_service::on_tick(nanos now) {
  if (silent_) return;
  std::vector<std::string> due;
  {
    std::lock_guard lock(mutex_);
    for (auto& [name, at] : told_)
      if (now - at >= connections_every) {
        due.push_back(name);
        at = now;
      }
  }
  for (const std::string& name : due)
    if (routing::account_ptr account = parts_.context->accounts->find(name)) tell_account(*account);
  parts_.home->timers().arm(tick_timer_, now + tick_every);
}

void system_service::statsz_fired(void* self, nanos now) {
  auto& s = *static_cast<system_service*>(self);
  s.statsz_every_ = std::min(s.statsz_every_ * 2, statsz_every);
  s.parts_.home->timers().arm(s.statsz_timer_, now + s.statsz_every_);
  s.on_statsz(now);
}

void system_service::on_statsz(nanos now) {
  // Who was told that this server leaves must not hear that it is there.
  if (silent_ || parts_.context->lame_duck.load()) return;
  if (!wanted(stats_subject_)) return;
  const nanos apart = std::min(statsz_apart, statsz_every_);
  if (now - last_statsz_ < apart) {
    parts_.home->timers().arm(statsz_timer_, last_statsz_ + apart);
    return;
  }
  last_statsz_ = now;
  do_elsewhere([this] { send_statsz(stats_subject_); });
}

observe::queue_snapshot system_service::requests() {
  std::lock_guard lock(jobs_mutex_);
  return {"System recvQ", jobs_.size(), running_};
}

bool system_service::do_elsewhere(std::function<void()> job) {
  std::lock_guard lock(jobs_mutex_);
  if (closed_) return true;  // nobody waits for it any more
  if (jobs_.size() >= max_waiting) return false;
  jobs_.push_back(std::move(job));
  if (!idle_workers_.empty()) {
    const size_t index = idle_workers_.back();
    idle_workers_.pop_back();
    wake_worker(index);
  } else if (workers_.size() < max_workers && !add_worker()) {
    jobs_.pop_back();
    return false;
  }
  return true;
}

/// False: there is no thread for it, and none that will see to what waits.
bool system_service::add_worker() {
  try {
    workers_.push_back(spawn_on_thread(*parts_.system, *parts_.system, system_worker, caf::unit));
  } catch (const std::system_error& e) {
    log::error("System account: no thread for requests: {}", e.what());
    return !workers_.empty();
  }
  wake_worker(workers_.size() - 1);
  return true;
}

void system_service::wake_worker(size_t index) {
  auto task = std::make_shared<const std::function<void()>>(
    [self = shared_from_this(), index] { self->work_off(index); });
  caf::anon_send(workers_[index], std::move(task));
}

void system_service::work_off(size_t index) {
  std::unique_lock lock(jobs_mutex_);
  while (!closed_ && !jobs_.empty()) {
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    try {
      job();
    } catch (const std::exception& e) {
      log::error("System account: a request failed: {}", e.what());
    } catch (...) {
      log::error("System account: a request failed");
    }
    job = nullptr;
    lock.lock();
    --running_;
  }
  idle_workers_.push_back(index);
  if (running_ == 0) none_runs_.notify_all();
}

void system_service::on_request(const routing::internal_message& m) {
  trace_request(m);
  const system_subject what = parse_system_subject(m.subject, parts_.server_id);
  if (what.call == system_call::none || silent_) return;
  if (what.call == system_call::idz) {
    if (!m.reply.empty()) answer(m.reply, server_id_json(card()));
    return;
  }
  if (m.reply.empty()) {
    // Without a reply the statistics go to where they always go, at once.
    if (what.call == system_call::statsz) last_statsz_ = parts_.home->now();
    else if (what.call != system_call::claims_update && what.call != system_call::claims_delete) return;
  }
  work w;
  w.what = what;
  w.account = std::string(what.account);
  w.what.account = {};
  w.reply = m.reply.empty() && what.call == system_call::statsz ? stats_subject_ : m.reply;
  w.body = std::string(m.body());
  w.requester = m.producer;
  if (auto value = find_header(m.headers(), "Accept-Encoding")) w.encoding = accepted_encoding(*value);
  if (auto value = find_header(m.headers(), "Nats-Request-Info")) w.client_info = std::string(*value);
  const std::string reply_to = m.reply;
  if (!do_elsewhere([this, w = std::move(w)]() mutable { serve(w); }) && !reply_to.empty())
    answer(reply_to, refusal_json(card(), mark(), 503, "too many system requests are waiting, or there is "
                                                       "no thread for them"));
}

} // namespace troupe
