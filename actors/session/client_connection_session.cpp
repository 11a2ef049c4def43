// What the session core asks for: login, routing, subscriptions.
#include "actors/session/client_connection.hpp"

#include <caf/actor_cast.hpp>

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "actors/auth/signature.hpp"
#include "actors/observe/logger.hpp"
#include "actors/observe/snapshots.hpp"
#include "actors/reactor/tls_session.hpp"
#include "actors/session/client_hub.hpp"
#include "actors/session/stages.hpp"
#include "actors/session/websocket_stage.hpp"
#include "protocol/client/encoder.hpp"
#include "protocol/client/go_quote.hpp"
#include "protocol/json/writer.hpp"
#include "protocol/subject/subject.hpp"
#include "protocol/time_text.hpp"

namespace troupe {

namespace {

constexpr size_t nonce_bytes = 11;

bool names_nobody(const connect_options& who) {
  return who.user.empty() && who.pass.empty() && who.auth_token.empty() && who.nkey.empty()
         && who.jwt.empty() && who.sig.empty() && who.proxy_sig.empty();
}

auth_decision refuse_strange_proxy() {
  auth_decision d = auth_decision::refuse("proxy is not trusted");
  d.reason = closed_reason::proxy_not_trusted;
  return d;
}

} // namespace

std::string client_connection::make_nonce() {
  unsigned char raw[nonce_bytes];
  randombytes_buf(raw, sizeof raw);
  char text[sodium_base64_ENCODED_LEN(nonce_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
  return sodium_bin2base64(text, sizeof text, raw, sizeof raw,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

// -- login -----------------------------------------------------------------------------------------

void client_connection::remember(connect_options& base) {
  if (!profile_) return;
  base.name = profile_->name;
  base.lang = profile_->lang;
  base.version = profile_->version;
}

void client_connection::complete(connect_options& who) {
  websocket_stage* ws = stages_up_ ? transport_->websocket() : nullptr;
  if (!ws) return;
  const websocket::upgrade_facts& cookies = ws->facts();
  if (who.jwt.empty()) who.jwt = cookies.jwt;
  if (who.user.empty()) who.user = cookies.user;
  if (who.pass.empty()) who.pass = cookies.pass;
  if (who.auth_token.empty()) who.auth_token = cookies.token;
}

auth_outcome client_connection::authenticate(const connect_options& options, bool first) {
  if (!first && profile_ && profile_->rules && names_nobody(options)) return {.ok = true};
  login_request request;
  request.who = options;
  if (kind_ == listener_kind::websocket) request.connection_type = "WEBSOCKET";
  request.host = ip_;
  request.client_id = value(id_);
  if (const tls_session* tls = transport_->tls()) {
    request.certificate = tls->identity;
    if (hub_.policy().auth_of(kind_).asks_services())
      request.tls = std::make_shared<authorization_request_claims::client_tls>(
        describe_for_service(*tls));
  }
  if (profile_) request.nonce = profile_->nonce;
  const std::vector<std::string>& proxies = hub_.policy().options->trusted_proxies;
  if (!options.proxy_sig.empty() && !proxies.empty()) {
    request.proxy_key = signing_proxy(proxies, options.proxy_sig, request.nonce);
    who().proxy_key = request.proxy_key;
    if (request.proxy_key.empty()) return admit(refuse_strange_proxy());
  }
  const auth_decision decision = hub_.policy().auth_of(kind_).check(request);
  if (decision.what == auth_decision::outcome::accepted && request.certificate)
    warn_of_named_user(options, *decision.user);
  if (settles_later(decision)) return {.pending = true};
  return admit(decision);
}

/// Has the rest of a login done elsewhere, if there is one; its verdict comes as a message.
bool client_connection::settles_later(const auth_decision& decision) {
  using enum auth_decision::outcome;
  if (decision.what != deferred && decision.what != asks) return false;
  if (decision.what == asks)
    if (const auto before = hub_.find_account(decision.question->account_before); before && !has_room(*before))
      return false;
  who().user = decision.shown;
  auto self = caf::actor_cast<client_handle>(ctrl());
  if (decision.what == deferred) hub_.check_elsewhere(decision, std::move(self));
  else hub_.ask_service(*decision.question, std::move(self));
  return true;
}

/// Where the certificate is the user, what CONNECT says besides counts for nothing.
void client_connection::warn_of_named_user(const connect_options& options, const user_rules& user) {
  const tls_context_ptr& tls = tls_of(hub_.policy(), kind_);
  if (tls && tls->options().verify_and_map && !options.user.empty() && user.nkey.empty())
    log::warn("User {} found in connect proto, but user required from cert",
              go_quote(options.user));
}

auth_outcome client_connection::admit(const auth_decision& decision) {
  who().user = decision.shown;
  const auth_outcome full{.reason = closed_reason::max_account_connections_exceeded,
                          .err = err_text::max_account_connections};
  if (decision.what == auth_decision::outcome::asks) return full;  // without asking
  if (decision.what != auth_decision::outcome::accepted) {
    hub_.counters().auth_errors.add(1);
    log_debug("Login refused: " + decision.why);
    return {.reason = decision.reason,
            .heard_by = decision.heard_by,
            .why = decision.heard_by.empty() ? std::string() : decision.why};
  }
  routing::account_ptr account = hub_.find_account(decision.user->account);
  if (!account) {
    hub_.counters().auth_errors.add(1);
    log_error("Account " + decision.user->account + " is not there");
    return {.reason = closed_reason::missing_account, .err = err_text::account_registration};
  }
  if (!bind(std::move(account), true)) return full;
  take_rules(decision.user);
  apply_bounds();
  follow_expiry();
  return {.ok = true};
}

void client_connection::follow_expiry() {
  const user_rules& user = *profile_->rules;
  core_.expire_at(moment_of(user.expires_at_s), moment_of(user.account_expires_at_s));
}

/// A time of the wall clock, in seconds, by the reactor's; for ever if it is 0.
nanos client_connection::moment_of(int64_t wall_s) {
  if (wall_s == 0) return nanos::max();
  const int64_t left_s = std::max<int64_t>(wall_s - observe::wall_seconds(), 0);
  constexpr int64_t longest_s = int64_t{100} * 365 * 24 * 3600;
  return home().now() + std::chrono::seconds(std::min(left_s, longest_s));
}

void client_connection::take_rules(user_rules_ptr rules) {
  profile& p = who();
  p.rules = std::move(rules);
  guard_ = nullptr;
  filters_ = false;
  p.permissions.reset();
  if (p.rules->permissions) {
    p.permissions = std::make_unique<permission_state>(p.rules->permissions);
    if (p.permissions->tracks_replies()) guard_ = p.permissions.get();
  }
  core_.restrict(p.permissions != nullptr);
}

bool client_connection::may_publish(std::string_view subject) {
  return profile_->permissions->may_publish(subject, home().now());
}

bool client_connection::may_subscribe(std::string_view subject, std::string_view queue) {
  permission_state& permissions = *profile_->permissions;
  if (!permissions.may_subscribe(subject, queue)) return false;
  if (permissions.needs_delivery_filter(subject, queue)) {
    filters_ = true;
    guard_ = &permissions;
  }
  return true;
}

// -- reload ----------------------------------------------------------------------------------------

void client_connection::renew_rules(const authenticator& auth) {
  if (core_.login_pending()) return;
  if (!profile_ || !profile_->rules) {
    // It has not said who it is. Where that was not needed so far and is now, it is too late.
    if (core_.login_is_overdue(auth.required() && !auth.admits_silent()))
      end_login(closed_reason::authentication_failure);
    return;
  }
  user_rules_ptr now = auth.renewed(*profile_->rules);
  if (!now) {
    const session_ending how = auth.ending_of(*profile_->rules);
    if (how.err == err_text::authorization_violation) return end_login(how.reason);
    return how.err.empty() ? close(how.reason) : core_.end(how.err, how.reason);
  }
  if (now->proxy_required && profile_->proxy_key.empty()) return end_login(closed_reason::proxy_required);
  if (now == profile_->rules) return;
  const bool same_permissions = now->listed == profile_->rules->listed
                                && now->callout == profile_->rules->callout;
  if (same_permissions) {
    profile_->rules = std::move(now);  // the state of the session's permissions goes on
  } else {
    const std::unique_ptr<permission_state> before = std::move(profile_->permissions);
    take_rules(std::move(now));
    if (before && profile_->permissions) profile_->permissions->keep_replies_of(*before);
    withdraw_denied();
  }
  follow_expiry();
  if (core_.deadline() < armed_for_) arm_core_timer();
}

void client_connection::end_login(closed_reason reason) {
  log_login_failure(profile_ ? profile_->identity : "");
  core_.end_login(reason);
}

void client_connection::withdraw_denied() {
  if (!profile_->permissions) return;
  std::vector<std::pair<routing::subscription*, std::string>> denied;
  std::string subject;
  core_.subscriptions().for_each([&](routing::subscription& sub) {
    shard_->core().subject_of(sub, subject);
    const std::string_view queue = shard_->core().queue_of(sub);
    if (may_subscribe(subject, queue)) return;
    denied.emplace_back(&sub, err_text::subscription_withdrawn(subject, queue, sub.sid()));
    log_withdrawn(subject, queue, sub.sid());
  });
  for (auto& [sub, text] : denied) core_.withdraw(*sub, text);
}

bool client_connection::has_room(const routing::account& account) const {
  if (&account == account_.get()) return true;
  const int64_t most = account.rules()->limits.max_connections;
  return most < 0 || account.connections() < most;
}

/// Moves the session to an account; false: that one is full. It has no subscription at that moment.
bool client_connection::bind(routing::account_ptr account, bool limited) {
  if (account == account_) return true;
  if (limited && !has_room(*account)) return false;
  account->enter();
  account_->leave();
  routing::account_ptr before = std::exchange(account_, std::move(account));
  shard_ = &account_->shard(home().index());
  core_.in_system_account(account_->is_system());
  follow_account();
  if (session_events* events = hub_.node().events.get()) {
    events->account_changed(*before);
    events->account_changed(*account_);
  }
  return true;
}

/// What the account imports and maps may have changed, or the account itself.
void client_connection::follow_account() {
  if (shard_->links() == links_) return;
  links_ = shard_->links();
  core_.map(!links_->mappings.empty());
  shadows_.reset();
  if (links_->imports.streams().empty()) return;
  std::string subject;
  core_.subscriptions().for_each([&](routing::subscription& sub) {
    shard_->core().subject_of(sub, subject);
    shadow(sub, subject, shard_->core().queue_of(sub));
  });
}

void client_connection::shadow(routing::subscription& sub, std::string_view subject,
                               std::string_view queue) {
  if (!shadows_) shadows_ = std::make_unique<shadow_subscriptions>();
  shadows_->add({this, shard_, home().index()}, sub, subject, queue);
}

void client_connection::apply_bounds() {
  const auto rules = account_->rules();
  session_bounds bounds{rules->limits.max_payload, rules->limits.max_subscriptions};
  if (profile_ && profile_->rules) {
    const user_rules& user = *profile_->rules;
    bounds.max_payload = narrower_limit(bounds.max_payload, user.max_payload);
    bounds.max_subscriptions = narrower_limit(bounds.max_subscriptions, user.max_subscriptions);
  }
  core_.bound(bounds);
}

void client_connection::on_verdict(const auth_decision& decision) {
  if (state_ != state::open || !core_.login_pending() || settles_later(decision)) return;
  core_.login_done(admit(decision));
  // A reload may have come between the question and this answer.
  if (state_ == state::open) renew_rules(hub_.policy().auth_of(kind_));
  // Reading goes on at the end of the turn: a message of ours must not resume others (see
  // reactor::drain_inbound).
  has_verdict_ = true;
  home().flush_later(*this);
}

void client_connection::resume_input() {
  has_verdict_ = false;
  home().drain_inbound();
  if (state_ != state::open) return;
  if (partial_bytes_ > 0) {
    buffer_ref rest = std::move(partial_);
    partial_ = buffer_ref();
    const size_t n = std::exchange(partial_bytes_, 0);
    take_input(rest.get(), {rest->data(), n});
  }
  update_interest();
}

// -- INFO ------------------------------------------------------------------------------------------

std::string client_connection::connect_info() {
  server_info told = info();
  told.max_payload = static_cast<int32_t>(core_.max_payload());
  told.connect_info = true;
  told.remote_account = account_->name();
  told.account_is_system = account_->is_system();
  return encode_info(told);
}

bool client_connection::announce_lame_duck() {
  if (state_ != state::open || !core_.takes_async_info()) return false;
  server_info told = info();
  told.lame_duck = true;
  told.connect_urls.clear();
  client_connection::send(encode_info(told));
  return true;
}

// -- routing ---------------------------------------------------------------------------------------

bool client_connection::publish(const op& o) {
  routing::message m;
  m.subject = o.subject;
  m.reply = o.reply;
  m.payload = o.payload;
  m.header_bytes = o.header_bytes;
  m.owner = reading_from_;
  m.producer = {home().index(), id_};
  m.wants_untaken = !o.reply.empty() && core_.wants_no_responders();
  m.origin = this;
  m.trace = trace_.get();
  bool delivered = shard_->publish(m, this);
  home().run_early_flushes();
  return delivered;
}

routing::subscription* client_connection::subscribe(std::string_view subject,
                                                    std::string_view queue, std::string_view sid) {
  routing::subscription* sub = shard_->subscribe(this, subject, queue, sid);
  try {
    if (sub && links_ && !links_->imports.streams().empty()) shadow(*sub, subject, queue);
  } catch (...) {
    unsubscribe(*sub);
    throw;
  }
  return sub;
}

void client_connection::unsubscribe(routing::subscription& sub) {
  if (shadows_) shadows_->remove(sub);
  shard_->unsubscribe(&sub);
}

void client_connection::unsubscribe_all(std::span<routing::subscription* const> subs) {
  if (shadows_)
    for (const routing::subscription* sub : subs) shadows_->remove(*sub);
  shard_->unsubscribe_all(subs);
}

bool client_connection::matches(const routing::subscription& sub, std::string_view literal) {
  std::string filter;
  shard_->core().subject_of(sub, filter);
  return matches_filter(literal, filter);
}

/// The fields and their order are those of the Go server's ClientInfo.
routing::requester_text client_connection::describe_requester(
  const routing::requester_view& how) const {
  const node_policy& policy = hub_.policy();
  std::string out;
  json_writer w(out);
  w.begin_object();
  if (how.detailed) {
    w.member("start", rfc3339_nano(start_time_.time_since_epoch().count()));
    w.member("host", ip_);
    w.member("id", value(id_));
  }
  w.member("acc", account_->name());
  w.member_if("svc", how.service);
  if (how.detailed && profile_) {
    w.member_if("user", profile_->user);
    w.member_if("name", profile_->name);
    w.member_if("lang", profile_->lang);
    w.member_if("ver", profile_->version);
  }
  w.member_if("rtt", core_.rtt().count());
  if (how.detailed || how.server) {
    w.member("server", policy.info.server_name);
    w.member_if("cluster", policy.options->cluster_name);
  }
  if (how.detailed) {
    w.member("kind", "Client");
    w.member("client_type", "nats");
  }
  w.end_object();
  return {std::move(out), core_.rtt()};
}

void client_connection::note_client(const connect_options& who) {
  profile& p = this->who();
  p.name = who.name;
  p.lang = who.lang;
  p.version = who.version;
}

/// Whom the log names: who CONNECT says it is, unless the configuration chose somebody, by a certificate or for a client
/// that names nobody. One that names nobody later stays who it was.
std::string client_connection::identity(const connect_options& who) const {
  const profile& p = *profile_;
  const bool by_token = p.rules && !p.rules->jwt.empty();
  if (p.rules && p.rules->by_callout) return "user:" + p.user;
  if (!who.nkey.empty()) return "nkey:" + who.nkey;
  if (!who.user.empty()) return "user:" + (by_token ? who.user : p.user);
  if (by_token) return "jwt:" + p.user;
  if (!who.auth_token.empty()) return "token";
  if (!p.identity.empty() || !p.rules || p.user.empty()) return p.identity;
  return (p.rules->nkey.empty() ? "user:" : "nkey:") + p.user;
}

void client_connection::connected(const connect_options& who) {
  note_client(who);
  profile_->identity = identity(who);
  choose_trace();
  if (session_events* events = hub_.node().events.get()) events->connected(snapshot(false));
}

void client_connection::refused(const connect_options& who, const auth_outcome& outcome) {
  note_client(who);  // it shows among the closed ones
  profile_->refused = profile_->identity.empty();
  session_events* events = hub_.node().events.get();
  if (!events) return;
  const routing::account_ptr hearer = outcome.heard_by.empty() ? account_ : hub_.find_account(outcome.heard_by);
  events->refused(snapshot(false), outcome.reason, hearer ? *hearer : *account_,
                  outcome.why.empty() ? to_text(outcome.reason) : outcome.why);
}

uint64_t client_connection::random(uint64_t bound) {
  // Jitter only: spreads the pings of clients that connected together.
  uint64_t x = value(id_) * 0x9e3779b97f4a7c15 ^ static_cast<uint64_t>(home().now().count());
  x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9;
  return (x >> 20) % bound;
}

} // namespace troupe
