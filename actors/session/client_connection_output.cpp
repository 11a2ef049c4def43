// Writing: from a delivery to the socket, and what holds producers back meanwhile.
#include "actors/session/client_connection.hpp"

#include <sys/epoll.h>

#include <algorithm>

#include "actors/observe/logger.hpp"
#include "actors/session/client_hub.hpp"
#include "protocol/client/encoder.hpp"
#include "protocol/time_text.hpp"

namespace troupe {

namespace {

/// Payloads from here on travel by reference to the block they were read into. Smaller ones are
/// cheaper to copy than to list: each piece costs the kernel a check and a copy of its own, and may
/// keep a whole read block from being used again.
constexpr size_t by_reference_bytes = 4096;
/// How much a blocked backlog may grow before it is checked for pinned blocks again.
constexpr size_t unpin_check_every = 512 * 1024;
/// A backlog of this size is written at once instead of at the end of the turn, while it is still
/// in the nearest cache. Of large payloads it is more: each write wakes its reader, and four of
/// them to a write are too few.
constexpr size_t early_flush_bytes = 60 * 1024;
constexpr size_t early_flush_large_bytes = 1024 * 1024;
constexpr size_t large_payload_bytes = 16 * 1024;

} // namespace

void client_connection::send(std::string_view bytes) {
  out_.append(home().buffers(), bytes);
  queue_flush(early_flush_bytes);
}

bool client_connection::deliver(routing::subscription& sub, const routing::message& m) {
  if (m.trace) [[unlikely]] return deliver_traced(sub, m);
  if (state_ != state::open) return false;
  if (m.origin == this && !core_.echo()) return false;
  if (static_cast<int64_t>(out_.pending()) > gate_.quick_limit() && drops_instead(m)) return false;
  if (guard_) [[unlikely]] {
    if (filters_ && !guard_->may_deliver(m.subject, shard_->core().queue_of(sub))) return false;
    if (!m.reply.empty() && guard_->tracks_replies())
      guard_->on_delivered(m.reply, home().now());
  }
  ++sub.delivered;

  std::string_view payload = m.payload;
  int32_t header_bytes = m.header_bytes;
  if (header_bytes > 0 && !core_.headers()) {
    payload.remove_prefix(static_cast<size_t>(header_bytes));
    header_bytes = -1;
  }
  std::string_view sid = sub.sid();
  const bool copy = !m.owner || payload.size() < by_reference_bytes;
  buffer_pool& pool = home().buffers();
  size_t room = msg_line_bound(m.subject.size(), sid.size(), m.reply.size())
                + (copy ? payload.size() + 2 : 0);
  char* out = out_.reserve(pool, room);
  char* p = out + (header_bytes > 0
                     ? write_hmsg_line(out, m.subject, sid, m.reply,
                                       static_cast<size_t>(header_bytes), payload.size())
                     : write_msg_line(out, m.subject, sid, m.reply, payload.size()));
  if (core_.traced()) [[unlikely]]
    trace_delivery({out, static_cast<size_t>(p - out) - crlf.size()}, payload, header_bytes);
  if (copy) {
    p = detail::copy_short(p, payload);
    p = detail::write_crlf(p);
    out_.commit(static_cast<size_t>(p - out));
  } else {
    out_.commit(static_cast<size_t>(p - out));
    out_.append_ref(m.owner, payload);
    detail::write_crlf(out_.reserve(pool, crlf.size()));
    out_.commit(crlf.size());
    if (blocked_ && out_.pending() >= unpin_check_at_) check_pins();
  }
  ++out_msgs_;
  out_bytes_ += payload.size();
  const size_t early =
    payload.size() < large_payload_bytes
      ? early_flush_bytes
      : std::min(early_flush_large_bytes, static_cast<size_t>(gate_.quick_limit()) / 2);
  if (!queued || out_.pending() > early) queue_flush(early);
  if (static_cast<int64_t>(out_.pending()) > gate_.quick_limit()) on_congested(m);
  return true;
}

bool client_connection::drops_instead(const routing::message&) {
  return hub_.policy().settings.no_fast_producer_stall
         && gate_.on_queued(static_cast<int64_t>(out_.pending()))
              == flow_gate::verdict::hard_hold;
}

/// Early, that is before the turn ends, with a backlog of more than `early_bytes`.
void client_connection::queue_flush(size_t early_bytes) {
  if (blocked_) return;
  if (!queued) home().flush_later(*this);
  if (out_.pending() > early_bytes) home().flush_early(*this);
}

void client_connection::flush() {
  constexpr size_t max_pieces = 512;
  iovec iov[max_pieces];
  const bool was_blocked = std::exchange(blocked_, false);
  size_t written = 0;
  while (!out_.empty()) {
    size_t n = out_.gather(iov, max_pieces);
    size_t wanted = 0;
    for (size_t i = 0; i < n; ++i) wanted += iov[i].iov_len;
    io_result r = transport_->write(iov, static_cast<int>(n));
    if (r.status == io_status::would_block) {
      flush_blocked(was_blocked, written);
      break;
    }
    if (r.status != io_status::ok) return flush_failed(r);
    out_.consume(r.bytes);
    written += r.bytes;
    if (r.bytes < wanted) {
      flush_blocked(was_blocked, written);
      break;
    }
  }
  if (out_msgs_ != counted_out_msgs_) {
    hub_.counters().client_msgs_out(out_msgs_ - counted_out_msgs_, out_bytes_ - counted_out_bytes_);
    shard_->traffic().out_msgs.add(out_msgs_ - counted_out_msgs_);
    shard_->traffic().out_bytes.add(out_bytes_ - counted_out_bytes_);
    counted_out_msgs_ = out_msgs_;
    counted_out_bytes_ = out_bytes_;
  }
  if (!held_.empty() || gate_.lagging())
    if (gate_.on_drained(static_cast<int64_t>(out_.pending()))) release_producers();
  update_interest();
}

void client_connection::flush_blocked(bool was_blocked, size_t written) {
  if (was_blocked) write_deadline_.on_written(written);
  if (!was_blocked || write_deadline_.done())
    write_deadline_.begin(home().now(), out_.pending(), !was_blocked && written > 0);
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
    case flow_gate::verdict::overflow: return overflow();
    case flow_gate::verdict::hold:
    case flow_gate::verdict::hard_hold: break;
  }
  const session_settings& settings = hub_.policy().settings;
  if (settings.no_fast_producer_stall || m.origin == this) return;
  if (std::find(held_.begin(), held_.end(), m.producer) != held_.end()) return;
  bool hard = gate_.on_queued(pending) == flow_gate::verdict::hard_hold;
  nanos until = now + (hard ? flow_gate::hard_hold : flow_gate::soft_hold);
  // The first of a group decides when all of it goes on; whoever comes later waits less.
  if (held_.empty()) release_at_ = until;
  held_.push_back(m.producer);
  hub_.hold_producer_of(m.producer, until);
  hub_.counters().stalls.add(1);
  ++stalls_;
  arm_flow_timer();
}

void client_connection::release_producers() {
  std::vector<routing::producer_ref> list;
  list.swap(held_);
  for (const routing::producer_ref& p : list) hub_.release_producer_of(p);
}

void client_connection::on_write_deadline(nanos now) {
  const session_settings& settings = hub_.policy().settings;
  const auto verdict = write_deadline_.judge(now, settings.write_deadline);
  if (verdict == write_deadline::verdict::in_time) return;
  count_slow_consumer();
  log::info("{} - Slow Consumer {}: WriteDeadline of {} exceeded with {} chunks of {} total bytes.",
            label(), slow_ ? "State" : "Detected",
            go_duration_text(settings.write_deadline.count()), out_.chunks(), out_.pending());
  if (settings.close_on_write_timeout || verdict == write_deadline::verdict::stuck)
    return close(closed_reason::slow_consumer_write_deadline);
  slow_ = true;
  write_deadline_.begin(now, out_.pending(), false);
}

void client_connection::overflow() {
  if (state_ != state::open) return;
  count_slow_consumer();
  log::info("{} - Slow Consumer Detected: MaxPending of {} Exceeded", label(), gate_.max_pending());
  close(closed_reason::slow_consumer_pending_bytes);
}

void client_connection::count_slow_consumer() {
  hub_.counters().slow_consumers.clients.add(1);
  shard_->traffic().slow_consumers.add(1);
}

void client_connection::hold(nanos until) {
  hold_until_ = until;
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
  uint32_t wanted = (reads() ? uint32_t{EPOLLIN} : 0u) | (blocked_ ? uint32_t{EPOLLOUT} : 0u)
                    | transport_->wants();
  if (wanted == watched_) return;
  const bool begins_to_read = wanted & ~watched_ & EPOLLIN;
  watched_ = wanted;
  if (begins_to_read && transport_->has_input()) arm_flow_timer();
  home().rewatch(slot_, wanted);
}

} // namespace troupe
