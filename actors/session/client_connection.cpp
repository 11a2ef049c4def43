#include "actors/session/client_connection.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "actors/observe/logger.hpp"
#include "actors/session/client_hub.hpp"
#include "protocol/client/encoder.hpp"
#include "protocol/subject/subject.hpp"
#include "protocol/time_text.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// Payloads from here on travel by reference to the block they were read into; while the socket
/// takes no more, only larger ones, since each may keep a whole read block from being used again.
constexpr size_t by_reference_bytes = 1024;
constexpr size_t by_reference_blocked_bytes = 4096;
/// How much a blocked backlog may grow before it is checked for pinned blocks again.
constexpr size_t unpin_check_every = 512 * 1024;
/// An operation of at least this size is read into a block of its own.
constexpr size_t own_block_bytes = 32 * 1024;
/// A backlog of this size is written at once instead of at the end of the turn.
constexpr size_t early_flush_bytes = 60 * 1024;
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
      shard_(&hub.shard()),
      core_(*this, &hub.node().settings, home().now()),
      gate_(hub.node().settings.max_pending),
      core_timer_(core_timer_fired, this),
      flow_timer_(flow_timer_fired, this),
      start_time_(observe::wall_now()),
      ip_(socket.ip),
      port_(socket.port) {}

client_connection::~client_connection() = default;

client_connection::behavior_type client_connection::make_behavior() {
  return {
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

void client_connection::start(bool refuse) {
  watched_ = EPOLLIN;
  slot_ = home().watch(transport_->fd(), watched_, this, this);
  server_info info = hub_.node().info;
  info.client_id = value(id_);
  info.client_ip = ip_;
  client_connection::send(encode_info(info));
  if (refuse) {
    log_error(err_text::max_connections);
    client_connection::send(err_line(err_text::max_connections));
    return close(closed_reason::max_connections_exceeded);
  }
  core_.greet(home().now());
  arm_core_timer();
  log_debug("Client connection created");
}

// -- input -----------------------------------------------------------------------------------------

void client_connection::on_io(uint32_t events) {
  try {
    if (events & EPOLLOUT) at_turn_end();
    if (state_ == state::open && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) read();
    if (state_ == state::lingering && (events & (EPOLLHUP | EPOLLERR))) teardown();
  } catch (const std::exception& e) {
    // One session's failure never takes others down.
    log_error(std::string("internal failure: ") + e.what());
    close(closed_reason::protocol_violation);
  }
}

void client_connection::read() {
  reactor& r = home();
  iovec iov[2];
  int pieces = 0;
  // A large operation in progress is continued in place; anything behind it goes to the block.
  size_t direct = 0;
  const bool large =
    partial_ && partial_->capacity >= own_block_bytes && core_.needed() > partial_bytes_;
  if (large) {
    direct = std::min<size_t>(partial_->capacity, core_.needed()) - partial_bytes_;
    iov[pieces++] = {partial_->data() + partial_bytes_, direct};
  }
  const size_t lead = large ? 0 : partial_bytes_;
  r.read_block(lead + 64 * 1024);
  char* at = r.read_at();
  if (lead) std::memcpy(at, partial_->data(), lead);
  const bool whole = !large || partial_bytes_ + direct == core_.needed();
  if (whole) iov[pieces++] = {at + lead, r.read_room() - lead};

  io_result got = transport_->read(iov, pieces);
  if (got.status != io_status::ok) return read_failed(got);
  r.drain_inbound();
  if (state_ != state::open) return;

  size_t bytes = got.bytes;
  if (large) {
    size_t filled = std::min(bytes, direct);
    bytes -= filled;
    finish_partial(filled);
    if (bytes == 0 || state_ != state::open) return;
  } else {
    partial_.reset();
    partial_bytes_ = 0;
  }
  take_input(r.read_block(0), {at, lead + bytes});
  r.read_done(lead + bytes);
}

void client_connection::finish_partial(size_t bytes) {
  partial_bytes_ += bytes;
  if (partial_bytes_ < core_.needed()) {
    if (partial_bytes_ < partial_->capacity) return;
    // Grow towards the announced size as the bytes really come: announcing costs nothing.
    buffer_ref more = buffer_pool::take_large(
      std::min<size_t>(core_.needed(), size_t{partial_->capacity} * 2));
    std::memcpy(more->data(), partial_->data(), partial_bytes_);
    partial_ = std::move(more);
    return;
  }
  buffer_ref whole = std::move(partial_);
  partial_ = buffer_ref();
  size_t n = std::exchange(partial_bytes_, 0);
  take_input(whole.get(), {whole->data(), n});
}

void client_connection::take_input(buffer* block, std::string_view bytes) {
  reading_from_ = block;
  nanos now = home().now();
  size_t used = core_.on_bytes(bytes, now);
  reading_from_ = nullptr;
  uint64_t msgs = core_.in_msgs(), in_bytes = core_.in_bytes();
  if (msgs != counted_in_msgs_) {
    hub_.counters().client_msgs_in(msgs - counted_in_msgs_, in_bytes - counted_in_bytes_);
    counted_in_msgs_ = msgs;
    counted_in_bytes_ = in_bytes;
  }
  if (state_ != state::open) return;
  keep_rest(bytes.substr(used));
  if (core_.deadline() < armed_for_) arm_core_timer();
}

void client_connection::keep_rest(std::string_view rest) {
  if (rest.empty()) return;
  size_t wanted = rest.size();
  // Only a payload that really comes gets room of its own: announcing one costs nothing.
  if (core_.needed() > own_block_bytes && rest.size() >= by_reference_bytes)
    wanted = std::min(core_.needed(), std::max<size_t>(2 * rest.size(), 64 * 1024));
  uint8_t c = 0;
  while (c < 2 && buffer_pool::class_bytes[c] - sizeof(buffer) < wanted) ++c;
  bool pooled = buffer_pool::class_bytes[c] - sizeof(buffer) >= wanted;
  partial_ = pooled ? home().buffers().take(c) : buffer_pool::take_large(wanted);
  std::memcpy(partial_->data(), rest.data(), rest.size());
  partial_bytes_ = rest.size();
}

void client_connection::read_failed(const io_result& r) {
  if (r.status == io_status::would_block) return;
  close(r.status == io_status::closed ? closed_reason::client_closed : closed_reason::read_error);
}

// -- output ----------------------------------------------------------------------------------------

void client_connection::send(std::string_view bytes) {
  out_.append(home().buffers(), bytes);
  queue_flush();
}

bool client_connection::deliver(routing::subscription& sub, const routing::message& m) {
  if (state_ != state::open) return false;
  if (m.origin == this && !core_.echo()) return false;
  if (static_cast<int64_t>(out_.pending()) > gate_.quick_limit() && drops_instead(m)) return false;
  ++sub.delivered;

  std::string_view payload = m.payload;
  int32_t header_bytes = m.header_bytes;
  if (header_bytes > 0 && !core_.headers()) {
    payload.remove_prefix(static_cast<size_t>(header_bytes));
    header_bytes = -1;
  }
  std::string_view sid = sub.sid();
  const bool copy =
    !m.owner || payload.size() < (blocked_ ? by_reference_blocked_bytes : by_reference_bytes);
  buffer_pool& pool = home().buffers();
  size_t room = msg_line_bound(m.subject.size(), sid.size(), m.reply.size())
                + (copy ? payload.size() + 2 : 0);
  char* out = out_.reserve(pool, room);
  char* p = out + (header_bytes > 0
                     ? write_hmsg_line(out, m.subject, sid, m.reply,
                                       static_cast<size_t>(header_bytes), payload.size())
                     : write_msg_line(out, m.subject, sid, m.reply, payload.size()));
  if (copy) {
    p = detail::copy_short(p, payload);
    p = detail::write_crlf(p);
    out_.commit(static_cast<size_t>(p - out));
  } else {
    out_.commit(static_cast<size_t>(p - out));
    out_.append_ref(m.owner, payload);
    out_.append(pool, crlf);
    if (blocked_ && out_.pending() >= unpin_check_at_) check_pins();
  }
  ++out_msgs_;
  out_bytes_ += payload.size();
  queue_flush();
  if (static_cast<int64_t>(out_.pending()) > gate_.quick_limit()) on_congested(m);
  return true;
}

bool client_connection::drops_instead(const routing::message&) {
  return hub_.node().settings.no_fast_producer_stall
         && gate_.on_queued(static_cast<int64_t>(out_.pending()))
              == flow_gate::verdict::hard_hold;
}

void client_connection::queue_flush() {
  if (blocked_) return;
  if (!queued) home().flush_later(*this);
  if (out_.pending() > early_flush_bytes) home().flush_early(*this);
}

void client_connection::at_turn_end() {
  if (state_ == state::open) {
    flush();
    if (state_ == state::open) return;
  }
  if (state_ == state::closing) {
    const bool few = core_.subscriptions().size() <= closed_subs_kept;
    last_words_ = std::make_unique<observe::connection_snapshot>(snapshot(few));
    core_.shut();
    release_producers();
    state_ = state::lingering;
    linger_until_ = home().now() + linger_time;
    if (flushes_before_close(reason_)) flush();
    if (out_.empty() || !blocked_ || !flushes_before_close(reason_)) return teardown();
    home().timers().arm(flow_timer_, linger_until_);
    return update_interest();
  }
  if (state_ == state::lingering) {
    flush();
    if (out_.empty()) teardown();
  }
}

void client_connection::flush() {
  constexpr size_t max_pieces = 512;
  iovec iov[max_pieces];
  const bool was_blocked = std::exchange(blocked_, false);
  while (!out_.empty()) {
    size_t n = out_.gather(iov, max_pieces);
    size_t wanted = 0;
    for (size_t i = 0; i < n; ++i) wanted += iov[i].iov_len;
    io_result r = transport_->write(iov, static_cast<int>(n));
    if (r.status == io_status::would_block) {
      flush_blocked(was_blocked);
      break;
    }
    if (r.status != io_status::ok) return flush_failed(r);
    out_.consume(r.bytes);
    last_write_progress_ = home().now();
    if (r.bytes < wanted) {
      flush_blocked(was_blocked);
      break;
    }
  }
  if (out_msgs_ != counted_out_msgs_) {
    hub_.counters().client_msgs_out(out_msgs_ - counted_out_msgs_, out_bytes_ - counted_out_bytes_);
    counted_out_msgs_ = out_msgs_;
    counted_out_bytes_ = out_bytes_;
  }
  if (!held_.empty() || gate_.lagging())
    if (gate_.on_drained(static_cast<int64_t>(out_.pending()))) release_producers();
  update_interest();
}

void client_connection::flush_blocked(bool was_blocked) {
  if (!was_blocked) last_write_progress_ = home().now();  // the write deadline begins here
  blocked_ = true;
  check_pins();
  if (!flow_timer_.armed()) arm_flow_timer();
}

void client_connection::check_pins() {
  if (out_.pins_too_much()) out_.unpin(home().buffers());
  unpin_check_at_ = out_.pending() + unpin_check_every;
}

void client_connection::flush_failed(const io_result&) {
  out_.clear();
  if (state_ == state::open) close(closed_reason::write_error);
}

// -- back-pressure ---------------------------------------------------------------------------------

void client_connection::on_congested(const routing::message& m) {
  nanos now = home().now();
  auto pending = static_cast<int64_t>(out_.pending());
  switch (gate_.on_queued(pending)) {
    case flow_gate::verdict::pass: return;
    case flow_gate::verdict::overflow: return slow_consumer(closed_reason::slow_consumer_pending_bytes);
    case flow_gate::verdict::hold:
    case flow_gate::verdict::hard_hold: break;
  }
  const session_settings& settings = hub_.node().settings;
  if (settings.no_fast_producer_stall || m.origin == this) return;
  if (std::find(held_.begin(), held_.end(), m.producer) != held_.end()) return;
  bool hard = gate_.on_queued(pending) == flow_gate::verdict::hard_hold;
  nanos until = now + (hard ? flow_gate::hard_hold : flow_gate::soft_hold);
  // The first of a group decides when all of it goes on; whoever comes later waits less.
  if (held_.empty()) release_at_ = until;
  held_.push_back(m.producer);
  hub_.hold_producer_of(m.producer, until);
  hub_.counters().stalls.add(1);
  arm_flow_timer();
}

void client_connection::release_producers() {
  std::vector<routing::producer_ref> list;
  list.swap(held_);
  for (const routing::producer_ref& p : list) hub_.release_producer_of(p);
}

void client_connection::slow_consumer(closed_reason reason) {
  if (state_ != state::open) return;
  hub_.counters().slow_consumers.clients.add(1);
  if (reason == closed_reason::slow_consumer_pending_bytes)
    log::info("{} - Slow Consumer Detected: MaxPending of {} Exceeded", label(),
                gate_.max_pending());
  else
    log::info("{} - Slow Consumer Detected: WriteDeadline of {} exceeded with {} chunks of {} total "
              "bytes.",
              label(), go_duration_text(hub_.node().settings.write_deadline.count()),
              out_.chunks(), out_.pending());
  close(reason);
}

void client_connection::hold(nanos until) {
  hold_until_ = until;
  ++stalls_;
  update_interest();
  arm_flow_timer();
}

void client_connection::release() {
  hold_until_ = nanos::zero();
  update_interest();
}

void client_connection::pause_for_link(reactor_index target) {
  if (state_ != state::open || (links_full_ >> target) & 1) return;
  links_full_ |= uint64_t{1} << target;
  update_interest();
  home().wait_for_link(target, *this);
}

void client_connection::link_opened(reactor_index target) {
  links_full_ &= ~(uint64_t{1} << target);
  update_interest();
}

void client_connection::update_interest() {
  if (slot_ == UINT32_MAX) return;
  bool reads = state_ == state::open && links_full_ == 0 && hold_until_ == nanos::zero();
  uint32_t wanted = (reads ? uint32_t{EPOLLIN} : 0u) | (blocked_ ? uint32_t{EPOLLOUT} : 0u);
  if (wanted == watched_) return;
  watched_ = wanted;
  home().rewatch(slot_, transport_->fd(), wanted);
}

// -- timers ----------------------------------------------------------------------------------------

void client_connection::arm_core_timer() {
  armed_for_ = core_.deadline();
  if (armed_for_ != nanos::max()) home().timers().arm(core_timer_, armed_for_);
}

void client_connection::core_timer_fired(void* self, nanos now) {
  auto& c = *static_cast<client_connection*>(self);
  if (c.state_ != state::open) return;
  if (c.core_.deadline() <= now) c.core_.on_deadline(now);
  if (c.state_ == state::open) c.arm_core_timer();
}

void client_connection::arm_flow_timer() {
  nanos next = nanos::max();
  if (blocked_) next = last_write_progress_ + hub_.node().settings.write_deadline;
  if (hold_until_ != nanos::zero()) next = std::min(next, hold_until_);
  if (!held_.empty()) next = std::min(next, release_at_);
  if (state_ == state::lingering) next = linger_until_;
  if (next != nanos::max()) home().timers().arm(flow_timer_, next);
}

void client_connection::flow_timer_fired(void* self, nanos now) {
  auto& c = *static_cast<client_connection*>(self);
  if (c.state_ == state::lingering) return c.teardown();
  if (c.state_ != state::open) return;
  if (c.hold_until_ != nanos::zero() && c.hold_until_ <= now) c.release();
  if (!c.held_.empty() && c.release_at_ <= now) {
    c.gate_.on_hold_expired();
    c.release_producers();
  }
  const session_settings& settings = c.hub_.node().settings;
  if (c.blocked_ && c.last_write_progress_ + settings.write_deadline <= now) {
    if (settings.close_on_write_timeout)
      return c.slow_consumer(closed_reason::slow_consumer_write_deadline);
    c.last_write_progress_ = now;
  }
  c.arm_flow_timer();
}

// -- session ---------------------------------------------------------------------------------------

auth_outcome client_connection::authenticate(const connect_options& who, bool) {
  auth_decision decision = hub_.node().auth->check(who);
  if (!decision.ok) {
    hub_.counters().auth_errors.add(1);
    return {};
  }
  if (!profile_) profile_ = std::make_unique<profile>();
  profile_->user = std::move(decision.user);
  return {.ok = true};
}

std::string client_connection::connect_info() {
  server_info info = hub_.node().info;
  info.client_id = value(id_);
  info.client_ip = ip_;
  info.connect_info = true;
  info.remote_account = shard_->account().name;
  info.account_is_system = shard_->account().is_system;
  return encode_info(info);
}

void client_connection::announce_lame_duck() {
  if (state_ != state::open || !core_.takes_async_info()) return;
  server_info info = hub_.node().info;
  info.client_id = value(id_);
  info.client_ip = ip_;
  info.lame_duck = true;
  info.connect_urls.clear();
  client_connection::send(encode_info(info));
}

bool client_connection::publish(const op& o) {
  routing::message m;
  m.subject = o.subject;
  m.reply = o.reply;
  m.payload = o.payload;
  m.header_bytes = o.header_bytes;
  m.owner = reading_from_;
  m.producer = {home().index(), id_};
  m.origin = this;
  bool delivered = shard_->publish(m, *this);
  home().run_early_flushes();
  return delivered;
}

routing::subscription* client_connection::subscribe(std::string_view subject,
                                                    std::string_view queue, std::string_view sid) {
  return shard_->subscribe(this, subject, queue, sid);
}

bool client_connection::matches(const routing::subscription& sub, std::string_view literal) {
  std::string filter;
  shard_->core().subject_of(sub, filter);
  return matches_filter(literal, filter);
}

void client_connection::connected(const connect_options& who) {
  profile_->name = who.name;
  profile_->lang = who.lang;
  profile_->version = who.version;
}

uint64_t client_connection::random(uint64_t bound) {
  // Jitter only: spreads the pings of clients that connected together.
  uint64_t x = value(id_) * 0x9e3779b97f4a7c15 ^ static_cast<uint64_t>(home().now().count());
  x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9;
  return (x >> 20) % bound;
}

// -- the end ---------------------------------------------------------------------------------------

void client_connection::close(closed_reason reason) {
  if (state_ != state::open) return;
  state_ = state::closing;
  reason_ = reason;
  if (reason == closed_reason::stale_connection) hub_.counters().stale_connections.clients.add(1);
  home().flush_later(*this);
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
  core_timer_.cancel();
  flow_timer_.cancel();
  home().stop_waiting(*this);
  out_.clear();
  partial_.reset();
  home().unwatch(std::exchange(slot_, UINT32_MAX), transport_->fd());
  transport_->close();
  hub_.remove(*this, std::move(last));
}

} // namespace troupe
