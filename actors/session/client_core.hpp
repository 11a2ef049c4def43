// A client's side of the protocol: what a session says and does for each operation, and when.
//
// Pure: bytes and time come in, calls on `client_port` go out. No CAF, no socket, no clock, so the
// whole protocol runs under virtual time in tests. One per client connection, on its reactor.
//
// Life: greet() -> on_bytes()* / on_deadline()* -> closed. After port.close() was called the core
// does nothing more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/routing/subscription.hpp"
#include "actors/session/session_settings.hpp"
#include "actors/session/sid_table.hpp"
#include "protocol/client/connect.hpp"
#include "protocol/client/error_text.hpp"
#include "protocol/client/parser.hpp"
#include "protocol/ids.hpp"

namespace troupe {

/// How an authentication attempt ended, or that it goes on elsewhere.
struct auth_outcome {
  bool ok = false;
  bool pending = false;  // the answer comes with `login_done`
  closed_reason reason = closed_reason::authentication_failure;
  std::string_view err = err_text::authorization_violation;  // not ok: what the client reads
  /// Not ok: the account whose owner hears `why`; empty: the one where the session stands hears the reason.
  std::string heard_by{}, why{};
};

/// Bounds of one session besides the node's; the narrower count.
struct session_bounds {
  int64_t max_payload = no_limit;
  int64_t max_subscriptions = no_limit;
};

/// What a client session needs from its surroundings.
class client_port {
public:
  /// Queues protocol bytes for the client.
  virtual void send(std::string_view bytes) = 0;
  /// Ends the connection once what is queued has been flushed.
  virtual void close(closed_reason reason) = 0;
  /// What an earlier CONNECT of this session told and a further one need not repeat.
  virtual void remember(connect_options&) {}
  /// Adds to what CONNECT said what is known from elsewhere.
  virtual void complete(connect_options&) {}
  /// Checks who it is and binds the session to an account. `first` is false for a second CONNECT: one without any
  /// credentials changes nothing about who it is.
  /// Where the answer takes time it is `pending`, and nothing more is read until `login_done`.
  virtual auth_outcome authenticate(const connect_options& who, bool first) = 0;
  /// The INFO line that follows the first PING.
  virtual std::string connect_info() = 0;
  /// Routes a message; whether anyone was there to take it.
  virtual bool publish(const op& pub) = 0;
  /// Where a published subject really goes, if not there; empty: nowhere. Asked while `map(true)`.
  virtual std::optional<std::string> map_subject(std::string_view subject) = 0;
  /// A message asks for a trace. False: it must not be handled any further.
  virtual bool begin_trace(const op& pub) = 0;
  /// Only between those two: what happens to it before it is published.
  virtual void trace_mapped(std::string_view to) = 0;
  virtual void trace_refused(std::string_view err) = 0;
  virtual void end_trace() = 0;
  /// nullptr: the subject is no valid filter.
  virtual routing::subscription* subscribe(std::string_view subject, std::string_view queue,
                                           std::string_view sid) = 0;
  virtual void unsubscribe(routing::subscription& sub) = 0;
  virtual void unsubscribe_all(std::span<routing::subscription* const> subs) = 0;
  /// Whether `sub`'s filter matches `literal`.
  virtual bool matches(const routing::subscription& sub, std::string_view literal) = 0;
  /// Asked only while `restrict(true)` is set.
  virtual bool may_publish(std::string_view subject) = 0;
  virtual bool may_subscribe(std::string_view subject, std::string_view queue) = 0;
  /// A CONNECT was accepted: names of the client may be shown from now on.
  virtual void connected(const connect_options& who) = 0;
  virtual void log_error(std::string_view text) = 0;
  virtual void log_debug(std::string_view text) = 0;
  /// A login was refused: for the log, whom it named.
  virtual void log_refused(const connect_options& who) = 0;
  /// The same, for whoever watches the server; the session ends.
  virtual void refused(const connect_options&, const auth_outcome&) {}
  /// A line of the protocol trace. Only called while this session is traced.
  virtual void trace(std::string_view line) = 0;
  /// A number in [0, bound), for jitter.
  virtual uint64_t random(uint64_t bound) = 0;

protected:
  ~client_port() = default;
};

/// Why a subscription is removed decides what the client core must still do.
class client_core {
public:
  client_core(client_port& port, const session_settings* settings, nanos now);

  /// The connection is up and INFO is queued: arms the first deadlines.
  void greet(nanos now);
  /// Takes as many whole operations from the front of `in` as there are; returns the bytes used.
  /// `needed()` then says how long the operation at the front of the rest is, if that is known.
  size_t on_bytes(std::string_view in, nanos now);
  size_t needed() const { return needed_; }
  /// The next moment at which on_deadline has something to do.
  nanos deadline() const { return std::min({auth_deadline_, ping_deadline_, expiry_deadline_}); }
  void on_deadline(nanos now);

  /// The answer to a login that was pending. What came behind it can be read again afterwards.
  void login_done(const auth_outcome& outcome);
  bool login_pending() const { return pending_login_ != nullptr; }
  /// The login ends at the earlier of these moments, and the client is told which it was;
  /// nanos::max(): never.
  void expire_at(nanos user, nanos account) {
    expiry_deadline_ = std::min(user, account);
    account_expires_ = account < user;
  }

  /// The session's subscription reached its bound and was delivered its last message.
  void expired(routing::subscription& sub);
  /// A reload took the permission for it away: tells the client and removes it.
  void withdraw(routing::subscription& sub, std::string_view err);
  /// Ends the session for a reason of the node's.
  void end(std::string_view err, closed_reason reason);
  /// The same for a login that does not count any more; the caller has logged whose.
  void end_login(closed_reason reason);
  /// A reload made a login necessary: whether this client has spoken already, without one.
  bool login_is_overdue(bool necessary) const {
    return necessary && !connect_received_ && auth_deadline_ == nanos::max();
  }
  /// The connection goes down: gives back all subscriptions.
  void shut();
  /// A reload: new limits from now on.
  void use(const session_settings* settings) { settings_ = settings; }
  /// Limits of the user and the account. Ends a session that has reached a number of subscriptions
  /// which was larger before.
  void bound(const session_bounds& bounds);
  /// Where a user or account may have no subscription at all, its sessions end as soon as they are logged in, as in the
  /// NATS server. Done at a login; to be called after other changes.
  void end_if_barred();
  int64_t max_payload() const {
    return narrower_limit(bounds_.max_payload, settings_->max_payload);
  }

  /// Whether the protocol of this session is logged.
  void trace(bool on) { traced_ = on; }
  bool traced() const { return traced_; }
  /// Whether the user has permissions that must be asked for.
  void restrict(bool on) { restricted_ = on; }
  /// Whether the account maps subjects.
  void map(bool on) { mapped_ = on; }
  /// Whether it is the system account, which alone may publish to the subjects of Raft groups.
  void in_system_account(bool is) { in_system_account_ = is; }
  bool echo() const { return echo_; }
  bool wants_no_responders() const { return no_responders_; }
  /// A request of this session that another reactor was to answer found nobody there.
  void nobody_took(std::string_view subject, std::string_view reply) {
    if (no_responders_ && !closed_) answer_no_responders(subject, reply);
  }
  bool headers() const { return headers_; }
  bool connect_received() const { return connect_received_; }
  /// Whether the client understands an INFO after the first one.
  bool takes_async_info() const { return connect_received_ && async_info_ && first_pong_sent_; }
  nanos rtt() const { return rtt_; }
  nanos last_activity() const { return last_activity_; }
  const sid_table& subscriptions() const { return subs_; }
  uint64_t in_msgs() const { return in_msgs_; }
  uint64_t in_bytes() const { return in_bytes_; }
  int64_t pings_out() const { return pings_out_; }

private:
  /// A CONNECT, or a first operation of a client without one, that waits for its answer.
  struct waiting_login {
    connect_options who;
    bool implicit = false;
  };

  bool awaiting_auth() const { return settings_->auth_required && !connect_received_; }
  void handle(const op& o, nanos now);
  void on_connect(std::string_view json, nanos now);
  void login_without_connect();
  void finish_connect(const connect_options& who, const auth_outcome& outcome);
  int64_t max_subscriptions() const {
    const int64_t of_node = settings_->max_subscriptions;
    return narrower_limit(bounds_.max_subscriptions, of_node > 0 ? of_node : no_limit);
  }
  bool has_all_subscriptions() const {
    const int64_t most = max_subscriptions();
    return most >= 0 && static_cast<int64_t>(subs_.size()) >= most;
  }
  void on_pub(const op& o);
  void on_mapped_pub(const op& o);
  void map_and_publish(const op& o);
  void refuse_publish(std::string_view err);
  void publish(const op& o);
  void on_sub(const op& o);
  void on_unsub(const op& o);
  void on_ping(nanos now);
  void on_pong(nanos now);
  void on_info(std::string_view json);
  /// What the log says of a violation, which stands at the front of `in`.
  std::string told_of(const op& o, std::string_view in) const;
  void on_violation(const op& o, std::string_view in);
  void answer_no_responders(std::string_view subject, std::string_view reply);
  void auth_violation(const auth_outcome& outcome = {}, const connect_options& who = {});
  /// Tells the client and ends it; `fail` is the log's error, `run_out` what only time brought.
  void finish(std::string_view err, closed_reason reason);
  void fail(std::string_view err, closed_reason reason);
  void run_out(std::string_view err, closed_reason reason);
  void send_err(std::string_view text);
  void arm_first_ping(nanos now);
  void on_ping_deadline(nanos now);
  void send_ok();
  void trace_op(const op& o);
  void trace_gone(const routing::subscription& sub);

  client_port& port_;
  const session_settings* settings_;
  parser_limits limits_;
  sid_table subs_;

  nanos start_;
  nanos auth_deadline_ = nanos::max();
  nanos ping_deadline_ = nanos::max();
  nanos expiry_deadline_ = nanos::max();
  bool account_expires_ = false;  // it is the account that ends then
  session_bounds bounds_;
  std::unique_ptr<const waiting_login> pending_login_;
  nanos last_in_;        // client data or PING
  nanos last_activity_;  // as shown in monitoring
  nanos rtt_start_ = std::chrono::hours(-24);  // long ago, even on a machine just booted
  nanos rtt_{};
  size_t needed_ = 0;
  uint64_t in_msgs_ = 0;
  uint64_t in_bytes_ = 0;
  uint32_t pings_out_ = 0;

  bool connect_received_ = false;
  bool first_pong_sent_ = false;
  bool async_info_ = false;
  bool closed_ = false;
  bool restricted_ = false;
  bool in_system_account_ = false;
  bool mapped_ = false;
  bool in_trace_ = false;  // the message at hand is traced
  bool traced_ = false;
  bool full_is_logged_ = false;  // that it may have no more subscriptions
  bool verbose_ = true;
  bool pedantic_ = true;
  bool echo_ = true;
  bool headers_ = false;
  bool wants_headers_ = false;  // said in CONNECT, whether or not the server allows it
  bool no_responders_ = false;
};

} // namespace troupe
