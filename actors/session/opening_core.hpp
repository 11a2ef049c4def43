// What happens between accept and the first byte of the protocol: when INFO goes out, whether there
// is a header of the PROXY protocol to read, whether the client gets TLS, and until when it must
// have come that far.
//
// The client's first byte tells TLS (0x16) from plain text; until it has come, a silent connection
// costs no TLS state. Plain listeners without stages of their own need no opening at all. A PROXY
// header comes before whatever the client itself sends, in clear.
// Pure: looks and times come in, the next act comes out. One per connection while it opens.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace troupe {

using nanos = std::chrono::nanoseconds;

struct opening_rules {
  bool tls = false;
  bool info_first = true;    // INFO in clear; false: when all stages are up
  bool allow_plain = false;  // whoever does not begin TLS goes on in clear
  bool stages = false;       // a stage above TCP or TLS has a handshake of its own (WebSocket)
  bool proxy_header = false;  // a header of the PROXY protocol may come first
  nanos tls_wait{};          // not info_first: a client silent for so long gets INFO after all
  nanos timeout = std::chrono::seconds(2);

  /// Nothing to wait for: INFO, then the session.
  bool immediate() const { return !tls && !stages && !proxy_header; }
};

enum class opening_act : uint8_t {
  send_info,         // in clear; then `info_sent`
  read_header,       // of the PROXY protocol; `header_bytes`, then `header_read`
  await_first_byte,  // then `first_byte`
  handshake,         // of all stages, with TLS if `with_tls`; then `handshaken`
  open,              // the session begins; INFO is due if it was not sent
  refuse_plain,      // plain text where TLS is required
  header_late,       // the PROXY header did not come in time
  give_up,           // the handshake took too long
};

class opening_core {
public:
  /// For the bytes that tell whether there is a header, and then for the header. As in Go.
  static constexpr nanos header_time = std::chrono::seconds(5);

  opening_core(const opening_rules& rules, nanos now) : rules_(rules) {
    header_pending_ = rules_.proxy_header;
    if (!header_pending_) {
      begin(now);
      return;
    }
    act_ = rules_.info_first ? opening_act::send_info : opening_act::read_header;
    deadline_ = now + (waits_for_either() ? rules_.tls_wait : header_time);
  }

  opening_act act() const { return act_; }
  bool with_tls() const { return with_tls_; }
  bool info_is_sent() const { return info_sent_; }
  /// Whoever leaves before its first byte has failed to begin TLS; otherwise it could have gone on in clear.
  bool needs_tls() const {
    return rules_.tls && !(rules_.allow_plain && (info_sent_ || waits_for_either()));
  }
  /// TLS began before INFO.
  bool tls_first() const { return with_tls_ && !info_sent_; }
  /// Who the client is may still be told by a header.
  bool header_pending() const { return header_pending_; }
  nanos deadline() const { return deadline_; }

  void info_sent() {
    info_sent_ = true;
    act_ = header_pending_ ? opening_act::read_header : opening_act::await_first_byte;
  }
  /// So many bytes of the header have come in all; `recognised`: enough to tell that it is one.
  void header_bytes(size_t n, bool recognised, nanos now) {
    if (n > 0 && header_bytes_ == 0 && waits_for_either()) deadline_ = now + header_time;
    header_bytes_ = n;
    if (recognised) extend(now);
  }
  /// The header has been read, or the client's own first bytes have shown that there is none.
  void header_read(nanos now) {
    header_pending_ = false;
    begin(now);
  }
  void first_byte(unsigned char byte, nanos now) {
    constexpr unsigned char tls_handshake_record = 0x16;
    with_tls_ = byte == tls_handshake_record;
    if (with_tls_) return begin_handshake(now);
    if (!info_sent_ || !rules_.allow_plain) {
      act_ = opening_act::refuse_plain;
      return;
    }
    go_on_in_clear(now);
  }
  void handshaken() { act_ = opening_act::open; }
  void timed_out(nanos now) {
    if (now < deadline_) return;
    if (act_ == opening_act::read_header) return header_timed_out(now);
    if (act_ == opening_act::await_first_byte) {
      if (waits_for_either()) {
        act_ = opening_act::send_info;
        deadline_ = now + rules_.timeout;
        return;
      }
      if (rules_.allow_plain && info_sent_) return go_on_in_clear(now);
    }
    act_ = opening_act::give_up;
  }

private:
  bool waits_for_either() const {
    return !rules_.info_first && rules_.tls_wait > nanos::zero() && !info_sent_;
  }
  /// Without a header, or behind it.
  void begin(nanos now) {
    if (!rules_.tls) return go_on_in_clear(now);
    act_ = rules_.info_first && !info_sent_ ? opening_act::send_info
                                            : opening_act::await_first_byte;
    deadline_ = now + (waits_for_either() ? rules_.tls_wait : rules_.timeout);
  }
  void begin_handshake(nanos now) {
    act_ = opening_act::handshake;
    deadline_ = now + rules_.timeout;
  }
  void go_on_in_clear(nanos now) {
    if (rules_.stages) return begin_handshake(now);
    act_ = opening_act::open;
  }
  /// Whoever has begun gets the time once more.
  void extend(nanos now) {
    if (extended_) return;
    extended_ = true;
    deadline_ = now + header_time;
  }
  void header_timed_out(nanos now) {
    if (header_bytes_ > 0 && !extended_) return extend(now);
    if (header_bytes_ == 0 && waits_for_either()) {
      act_ = opening_act::send_info;
      deadline_ = now + header_time;
      return;
    }
    act_ = opening_act::header_late;
  }

  opening_rules rules_;
  opening_act act_ = opening_act::open;
  bool with_tls_ = false;
  bool info_sent_ = false;
  bool header_pending_ = false;
  bool extended_ = false;
  size_t header_bytes_ = 0;
  nanos deadline_{};
};

} // namespace troupe
