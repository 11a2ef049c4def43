#include "actors/session/client_core.hpp"

#include <algorithm>
#include <utility>

#include "actors/routing/message_trace.hpp"
#include "actors/session/protocol_trace.hpp"
#include "protocol/client/encoder.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/subject/subject.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr nanos first_ping_delay = 2s;
constexpr nanos rtt_valid_for = 1h;
constexpr std::string_view reserved_queue = "_sys_";
constexpr std::string_view gateway_reply_prefix = "_GR_.";
constexpr std::string_view old_gateway_reply_prefix = "$GR.";
constexpr std::string_view raft_prefix = "$NRG.";
constexpr std::string_view reserved_reply_prefixes[] = {"_R_.", "$JS.", "_GR_.", "$GR."};

bool is_reserved_reply(std::string_view reply) {
  return std::any_of(std::begin(reserved_reply_prefixes), std::end(reserved_reply_prefixes),
                     [&](std::string_view p) { return reply.starts_with(p); });
}

/// A refused SUB, as the log names it.
std::string described(const op& sub) {
  std::string out = "Subject " + go_quote(sub.subject);
  if (!sub.queue.empty()) out += ", Queue: " + go_quote(sub.queue);
  return out + ", SID " + std::string(sub.sid);
}

} // namespace

client_core::client_core(client_port& port, const session_settings* settings, nanos now)
    : port_(port), settings_(settings), start_(now), last_in_(now), last_activity_(now) {
  limits_.kind = connection_kind::client;
  limits_.headers = false;
}

void client_core::greet(nanos now) {
  if (settings_->auth_required) auth_deadline_ = now + settings_->auth_timeout;
  arm_first_ping(now);
}

void client_core::arm_first_ping(nanos now) {
  nanos d = std::min(settings_->ping_interval, first_ping_delay);
  auto spread = static_cast<uint64_t>(std::max<int64_t>(d.count() / 5, 1));
  ping_deadline_ = now + d + nanos(static_cast<int64_t>(port_.random(spread)));
}

size_t client_core::on_bytes(std::string_view in, nanos now) {
  limits_.max_control_line = settings_->max_control_line;
  limits_.max_payload = max_payload();
  size_t used = 0;
  bool active = false;
  op o;
  needed_ = 0;
  while (!closed_ && !pending_login_ && used < in.size()) {
    std::string_view rest = in.substr(used);
    if (awaiting_auth() && (rest[0] | 0x20) != 'c') {
      login_without_connect();
      continue;
    }
    next_op(rest, limits_, o);
    if (o.kind == op_kind::need_more) {
      needed_ = o.needed;
      break;
    }
    if (o.kind == op_kind::pub) {
      active = true;
      used += o.consumed;
      if (traced_) [[unlikely]] trace_op(o);
      on_pub(o);
      continue;
    }
    used += o.consumed;
    active |= o.kind == op_kind::sub || o.kind == op_kind::unsub;
    if (o.kind == op_kind::violation)
      on_violation(o, rest);
    else
      handle(o, now);
  }
  if (active) last_in_ = last_activity_ = now;
  return used;
}

void client_core::login_without_connect() {
  if (!settings_->has_no_auth_user) return auth_violation();
  connect_received_ = true;
  auth_deadline_ = nanos::max();
  auth_outcome outcome = port_.authenticate({}, true);
  if (outcome.pending)
    pending_login_ = std::make_unique<waiting_login>(waiting_login{{}, true});
  else if (!outcome.ok)
    auth_violation(outcome);
  else
    end_if_barred();
}

void client_core::login_done(const auth_outcome& outcome) {
  auto waiting = std::exchange(pending_login_, nullptr);
  if (!waiting || closed_) return;
  if (!waiting->implicit) return finish_connect(waiting->who, outcome);
  if (!outcome.ok) return auth_violation(outcome);
  end_if_barred();
}

void client_core::handle(const op& o, nanos now) {
  if (traced_) trace_op(o);
  switch (o.kind) {
    case op_kind::sub: return on_sub(o);
    case op_kind::unsub: return on_unsub(o);
    case op_kind::ping: return on_ping(now);
    case op_kind::pong: return on_pong(now);
    case op_kind::connect: return on_connect(o.argument, now);
    case op_kind::err:
      port_.log_error("Client Error " + std::string(o.argument));
      closed_ = true;
      return port_.close(closed_reason::parse_error);
    case op_kind::info: return on_info(o.argument);
    case op_kind::violation:
    case op_kind::ok:
    case op_kind::pub:
    case op_kind::need_more: return;
  }
}

std::string client_core::told_of(const op& o, std::string_view in) const {
  switch (o.error) {
    case violation::payload_too_large: {
      const std::string_view size = o.argument.substr(o.argument.find_last_of(" \t") + 1);
      return "maximum payload exceeded: " + std::string(size) + " vs " + std::to_string(limits_.max_payload);
    }
    case violation::headers_unsupported: return std::string(err_text::headers_not_supported);
    case violation::control_line_too_long: return std::string(err_text::max_control_line);
    default: {
      // JSON is left out: it may be that of a misspelt CONNECT, with a password.
      constexpr size_t shown = 32;
      return "Client parser ERROR: proto='" + go_quote(in.substr(0, std::min(in.find_first_of("\r\n{"), shown)))
             + "...'";
    }
  }
}

void client_core::on_violation(const op& o, std::string_view in) {
  violation_effect effect = effect_of(o.error);
  port_.log_error(told_of(o, in));
  if (!effect.err.empty()) send_err(effect.err);
  closed_ = true;
  port_.close(effect.reason);
}

void client_core::on_info(std::string_view json) {
  // A client has nothing to tell: what it says must be an object and is dropped.
  json_reader reader;
  auto read = reader.read(json);
  if (read && read->is_object()) return;
  port_.log_error("INFO is not a JSON object");
  closed_ = true;
  port_.close(closed_reason::protocol_violation);
}

// -- CONNECT ---------------------------------------------------------------------------------------

void client_core::on_connect(std::string_view json, nanos now) {
  auth_deadline_ = nanos::max();
  last_activity_ = now;
  rtt_ = std::max(now - start_, nanos(1));
  arm_first_ping(now);
  connect_options base;
  base.verbose = verbose_;
  base.pedantic = pedantic_;
  base.echo = echo_;
  base.headers = wants_headers_;
  base.no_responders = no_responders_;
  base.protocol = async_info_ ? 1 : 0;
  if (connect_received_) port_.remember(base);
  auto parsed = parse_connect(json, base);
  if (!parsed) {
    port_.log_error(parsed.error().context);
    closed_ = true;
    return port_.close(closed_reason::protocol_violation);
  }
  connect_options& who = *parsed;
  bool first = !connect_received_;
  connect_received_ = true;
  echo_ = who.echo;
  verbose_ = who.verbose;
  pedantic_ = who.pedantic;
  async_info_ = who.protocol >= 1;
  wants_headers_ = who.headers;
  headers_ = limits_.headers = settings_->headers && who.headers;
  no_responders_ = who.no_responders;
  port_.complete(who);
  if (!settings_->operator_mode) who.jwt.clear();
  if (!first) {
    auto all = subs_.take_all();
    port_.unsubscribe_all(all);
  }
  auth_outcome outcome = port_.authenticate(who, first);
  if (outcome.pending)
    pending_login_ = std::make_unique<waiting_login>(waiting_login{std::move(who)});
  else
    finish_connect(who, outcome);
}

void client_core::finish_connect(const connect_options& who, const auth_outcome& outcome) {
  if (!outcome.ok) return auth_violation(outcome, who);
  if (who.new_account || !who.account.empty()) return auth_violation({}, who);
  port_.connected(who);
  if (who.protocol < 0 || who.protocol > 1)
    return fail(err_text::bad_client_protocol, closed_reason::bad_client_protocol_version);
  if (no_responders_ && !headers_)
    return fail(err_text::no_responders_requires_headers,
                closed_reason::no_responders_requires_headers);
  if (verbose_) send_ok();
  end_if_barred();
}

void client_core::end_if_barred() {
  if (connect_received_ && !pending_login_ && max_subscriptions() == 0)
    end(err_text::max_subscriptions, closed_reason::max_subscriptions_exceeded);
}

void client_core::auth_violation(const auth_outcome& outcome, const connect_options& who) {
  if (outcome.err != err_text::authorization_violation) return fail(outcome.err, outcome.reason);
  port_.log_refused(who);
  port_.refused(who, outcome);
  send_err(outcome.err);
  closed_ = true;
  port_.close(outcome.reason);
}

void client_core::fail(std::string_view err, closed_reason reason) {
  port_.log_error(err);
  finish(err, reason);
}

void client_core::finish(std::string_view err, closed_reason reason) {
  send_err(err);
  closed_ = true;
  port_.close(reason);
}

void client_core::send_ok() {
  if (traced_) port_.trace(traced_op(trace_out, "OK"));
  port_.send(ok_line);
}

void client_core::send_err(std::string_view text) {
  std::string line = err_line(text);
  if (traced_) port_.trace(traced_op(trace_out, "-ERR", text));
  port_.send(line);
}

// -- PUB -------------------------------------------------------------------------------------------

void client_core::on_pub(const op& o) {
  ++in_msgs_;
  in_bytes_ += o.payload.size();
  if (pedantic_ && !is_valid_literal_subject(o.subject)) send_err(err_text::invalid_publish_subject);
  if (o.header_bytes > 0
      && routing::may_ask_for_trace(o.payload.substr(0, static_cast<size_t>(o.header_bytes)))) {
    if (!port_.begin_trace(o)) return;
    in_trace_ = true;
    map_and_publish(o);
    in_trace_ = false;
    return port_.end_trace();
  }
  map_and_publish(o);
}

void client_core::map_and_publish(const op& o) {
  if (mapped_) [[unlikely]]
    return on_mapped_pub(o);
  publish(o);
}

/// As on the Go server, permissions are asked for the subject that the message goes to.
void client_core::on_mapped_pub(const op& o) {
  const auto to = port_.map_subject(o.subject);
  if (!to) return publish(o);
  if (in_trace_) port_.trace_mapped(*to);
  if (to->empty()) {
    if (verbose_) send_ok();
    if (!o.reply.empty() && no_responders_) answer_no_responders(o.subject, o.reply);
    return;
  }
  op mapped = o;
  mapped.subject = *to;
  publish(mapped);
}

void client_core::publish(const op& o) {
  if (o.subject[0] == '_' || o.subject[0] == '$') {
    if (o.subject.starts_with(gateway_reply_prefix)
        || o.subject.starts_with(old_gateway_reply_prefix)
        || (o.subject.starts_with(raft_prefix) && !in_system_account_)) {
      port_.log_error("Publish Violation - Subject " + go_quote(o.subject));
      return refuse_publish(err_text::publish_denied(o.subject));
    }
  }
  if (restricted_ && !port_.may_publish(o.subject)) {
    port_.log_error("Publish Violation - Subject " + go_quote(o.subject));
    return refuse_publish(err_text::publish_denied(o.subject));
  }
  if (!o.reply.empty() && is_reserved_reply(o.reply)) {
    port_.log_error("Publish Violation - Reply " + go_quote(o.reply));
    return refuse_publish(err_text::reply_denied(o.reply));
  }
  if (verbose_) send_ok();
  if (!port_.publish(o) && !o.reply.empty() && no_responders_)
    answer_no_responders(o.subject, o.reply);
}

void client_core::refuse_publish(std::string_view err) {
  if (in_trace_) port_.trace_refused(err);
  send_err(err);
}

void client_core::answer_no_responders(std::string_view subject, std::string_view reply) {
  const routing::subscription* mine = nullptr;
  subs_.for_each([&](const routing::subscription& sub) {
    if (!mine && !sub.in_queue() && port_.matches(sub, reply)) mine = &sub;
  });
  if (!mine) return;
  std::string text(no_responders_bound(subject.size(), mine->sid().size(), reply.size()), '\0');
  text.resize(write_no_responders(text.data(), reply, mine->sid(), subject));
  port_.send(text);
}

// -- SUB, UNSUB ------------------------------------------------------------------------------------

void client_core::on_sub(const op& o) {
  if (o.queue == reserved_queue || (restricted_ && !port_.may_subscribe(o.subject, o.queue))) {
    port_.log_error("Subscription Violation - " + described(o));
    return send_err(err_text::subscription_denied(o.subject, o.queue));
  }
  if (settings_->max_sub_tokens > 0 && num_tokens(o.subject) > settings_->max_sub_tokens) {
    port_.log_error("Subscription Violation Too Many Tokens - Subject " + go_quote(o.subject)
                    + ", SID " + std::string(o.sid));
    return send_err(err_text::too_many_tokens(o.subject));
  }
  if (has_all_subscriptions()) {
    if (!std::exchange(full_is_logged_, true)) port_.log_error(err_text::max_subscriptions);
    return send_err(err_text::max_subscriptions);
  }
  if (!subs_.find(o.sid)) {
    subs_.make_room();  // what is subscribed must have its place here
    routing::subscription* sub = port_.subscribe(o.subject, o.queue, o.sid);
    if (!sub) return send_err(err_text::invalid_subject);
    subs_.insert(sub);
  }
  if (verbose_) send_ok();
}

void client_core::on_unsub(const op& o) {
  routing::subscription* sub = subs_.find(o.sid);
  if (verbose_) send_ok();
  if (!sub) return;
  if (o.max > 0 && static_cast<uint64_t>(o.max) > sub->delivered) {
    sub->max = static_cast<uint64_t>(o.max);
    return;
  }
  if (traced_) trace_gone(*sub);
  subs_.erase(sub);
  port_.unsubscribe(*sub);
}

void client_core::expired(routing::subscription& sub) {
  if (traced_) trace_gone(sub);
  subs_.erase(&sub);
  port_.unsubscribe(sub);
}

void client_core::withdraw(routing::subscription& sub, std::string_view err) {
  send_err(err);
  expired(sub);
}

void client_core::end(std::string_view err, closed_reason reason) {
  if (!closed_) fail(err, reason);
}

void client_core::end_login(closed_reason reason) {
  if (!closed_) finish(err_text::authorization_violation, reason);
}

void client_core::bound(const session_bounds& bounds) {
  const int64_t before = max_subscriptions();
  bounds_ = bounds;
  limits_.max_payload = max_payload();  // of what came in one read with the login, too
  const bool narrower = narrower_limit(max_subscriptions(), before) != before;
  // As in the NATS server: with a limit of as many as there are the client goes too.
  if (narrower && subs_.size() > 0 && has_all_subscriptions())
    end(err_text::max_subscriptions, closed_reason::max_subscriptions_exceeded);
}

void client_core::shut() {
  closed_ = true;
  auto all = subs_.take_all();
  if (traced_)
    for (const routing::subscription* sub : all) trace_gone(*sub);
  if (!all.empty()) port_.unsubscribe_all(all);
}

// -- PING, PONG ------------------------------------------------------------------------------------

void client_core::on_ping(nanos now) {
  if (traced_) port_.trace(traced_op(trace_out, "PONG"));
  port_.send(pong_line);
  last_in_ = now;
  if (!connect_received_ || first_pong_sent_) return;
  first_pong_sent_ = true;
  if (async_info_) port_.send(port_.connect_info());
}

void client_core::on_pong(nanos now) {
  pings_out_ = 0;
  rtt_ = std::max(now - rtt_start_, nanos(1));
}

void client_core::run_out(std::string_view err, closed_reason reason) {
  port_.log_debug(err);
  finish(err, reason);
}

void client_core::on_deadline(nanos now) {
  if (closed_) return;
  if (auth_deadline_ <= now) {
    auth_deadline_ = nanos::max();
    return run_out(err_text::authentication_timeout, closed_reason::authentication_timeout);
  }
  if (expiry_deadline_ <= now) {
    expiry_deadline_ = nanos::max();
    return run_out(account_expires_ ? err_text::account_expired : err_text::user_expired,
                   closed_reason::authentication_expired);
  }
  if (ping_deadline_ <= now) on_ping_deadline(now);
}

void client_core::on_ping_deadline(nanos now) {
  bool need_rtt = rtt_ == nanos::zero() || now - rtt_start_ > rtt_valid_for;
  ping_deadline_ = now + settings_->ping_interval;
  if (now - last_in_ < settings_->ping_interval && !need_rtt) return;
  if (pings_out_ + 1 > settings_->ping_max) {
    port_.log_debug("Stale Client Connection - Closing");
    return finish(err_text::stale_connection, closed_reason::stale_connection);
  }
  ++pings_out_;
  rtt_start_ = now;
  if (traced_) port_.trace(traced_op(trace_out, "PING"));
  port_.send(ping_line);
}

// -- trace -----------------------------------------------------------------------------------------

void client_core::trace_op(const op& o) {
  std::string line = traced_input(o);
  if (!line.empty()) port_.trace(line);
  if (o.kind != op_kind::pub) return;
  line = traced_payload(trace_in, o.payload, o.header_bytes, *settings_);
  if (!line.empty()) port_.trace(line);
}

void client_core::trace_gone(const routing::subscription& sub) {
  port_.trace(traced_op(trace_both, "DELSUB", sub.sid()));
}

} // namespace troupe
