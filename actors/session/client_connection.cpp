// The life of a connection: its start, its timers, its end.
#include "actors/session/client_connection.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <exception>

#include "actors/observe/logger.hpp"
#include "actors/session/client_hub.hpp"
#include "actors/session/websocket_stage.hpp"
#include "protocol/client/encoder.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr nanos linger_time = 1s;
/// A closed connection keeps its list of subscriptions for /connz up to so many.
constexpr size_t closed_subs_kept = 100;

bool flushes_before_close(closed_reason reason) {
  switch (reason) {
    case closed_reason::slow_consumer_pending_bytes:
    case closed_reason::slow_consumer_write_deadline:
    case closed_reason::write_error:
    case closed_reason::read_error: return false;
    default: return true;
  }
}

} // namespace

client_connection::client_connection(caf::actor_config& cfg, client_hub& hub,
                                     accepted_socket& socket, client_id id)
    : pinned(cfg),
      hub_(hub),
      hub_ref_(hub.ctrl()),
      id_(id),
      transport_(make_tcp_transport(socket.take_fd())),
      account_(hub.global_account()),
      shard_(&account_->shard(home().index())),
      core_(*this, &hub.policy().settings_of(socket.kind), home().now()),
      gate_(hub.policy().settings.max_pending),
      core_timer_(core_timer_fired, this),
      flow_timer_(flow_timer_fired, this),
      start_time_(observe::wall_now()),
      ip_(socket.ip),
      port_(socket.port),
      obeyed_(hub.policy_number()),
      kind_(socket.kind),
      counted_(kind_ != listener_kind::websocket) {
  if (counted_) account_->enter();
  follow_account();
}

client_connection::~client_connection() {
  if (counted_) account_->leave();
}

client_connection::behavior_type client_connection::make_behavior() {
  return {
    [this](const login_verdict_ptr& verdict) {
      on_verdict(*verdict);
    },
    [this](step_done) {
      if (state_ == state::closed) return;  // the reactor must not keep what is about to go
      // It goes on at the end of the turn: a message of ours must not resume others (see
      // reactor::drain_inbound), and what came behind the handshake is read at once.
      step_ended_ = true;
      home().flush_later(*this);
    },
    [this](const close_one& what) { close(what.reason); },
    [this](const describe_query&) {
      auto answer = std::make_shared<observe::actor_snapshot>();
      answer->kind = "client";
      answer->name = label();
      answer->state = state_ == state::open ? "running" : "stopping";
      answer->uptime = observe::wall_now() - start_time_;
      return answer;
    },
  };
}

bool client_connection::still_through_trusted_proxy(const node_policy& policy) const {
  if (!profile_ || profile_->proxy_key.empty()) return true;
  const std::vector<std::string>& keys = policy.options->trusted_proxies;
  return std::find(keys.begin(), keys.end(), profile_->proxy_key) != keys.end();
}

bool client_connection::obeys() const { return obeyed_ == hub_.policy_number(); }

void client_connection::obey(const node_policy& policy) {
  obeyed_ = hub_.policy_number();
  core_.use(&policy.settings_of(kind_));
  choose_trace();
  if (state_ != state::open) return;
  if (!still_pinned(policy)) return close(closed_reason::tls_handshake_failure);
  if (!still_through_trusted_proxy(policy))
    return core_.end(err_text::authorization_violation, closed_reason::proxy_not_trusted);
  renew_rules(policy.auth_of(kind_));
  apply_bounds();
  core_.end_if_barred();
  follow_account();
}

// -- timers ----------------------------------------------------------------------------------------

void client_connection::arm_core_timer() {
  armed_for_ = core_.deadline();
  if (armed_for_ != nanos::max()) home().timers().arm(core_timer_, armed_for_);
}

void client_connection::core_timer_fired(void* self, nanos now) {
  auto& c = *static_cast<client_connection*>(self);
  c.contained([&] { c.on_core_timer(now); });
}

void client_connection::on_core_timer(nanos now) {
  if (state_ != state::open) return;
  if (core_.deadline() <= now) core_.on_deadline(now);
  if (state_ == state::open) arm_core_timer();
}

void client_connection::arm_flow_timer() {
  nanos next = nanos::max();
  if (blocked_) next = write_deadline_.due(hub_.policy().settings.write_deadline);
  if (hold_until_ != nanos::zero()) next = std::min(next, hold_until_);
  if (!held_.empty()) next = std::min(next, release_at_);
  if (state_ == state::lingering) next = linger_until_;
  if (opening_) next = opening_->deadline();
  // What waits in the stages below is read as soon as reading is allowed again.
  if (reads() && transport_->has_input()) next = home().now();
  if (next != nanos::max()) home().timers().arm(flow_timer_, next);
}

void client_connection::flow_timer_fired(void* self, nanos now) {
  auto& c = *static_cast<client_connection*>(self);
  c.contained([&] { c.on_flow_timer(now); });
}

void client_connection::on_flow_timer(nanos now) {
  if (state_ == state::lingering) return teardown();
  if (state_ == state::opening) return on_opening_deadline(now);
  if (state_ != state::open) return;
  if (hold_until_ != nanos::zero() && hold_until_ <= now) release();
  if (!held_.empty() && release_at_ <= now) {
    gate_.on_hold_expired();
    release_producers();
  }
  if (blocked_) on_write_deadline(now);
  if (state_ != state::open) return;
  if (reads() && transport_->has_input()) on_io(EPOLLIN);
  if (state_ == state::open) arm_flow_timer();
}

// -- the end ---------------------------------------------------------------------------------------

void client_connection::at_turn_end() {
  if (state_ == state::closing) return end_turn();
  contained([this] { end_turn(); });
}

void client_connection::fail(const char* what) {
  log_error(std::string("internal failure: ") + what);
  // Its subscriptions have gone already: the rest of the end is not tried again.
  if (state_ == state::lingering) return teardown();
  close(closed_reason::protocol_violation);
}

void client_connection::end_turn() {
  if (state_ <= state::open) {
    if (has_verdict_) resume_input();
    if (std::exchange(step_ended_, false)) {
      step_elsewhere_ = false;
      on_io(0);
    }
    flush();
    if (state_ <= state::open) return;
  }
  if (state_ == state::closing) {
    // If this fails the shard may still know it: nobody contains that but the end of the node.
    const bool few = core_.subscriptions().size() <= closed_subs_kept;
    last_words_ = std::make_unique<observe::connection_snapshot>(snapshot(few));
    core_.shut();
    release_producers();
    opening_.reset();
    state_ = state::lingering;
    linger_until_ = home().now() + linger_time;
    home().timers().arm(flow_timer_, linger_until_);
    // The interest that ends with it leaves first: whoever sees the end may rely on that.
    return home().flush_later(*this);
  }
  if (state_ == state::lingering) {
    if (flushes_before_close(reason_)) flush();
    if (drained() || !flushes_before_close(reason_)) teardown();
  }
}

void client_connection::close(closed_reason reason) {
  if (state_ > state::open) return;
  state_ = state::closing;
  reason_ = reason;
  if (reason == closed_reason::stale_connection) hub_.counters().stale_connections.clients.add(1);
  home().flush_later(*this);
}

bool client_connection::drained() {
  if (!out_.empty()) return false;
  if (stages_up_)
    if (websocket_stage* ws = transport_->websocket())
      ws->say_goodbye(close_code_of(reason_), to_text(reason_));
  return transport_->wants() == 0;
}

void client_connection::teardown() {
  if (state_ == state::closed) return;
  state_ = state::closed;
  log::debug("{} - Client connection closed: {}", label(), to_text(reason_));
  observe::connection_snapshot last = last_words_ ? std::move(*last_words_) : snapshot(false);
  last.out_msgs = static_cast<int64_t>(out_msgs_);
  last.out_bytes = static_cast<int64_t>(out_bytes_);
  last.stop = observe::wall_now();
  last.reason = std::string(to_text(reason_));
  if (std::exchange(counted_, false)) {
    account_->leave();
    try {
      if (session_events* events = hub_.node().events.get()) events->account_changed(*account_);
    } catch (const std::exception& e) { // the rest of the end must come
      log_error(std::string("internal failure: ") + e.what());
    }
  }
  core_timer_.cancel();
  flow_timer_.cancel();
  home().stop_waiting(*this);
  out_.clear();
  partial_.reset();
  home().unwatch(std::exchange(slot_, UINT32_MAX));
  // Counted no more before its socket closes: whoever sees the end may rely on that. As in the Go
  // server, who asked for no upgrade was no client.
  hub_.remove(*this, std::move(last), opened_ || kind_ != listener_kind::websocket);
  transport_->close();
}

} // namespace troupe
