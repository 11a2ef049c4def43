// Reading: from the socket to the session core.
#include "actors/session/client_connection.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "actors/session/client_hub.hpp"

namespace troupe {

namespace {

/// An operation of at least this size is read into a block of its own.
constexpr size_t own_block_bytes = 32 * 1024;
/// A payload that has come this far gets room of its own.
constexpr size_t begun_payload_bytes = 1024;
/// The least that a read has room for, and the most.
constexpr size_t least_read_bytes = 64 * 1024;
constexpr size_t usual_read_bytes = 128 * 1024;
/// The same for a socket that sends payloads of so many bytes and more, faster than they are read.
/// Each read costs an answer to the sender, and each turn a write to every reader: with more in
/// one there are fewer. Small ones are better handled while they are in the nearest cache.
constexpr size_t least_wide_read_bytes = 384 * 1024;
constexpr size_t wide_payload_bytes = 4096;

} // namespace

void client_connection::on_io(uint32_t events) {
  contained([&] { handle_io(events); });
}

void client_connection::handle_io(uint32_t events) {
  constexpr uint32_t readable = EPOLLIN | EPOLLHUP | EPOLLERR;
  if (events & EPOLLOUT) {
    // Nothing of ours: then it is a stage below that waited for room.
    if (out_.empty()) transport_->write(nullptr, 0);
    // Ours goes at the end of the turn, when what the turn gathered for other reactors has left.
    home().flush_later(*this);
  }
  if (state_ == state::opening) {
    // Nothing is read while another thread works on the handshake, so these would be told again.
    if (step_elsewhere_ && (events & (EPOLLHUP | EPOLLERR))) return fail_handshake("EOF");
    open_up();
    return read_what_waits();
  }
  if (events & readable) {
    if (state_ == state::open) read();
    while (reads() && transport_->has_input()) read();
    // Reading may have left answers of a stage's own to be written.
    if (stages_up_) update_interest();
  }
  if (state_ == state::lingering && (events & (EPOLLHUP | EPOLLERR))) teardown();
}

/// What came behind the last message of a handshake waits in its stage, and epoll says nothing.
void client_connection::read_what_waits() {
  while (state_ == state::open && reads() && transport_->has_input()) read();
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
  r.read_block(lead + (wide_reads_ ? least_wide_read_bytes : least_read_bytes));
  char* at = r.read_at();
  if (lead) std::memcpy(at, partial_->data(), lead);
  const bool whole = !large || partial_bytes_ + direct == core_.needed();
  const size_t room = wide_reads_ ? r.read_room() : std::min(r.read_room(), usual_read_bytes);
  if (whole) iov[pieces++] = {at + lead, room - lead};

  io_result got = transport_->read(iov, pieces);
  if (got.status != io_status::ok) return read_failed(got);
  r.drain_inbound();
  if (state_ != state::open) return;

  size_t bytes = got.bytes;
  const uint64_t msgs = core_.in_msgs(), in_bytes = core_.in_bytes();
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
  wide_reads_ = got.bytes >= std::min(room - lead, usual_read_bytes - least_read_bytes / 2)
                && core_.in_bytes() - in_bytes > (core_.in_msgs() - msgs) * wide_payload_bytes;
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
  // What it says is judged by one set of rules, the newest.
  if (!obeys()) obey(hub_.policy());
  if (state_ != state::open) return;
  reading_from_ = block;
  nanos now = home().now();
  size_t used = core_.on_bytes(bytes, now);
  reading_from_ = nullptr;
  uint64_t msgs = core_.in_msgs(), in_bytes = core_.in_bytes();
  if (msgs != counted_in_msgs_) {
    hub_.counters().client_msgs_in(msgs - counted_in_msgs_, in_bytes - counted_in_bytes_);
    shard_->traffic().in_msgs.add(msgs - counted_in_msgs_);
    shard_->traffic().in_bytes.add(in_bytes - counted_in_bytes_);
    counted_in_msgs_ = msgs;
    counted_in_bytes_ = in_bytes;
  }
  if (state_ != state::open) return;
  keep_rest(bytes.substr(used));
  if (core_.login_pending()) update_interest();
  if (core_.deadline() < armed_for_) arm_core_timer();
}

void client_connection::keep_rest(std::string_view rest) {
  if (rest.empty()) return;
  size_t wanted = rest.size();
  // Only a payload that really comes gets room of its own: announcing one costs nothing.
  if (core_.needed() > own_block_bytes && rest.size() >= begun_payload_bytes)
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
  if (r.status == io_status::failed && stages_up_)
    if (const std::string why = transport_->failure(); !why.empty())
      log_error("read error: " + why);
  close(r.status == io_status::closed ? closed_reason::client_closed : closed_reason::read_error);
}

} // namespace troupe
