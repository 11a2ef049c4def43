#include "actors/session/websocket_stage.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actors/observe/logger.hpp"
#include "actors/session/websocket_inflow.hpp"
#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/frame.hpp"

namespace troupe {

namespace {

using namespace websocket;

constexpr size_t scratch_bytes = 64 * 1024;
/// Browsers take small frames better than large ones.
constexpr size_t browser_frame_bytes = 4096;
/// Input of one compressed message: bounds the stage's memory and the time it takes the reactor.
constexpr size_t deflate_at_once_bytes = 128 * 1024;
/// Answers to pings that wait for a peer who does not read; it gets no more than these.
constexpr size_t waiting_pongs_bytes = 8 * 1024;
/// What a stage keeps of a buffer that has become empty.
constexpr size_t kept_bytes = 4 * 1024;

char* scratch() {
  thread_local const auto block = std::make_unique<char[]>(scratch_bytes);
  return block.get();
}

deflater& shared_deflater() {
  thread_local deflater one;
  return one;
}

/// Up to so many frames and pieces of one gathered write.
struct write_plan {
  static constexpr size_t max_frames = 128, max_pieces = 768;
  struct frame {
    size_t head = 0, payload = 0;
  };
  std::array<iovec, max_pieces> pieces;
  std::array<frame, max_frames> frames;
  std::array<std::array<char, max_server_header_bytes>, max_frames> heads;
  size_t piece_count = 0, frame_count = 0;

  void add(const char* data, size_t n) { pieces[piece_count++] = {const_cast<char*>(data), n}; }
  bool full() const { return frame_count == max_frames || piece_count + 2 >= max_pieces; }
};

/// Walks over the session's pieces.
struct piece_cursor {
  const iovec* iov;
  size_t count, index = 0, at = 0;

  size_t left() const {
    size_t n = 0;
    for (size_t i = index; i < count; ++i) n += iov[i].iov_len;
    return n - at;
  }
  /// The next contiguous bytes, at most `most`.
  std::string_view take(size_t most) {
    while (index < count && at == iov[index].iov_len) {
      ++index;
      at = 0;
    }
    if (index == count) return {};
    const char* data = static_cast<const char*>(iov[index].iov_base) + at;
    const size_t n = std::min(most, iov[index].iov_len - at);
    at += n;
    return {data, n};
  }
  void skip(size_t n) {
    while (n > 0) n -= take(n).size();
  }
};

class stage final : public websocket_stage {
public:
  stage(std::unique_ptr<transport> lower, std::shared_ptr<const websocket_policy> policy,
        int64_t max_payload, std::string peer)
      : lower_(std::move(lower)), policy_(std::move(policy)), peer_(std::move(peer)),
        inflow_(max_inflated_bytes(max_payload)) {}

  io_result handshake() override;
  handshake_step take_step() override { return lower_->take_step(); }
  peer_verdict_ptr take_peer_verdict() override { return lower_->take_peer_verdict(); }
  io_result read(const iovec* iov, int count) override;
  io_result write(const iovec* iov, int count) override;
  void say_goodbye(uint16_t code, std::string_view text) override;

  std::string failure() const override {
    return failure_.empty() ? lower_->failure() : failure_;
  }
  uint32_t wants() const override {
    const bool waits = !before_.empty() || (frame_left_ == 0 && !controls_.empty());
    return (waits ? uint32_t{EPOLLOUT} : 0u) | lower_->wants();
  }
  bool has_input() const override {
    return !held_.empty() || inflow_.has_more() || ended_ || lower_->has_input();
  }
  const tls_session* tls() const override { return lower_->tls(); }
  websocket_stage* websocket() override { return this; }
  const upgrade_facts& facts() const override { return facts_; }
  void close() override { lower_->close(); }
  int fd() const override { return lower_->fd(); }

private:
  bool judge();
  void log_refusal(const std::string& reason) const;
  io_result flush_before();
  bool admit_controls();
  io_result write_frames(piece_cursor from, size_t total);
  void plan_frames(piece_cursor from, size_t total, write_plan& plan);
  size_t account(const write_plan& plan, size_t written);
  bool deflate(piece_cursor& from);
  void frame_compressed(std::string_view packed);
  void answer_ping(std::string_view payload);
  void settle(std::string& emptied);
  io_result end_of_input() const {
    return {failure_.empty() ? io_status::closed : io_status::failed, 0, EPROTO};
  }

  std::unique_ptr<transport> lower_;
  std::shared_ptr<const websocket_policy> policy_;
  std::string peer_;     // "ip:port", for the log
  std::string request_;  // before the upgrade
  size_t scanned_ = 0;
  upgrade_facts facts_;
  websocket_inflow inflow_;
  std::string held_;      // input that found no room in the session's buffer
  std::string before_;    // goes out before anything else
  size_t before_at_ = 0;  // of it, what has gone
  std::string controls_;  // answers to pings; they go out between frames
  std::string goodbye_;   // the close frame that the peer's frames gave reason for
  uint64_t frame_left_ = 0;  // of the frame in progress, bytes that the session still has
  std::string failure_;
  bool lower_up_ = false, upgraded_ = false, hangs_up_ = false;
  bool ended_ = false;  // no frame will be taken any more
  bool said_goodbye_ = false;
};

void stage::settle(std::string& emptied) {
  emptied.clear();
  if (emptied.capacity() > kept_bytes) std::string().swap(emptied);
}

// -- the upgrade -----------------------------------------------------------------------------------

io_result stage::handshake() {
  if (!lower_up_) {
    if (io_result r = lower_->handshake(); r.status != io_status::ok) return r;
    lower_up_ = true;
  }
  while (true) {
    if (!before_.empty())
      if (io_result r = flush_before(); r.status != io_status::ok) return r;
    if (hangs_up_) return {io_status::failed, 0, EPROTO};
    if (upgraded_) return {};
    if (judge()) continue;
    iovec piece{scratch(), kept_bytes};
    io_result r = lower_->read(&piece, 1);
    if (r.status != io_status::ok) return r;
    request_.append(scratch(), r.bytes);
  }
}

/// Whether there is an answer, in `before_`.
bool stage::judge() {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  upgrade_outcome verdict = judge_upgrade(request_, scanned_, policy_->upgrade, now);
  if (verdict.is == upgrade_outcome::kind::need_more) return false;
  before_ = std::move(verdict.answer);
  if (verdict.is == upgrade_outcome::kind::upgraded) {
    facts_ = std::move(verdict.facts);
    inflow_.begin(facts_.compression);
    std::string().swap(request_);
    upgraded_ = true;
    return true;
  }
  if (!verdict.reason.empty()) log_refusal(verdict.reason);
  hangs_up_ = verdict.close;
  failure_ = hangs_up_ ? "no upgrade" : "";
  request_.erase(0, verdict.consumed);
  scanned_ = 0;
  return true;
}

void stage::log_refusal(const std::string& reason) const {
  const bool plain = reason.starts_with("Not configured");
  log::error("{}", plain ? reason : peer_ + " - websocket handshake error: " + reason);
}

// -- in --------------------------------------------------------------------------------------------

io_result stage::read(const iovec* iov, int count) {
  if (ended_) return end_of_input();
  room_cursor out{iov, count};
  std::string_view in = held_;
  if (held_.empty() && !inflow_.has_more()) {
    iovec piece{scratch(), std::min(scratch_bytes, out.room())};
    io_result r = lower_->read(&piece, 1);
    if (r.status != io_status::ok) return r;
    in = {scratch(), r.bytes};
  }
  bool more = true;
  while (more) {
    const auto e = inflow_.take(in, out);
    switch (e) {
      case websocket_inflow::event::ping: answer_ping(inflow_.control()); break;
      case websocket_inflow::event::closed:
        goodbye_ = control_frame(opcode::close, inflow_.control());
        ended_ = true;
        break;
      case websocket_inflow::event::failed:
        failure_ = inflow_.failure();
        goodbye_ = close_frame(inflow_.failure_code(), failure_);
        ended_ = true;
        break;
      default: break;
    }
    more = e == websocket_inflow::event::ping;
  }
  if (ended_) in = {};
  if (in.data() >= held_.data() && in.data() <= held_.data() + held_.size()) {
    held_.erase(0, held_.size() - in.size());
    if (held_.empty()) settle(held_);
  } else {
    held_.assign(in);
  }
  if (frame_left_ == 0 && wants() != 0) flush_before();
  if (out.made > 0) return {io_status::ok, out.made, 0};
  return ended_ ? end_of_input() : io_result{io_status::would_block, 0, 0};
}

void stage::answer_ping(std::string_view payload) {
  if (controls_.size() < waiting_pongs_bytes) controls_ += control_frame(opcode::pong, payload);
}

// -- out -------------------------------------------------------------------------------------------

io_result stage::flush_before() {
  while (true) {
    while (before_at_ < before_.size()) {
      iovec piece{before_.data() + before_at_, before_.size() - before_at_};
      io_result r = lower_->write(&piece, 1);
      if (r.status != io_status::ok) return r;
      if (r.bytes == 0) return {io_status::would_block, 0, 0};
      before_at_ += r.bytes;
    }
    before_at_ = 0;
    settle(before_);
    if (!admit_controls()) return {};
  }
}

/// Between two frames: what waited for that. Whether there is something.
bool stage::admit_controls() {
  if (frame_left_ > 0 || !before_.empty() || controls_.empty()) return false;
  before_ = std::exchange(controls_, {});
  return true;
}

io_result stage::write(const iovec* iov, int count) {
  admit_controls();
  piece_cursor from{iov, static_cast<size_t>(count)};
  if (count == 0) {
    if (io_result r = flush_before(); r.status != io_status::ok) return r;
    return lower_->write(nullptr, 0);
  }
  if (!facts_.compression) return write_frames(from, from.left());
  // What was compressed is ours: no more is taken before it has left.
  size_t done = 0;
  while (true) {
    io_result r = flush_before();
    const size_t left = from.left();
    if (r.status == io_status::ok && left > 0) {
      if (frame_left_ > 0 || left < compress_from_bytes) {
        r = write_frames(from, frame_left_ > 0 ? std::min<size_t>(frame_left_, left) : left);
        if (r.status == io_status::ok) {
          from.skip(r.bytes);
          done += r.bytes;
          if (frame_left_ > 0 || !before_.empty()) return {io_status::ok, done, 0};
          continue;
        }
      } else {
        if (!deflate(from)) return {io_status::failed, 0, EPROTO};
        done += left - from.left();
        continue;
      }
    }
    if (r.status == io_status::failed || r.status == io_status::closed) return r;
    return done > 0 ? io_result{io_status::ok, done, 0} : r;
  }
}

/// Writes `total` of the pieces, uncompressed. It does not move the cursor.
io_result stage::write_frames(piece_cursor from, size_t total) {
  size_t done = 0;
  while (done < total) {
    write_plan plan;
    plan_frames(from, total - done, plan);
    size_t wanted = 0;
    for (size_t i = 0; i < plan.piece_count; ++i) wanted += plan.pieces[i].iov_len;
    io_result r = lower_->write(plan.pieces.data(), static_cast<int>(plan.piece_count));
    if (r.status != io_status::ok) {
      if (r.status == io_status::would_block && done > 0) return {io_status::ok, done, 0};
      return r;
    }
    const size_t taken = account(plan, r.bytes);
    from.skip(taken);
    done += taken;
    if (r.bytes < wanted) return {done > 0 ? io_status::ok : io_status::would_block, done, 0};
  }
  return {io_status::ok, done, 0};
}

void stage::plan_frames(piece_cursor from, size_t total, write_plan& plan) {
  if (!before_.empty()) plan.add(before_.data() + before_at_, before_.size() - before_at_);
  uint64_t begun = frame_left_;
  while (total > 0 && !plan.full()) {
    auto& f = plan.frames[plan.frame_count];
    const size_t most = facts_.browser ? browser_frame_bytes : total;
    size_t left = begun > 0 ? static_cast<size_t>(std::min<uint64_t>(begun, total))
                            : std::min(total, most);
    // Of a frame in progress all is left to be written; the rest of it may have to wait.
    f = {0, begun > 0 ? static_cast<size_t>(begun) : left};
    if (begun == 0) {
      auto& head = plan.heads[plan.frame_count];
      f.head = write_header(head.data(), opcode::binary, true, false, left);
      plan.add(head.data(), f.head);
    }
    begun = 0;
    ++plan.frame_count;
    total -= left;
    while (left > 0 && plan.piece_count < write_plan::max_pieces) {
      const std::string_view piece = from.take(left);
      plan.add(piece.data(), piece.size());
      left -= piece.size();
    }
    if (left > 0) return;
  }
}

/// What the socket took -> state; returns the bytes of it that are the session's.
size_t stage::account(const write_plan& plan, size_t written) {
  const size_t first = std::min(written, before_.size() - before_at_);
  before_at_ += first;
  written -= first;
  if (before_at_ < before_.size()) return 0;
  before_at_ = 0;
  settle(before_);
  size_t taken = 0;
  for (size_t i = 0; i < plan.frame_count && written > 0; ++i) {
    const write_plan::frame& f = plan.frames[i];
    const size_t head = std::min(written, f.head);
    written -= head;
    if (head < f.head) before_.assign(plan.heads[i].data() + head, f.head - head);
    const size_t n = std::min(written, f.payload);
    written -= n;
    taken += n;
    frame_left_ = f.payload - n;
    if (frame_left_ > 0) break;
  }
  return taken;
}

// -- compressed ------------------------------------------------------------------------------------

/// Takes as much as one message may be made of and puts it, framed, into `before_`.
bool stage::deflate(piece_cursor& from) {
  thread_local std::string packed;
  packed.clear();
  deflater& d = shared_deflater();
  d.begin(packed);
  size_t left = std::min(from.left(), deflate_at_once_bytes);
  while (left > 0) {
    const std::string_view piece = from.take(left);
    d.add(piece);
    left -= piece.size();
  }
  if (!d.end()) {
    failure_ = "Error during compression";
    return false;
  }
  frame_compressed(packed);
  return true;
}

void stage::frame_compressed(std::string_view packed) {
  const size_t most =
    facts_.browser && !facts_.whole_messages ? browser_frame_bytes : std::max<size_t>(packed.size(), 1);
  before_.reserve(packed.size() + (packed.size() / most + 1) * max_server_header_bytes);
  bool first = true;
  while (first || !packed.empty()) {
    const std::string_view part = packed.substr(0, most);
    packed.remove_prefix(part.size());
    std::array<char, max_server_header_bytes> head;
    const size_t n = write_header(head.data(), first ? opcode::binary : opcode::continuation,
                                  packed.empty(), first, part.size());
    before_.append(head.data(), n).append(part);
    first = false;
  }
}

// -- the end ---------------------------------------------------------------------------------------

void stage::say_goodbye(uint16_t code, std::string_view text) {
  // Inside a frame a close frame would be read as its payload.
  if (!upgraded_ || said_goodbye_ || frame_left_ > 0) return;
  said_goodbye_ = true;
  before_ += std::exchange(controls_, {});
  before_ += goodbye_.empty() ? close_frame(code, text) : goodbye_;
  flush_before();
}

} // namespace

std::unique_ptr<websocket_stage> make_websocket_stage(std::unique_ptr<transport> lower,
                                                      std::shared_ptr<const websocket_policy> policy,
                                                      int64_t max_payload, std::string peer) {
  return std::make_unique<stage>(std::move(lower), std::move(policy), max_payload, std::move(peer));
}

} // namespace troupe
