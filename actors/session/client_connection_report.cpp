// What a connection says of itself: in logs, in monitoring, in traces.
#include "actors/observe/logger.hpp"
#include "actors/reactor/tls_session.hpp"
#include "actors/session/client_connection.hpp"
#include "actors/session/client_hub.hpp"
#include "actors/session/protocol_trace.hpp"
#include "actors/session/websocket_stage.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/host_port.hpp"

namespace troupe {

namespace {

/// The identity of a session in the words of the lines that tell what was refused to it.
std::string named(const std::string& identity) {
  if (identity.empty()) return "User \"N/A\"";
  if (identity == "token") return "Token \"[REDACTED]\"";
  const size_t colon = identity.find(':');
  const std::string kind = identity.substr(0, colon);
  const char* words = kind == "nkey" ? "Nkey " : kind == "jwt" ? "JWT User " : "User ";
  return words + go_quote(identity.substr(colon + 1));
}

} // namespace

std::string client_connection::address() const {
  return join_host_port(ip_, port_);
}

std::string client_connection::label() const {
  std::string text = address();
  if (websocket_stage* ws = transport_->websocket(); ws && !ws->facts().forwarded_for.empty()) {
    const std::string& told = ws->facts().forwarded_for;
    text = bracketed(told) + "/" + text;
  }
  text += kind_ == listener_kind::websocket ? " - wid:" : " - cid:";
  text += std::to_string(value(id_));
  if (!profile_ || profile_->refused) return text;
  std::string client;
  if (!profile_->version.empty()) client = "v" + profile_->version;
  for (const std::string* part : {&profile_->lang, &profile_->name}) {
    if (part->empty()) continue;
    if (!client.empty()) client += ':';
    client += *part;
  }
  if (!client.empty()) text += " - " + go_quote(client);
  if (!profile_->identity.empty())
    text += " - " + go_quote(account_->name() + "/" + profile_->identity);
  return text;
}

void client_connection::choose_trace() {
  const node_policy& policy = hub_.policy();
  if (policy.settings.trace || policy.traced.empty()) return core_.trace(policy.settings.trace);
  config::traced_identity mine{.cid = value(id_), .ip = ip_};
  if (profile_ && core_.connect_received()) {
    mine.account = account_->name();
    mine.user = profile_->user;
    mine.name = profile_->name;
  }
  core_.trace(policy.traced.matches(mine));
}

void client_connection::log_error(std::string_view text) { log::error("{} - {}", label(), text); }

void client_connection::log_debug(std::string_view text) {
  if (log::debug_enabled()) log::debug("{} - {}", label(), text);
}

void client_connection::log_refused(const connect_options& who) {
  if (!who.nkey.empty()) log_login_failure("nkey:" + who.nkey);
  else if (!who.user.empty()) log_login_failure("user:" + who.user);
  else if (!who.jwt.empty()) log_login_failure("jwt:" + (profile_ ? profile_->user : ""));
  else log_login_failure(who.auth_token.empty() ? "" : "token");
}

void client_connection::log_login_failure(const std::string& identity) {
  log_error("authentication error" + (identity.empty() ? "" : " - " + named(identity)));
}

void client_connection::log_withdrawn(std::string_view subject, std::string_view queue, std::string_view sid) const {
  const std::string group = queue.empty() ? "" : " using queue " + go_quote(queue);
  log::info("Removed sub {}{} (sid {}) for {} - not authorized", go_quote(subject), group, go_quote(sid),
            named(profile_->identity));
}

void client_connection::trace(std::string_view line) { log::traced("{} - {}", label(), line); }

void client_connection::trace_delivery(std::string_view line, std::string_view payload,
                                       int32_t header_bytes) {
  trace(traced_op(trace_out, line));
  std::string shown = traced_payload(trace_out, payload, header_bytes, hub_.policy().settings);
  if (!shown.empty()) trace(shown);
}

observe::connection_snapshot client_connection::snapshot(bool with_subs) const {
  observe::connection_snapshot s;
  s.cid = value(id_);
  if (kind_ == listener_kind::websocket) s.type = "websocket";
  s.ip = ip_;
  s.port = port_;
  s.start = start_time_;
  s.last_activity = observe::wall_now() - (steady_now() - core_.last_activity());
  if (s.last_activity < s.start) s.last_activity = s.start;
  s.rtt = core_.rtt();
  s.pending_bytes = static_cast<int64_t>(out_.pending());
  s.in_msgs = static_cast<int64_t>(core_.in_msgs());
  s.in_bytes = static_cast<int64_t>(core_.in_bytes());
  s.out_msgs = static_cast<int64_t>(out_msgs_);
  s.out_bytes = static_cast<int64_t>(out_bytes_);
  s.stalls = static_cast<int64_t>(stalls_);
  s.subscriptions = static_cast<uint32_t>(core_.subscriptions().size());
  s.account = account_->name();
  s.reactor = home().index();
  if (profile_) {
    s.name = profile_->name;
    s.lang = profile_->lang;
    s.version = profile_->version;
    s.authorized_user = profile_->user;
    s.proxy_key = profile_->proxy_key;
    if (profile_->rules) {
      const user_rules& rules = *profile_->rules;
      s.issuer_key = rules.issuer_key;
      // Whoever has a key has an issuer, if only the account; passwords have none.
      if (s.issuer_key.empty() && !rules.nkey.empty()) s.issuer_key = account_->name();
      s.tags = rules.tags;
    }
  }
  if (const tls_session* tls = transport_->tls()) {
    s.tls_version = tls->version;
    s.tls_cipher_suite = tls->cipher_suite;
    s.tls_first = tls_first_;
    for (const peer_certificate& cert : tls->peers)
      s.tls_peer_certs.push_back({cert.subject, cert.spki_sha256, cert.cert_sha256});
  }
  if (with_subs) list_subscriptions(s.subs, 0, SIZE_MAX);
  return s;
}

uint64_t client_connection::list_subscriptions(std::vector<observe::sub_snapshot>& to,
                                               uint64_t place, size_t slots) const {
  return core_.subscriptions().visit_some(place, slots, [&](const routing::subscription& sub) {
    observe::sub_snapshot one;
    shard_->core().subject_of(sub, one.subject);
    one.queue = std::string(shard_->core().queue_of(sub));
    one.sid = std::string(sub.sid());
    one.msgs = static_cast<int64_t>(sub.delivered);
    one.max = static_cast<int64_t>(sub.max);
    one.cid = value(id_);
    to.push_back(std::move(one));
  });
}

} // namespace troupe
