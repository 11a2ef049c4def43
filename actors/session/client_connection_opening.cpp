// From accept to the first byte of the protocol.
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "actors/observe/logger.hpp"
#include "actors/reactor/tls_session.hpp"
#include "actors/session/client_connection.hpp"
#include "actors/session/client_hub.hpp"
#include "actors/session/stages.hpp"
#include "protocol/client/encoder.hpp"

namespace troupe {

namespace {

constexpr std::string_view http_to_https =
  "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

std::string cause_of(const io_result& r) {
  return r.status == io_status::closed ? "EOF" : std::strerror(r.error);
}

} // namespace

void client_connection::start(bool refused) {
  watched_ = EPOLLIN;
  slot_ = home().watch(transport_->fd(), watched_, this, this);
  const opening_rules rules = opening_rules_of(hub_.policy(), kind_);
  if (!rules.immediate()) opening_ = std::make_unique<opening_core>(rules, home().now());
  if (hub_.policy().auth_of(kind_).wants_nonce()) who().nonce = make_nonce();
  choose_trace();
  if (refused) return refuse();
  if (counted_) log_debug("Client connection created");
  if (!opening_) return open_session();
  open_up();
}

void client_connection::refuse() {
  if (!opening_ || opening_->act() == opening_act::send_info)
    client_connection::send(encode_info(info()));
  log_error(err_text::max_connections);
  client_connection::send(err_line(err_text::max_connections));
  close(closed_reason::max_connections_exceeded);
}

server_info client_connection::info() const {
  server_info told = hub_.policy().info_of(kind_);
  told.client_id = value(id_);
  // Before the PROXY header it would be the proxy's.
  if (!opening_ || !opening_->header_pending()) told.client_ip = ip_;
  if (profile_) told.nonce = profile_->nonce;
  // Whoever began with TLS reads INFO inside it, where it is a matter of course.
  if (tls_first_) told.tls_required = true;
  return told;
}

void client_connection::open_up() {
  while (state_ == state::opening) {
    unsigned char byte = 0;
    switch (opening_->act()) {
      case opening_act::send_info:
        client_connection::send(encode_info(info()));
        opening_->info_sent();
        break;
      case opening_act::read_header:
        if (!read_proxy_header()) return;
        break;
      case opening_act::await_first_byte: {
        arm_flow_timer();
        io_result seen = transport_->peek(byte);
        if (seen.status == io_status::would_block) return;
        if (seen.status != io_status::ok && opening_->needs_tls() && kind_ == listener_kind::client)
          return fail_handshake(cause_of(seen));
        if (seen.status != io_status::ok) return read_failed(seen);
        opening_->first_byte(byte, home().now());
        break;
      }
      case opening_act::handshake:
        if (!begin_stages()) return;
        break;
      case opening_act::open: return open_session();
      case opening_act::refuse_plain:
        log_debug("TLS handshake error: first record does not look like a TLS handshake");
        client_connection::send(kind_ == listener_kind::client ? err_line(err_text::tls_required)
                                                               : std::string(http_to_https));
        return close(closed_reason::tls_handshake_failure);
      case opening_act::header_late:
        return refuse_proxy_header(proxy_header_ && proxy_header_->taken_bytes() > 0
                                     ? proxy_header_->interrupted("i/o timeout")
                                     : proxy_header_reader().interrupted({}));
      case opening_act::give_up:
        log_debug(kind_ == listener_kind::client ? "TLS handshake timeout"
                                                 : "WebSocket handshake timeout");
        return close(closed_reason::tls_handshake_failure);
    }
  }
}

/// Whether the opening goes on: behind the header, or without one.
bool client_connection::read_proxy_header() {
  using enum proxy_header_reader::state;
  if (!proxy_header_) proxy_header_ = std::make_unique<proxy_header_reader>();
  proxy_header_reader& header = *proxy_header_;
  char room[4096];
  std::string_view rest;
  while (header.is() == more) {
    iovec piece{room, std::min(sizeof room, header.wanted())};
    io_result got = transport_->read(&piece, 1);
    if (got.status == io_status::would_block) {
      arm_flow_timer();
      return false;
    }
    if (got.status != io_status::ok) {
      refuse_proxy_header(header.interrupted(
        got.status == io_status::closed ? std::string_view() : std::strerror(got.error)));
      return false;
    }
    rest = std::string_view(room, got.bytes);
    rest.remove_prefix(header.feed(rest));
    opening_->header_bytes(header.taken_bytes(),
                           header.taken_bytes() >= header.recognised_bytes, home().now());
  }
  if (header.is() == failed) {
    refuse_proxy_header(header.failure());
    return false;
  }
  std::string own(header.is() == unrecognised ? header.taken() : rest);
  if (!own.empty()) transport_ = make_replay_transport(std::move(own), std::move(transport_));
  if (header.source()) {
    ip_ = header.source()->ip;
    port_ = header.source()->port;
    choose_trace();
  }
  proxy_header_.reset();
  opening_->header_read(home().now());
  return true;
}

void client_connection::refuse_proxy_header(const std::string& why) {
  log::warn("Error reading PROXY protocol header from {}: {}", address(), why);
  proxy_header_.reset();
  close(closed_reason::protocol_violation);
}

/// Runs the handshakes of all stages; whether they are done.
bool client_connection::begin_stages() {
  // What was said in clear leaves before the first byte of another stage.
  if (!out_.empty()) flush();
  if (!out_.empty() || state_ != state::opening) return false;
  if (!stages_up_) {
    const tls_context_ptr& tls = tls_of(hub_.policy(), kind_);
    if (opening_->with_tls() && !tls) {
      log_debug("TLS handshake error: a reload has switched TLS off");
      close(closed_reason::tls_handshake_failure);
      return false;
    }
    if (opening_->with_tls() && kind_ == listener_kind::client && !tls->rate().admit(home().now())) {
      hub_.report_throttled(tls);
      // In clear: the client has not begun to decrypt.
      client_connection::send(err_line(err_text::connection_throttling));
      close(closed_reason::max_connections_exceeded);
      return false;
    }
    stages_up_ = true;
    tls_first_ = opening_->tls_first();
    if (opening_->with_tls() && kind_ == listener_kind::client)
      log_debug("Starting TLS client connection handshake");
    arm_flow_timer();
    transport_ = put_up_stages(hub_.policy(), kind_, opening_->with_tls(), std::move(transport_),
                               address());
  }
  if (step_elsewhere_) return false;
  io_result done = transport_->handshake();
  if (done.status == io_status::would_block) {
    if (handshake_step step = transport_->take_step()) {
      step_elsewhere_ = true;
      hub_.step_elsewhere(std::move(step), caf::actor_cast<client_handle>(ctrl()));
    }
  }
  update_interest();
  if (done.status == io_status::would_block) return false;
  tell_of_peer();
  if (done.status == io_status::ok) {
    opening_->handshaken();
    return true;
  }
  // A refused upgrade has been logged by its stage.
  const bool tls_failed = opening_->with_tls() && !transport_->tls();
  if (!tls_failed && transport_->websocket()) {
    close(closed_reason::tls_handshake_failure);
    return false;
  }
  std::string why = transport_->failure();
  fail_handshake(why.empty() ? cause_of(done) : why);
  return false;
}

void client_connection::fail_handshake(const std::string& why) {
  log_error("TLS handshake error: " + why);
  close(closed_reason::tls_handshake_failure);
}

/// Events say whose certificate has been revoked.
void client_connection::tell_of_peer() {
  const peer_verdict_ptr verdict = transport_->take_peer_verdict();
  session_events* events = hub_.node().events.get();
  if (verdict && events) events->peer_judged(*verdict);
}

/// After a reload: whether the key of its certificate is still among those allowed.
bool client_connection::still_pinned(const node_policy& policy) const {
  const tls_session* session = transport_->tls();
  const tls_context_ptr& tls = tls_of(policy, kind_);
  if (!session || !tls) return true;
  if (tls->accepts_key(session->peers.empty() ? std::string() : session->peers[0].spki_sha256))
    return true;
  tls->note_unpinned();
  return false;
}

/// Before its upgrade a WebSocket connection is no client, as in the Go server.
/// False: there are too many.
bool client_connection::join() {
  start_time_ = observe::wall_now();
  const bool room = hub_.join(*this);
  account_->enter();
  counted_ = true;
  choose_trace();
  log_debug("Client connection created");
  return room;
}

void client_connection::open_session() {
  const bool told = opening_ && opening_->info_is_sent();
  if (const tls_session* tls = transport_->tls(); tls && log::debug_enabled()) {
    log_debug("TLS handshake complete");
    log_debug("TLS version " + std::string(tls->version) + ", cipher suite "
              + std::string(tls->cipher_suite));
  }
  opening_.reset();
  opened_ = true;
  flow_timer_.cancel();
  state_ = state::open;
  if (!counted_ && !join()) return refuse();
  if (!told) client_connection::send(encode_info(info()));
  core_.greet(home().now());
  arm_core_timer();
  update_interest();
}

void client_connection::on_opening_deadline(nanos now) {
  opening_->timed_out(now);
  open_up();
  read_what_waits();
  if (opening_ && state_ == state::opening) arm_flow_timer();
}

} // namespace troupe
