// What happens between accept and the first byte of the protocol: when INFO goes out, whether the
// client gets TLS, and until when it must have come that far.
//
// The client's first byte tells TLS (0x16) from plain text; until it has come, a silent connection
// costs no TLS state. Plain listeners without stages of their own need no opening at all.
// Pure: looks and times come in, the next act comes out. One per connection while it opens.
#pragma once

#include <chrono>
#include <cstdint>

namespace troupe {

using nanos = std::chrono::nanoseconds;

struct opening_rules {
  bool tls = false;
  bool info_first = true;    // INFO in clear; false: when all stages are up
  bool allow_plain = false;  // whoever does not begin TLS goes on in clear
  bool stages = false;       // a stage above TCP or TLS has a handshake of its own (WebSocket)
  nanos tls_wait{};          // not info_first: a client silent for so long gets INFO after all
  nanos timeout = std::chrono::seconds(2);

  /// Nothing to wait for: INFO, then the session.
  bool immediate() const { return !tls && !stages; }
};

enum class opening_act : uint8_t {
  send_info,         // in clear; then `info_sent`
  await_first_byte,  // then `first_byte`
  handshake,         // of all stages, with TLS if `with_tls`; then `handshaken`
  open,              // the session begins; INFO is due if it was not sent
  refuse_plain,      // plain text where TLS is required
  give_up,           // the handshake took too long
};

class opening_core {
public:
  opening_core(const opening_rules& rules, nanos now) : rules_(rules) {
    if (!rules_.tls) {
      begin_handshake(now);
    } else {
      act_ = rules_.info_first ? opening_act::send_info : opening_act::await_first_byte;
      deadline_ = now + (waits_for_either() ? rules_.tls_wait : rules_.timeout);
    }
  }

  opening_act act() const { return act_; }
  bool with_tls() const { return with_tls_; }
  bool info_is_sent() const { return info_sent_; }
  /// TLS began before INFO.
  bool tls_first() const { return with_tls_ && !info_sent_; }
  nanos deadline() const { return deadline_; }

  void info_sent() {
    info_sent_ = true;
    act_ = opening_act::await_first_byte;
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
  void begin_handshake(nanos now) {
    act_ = opening_act::handshake;
    deadline_ = now + rules_.timeout;
  }
  void go_on_in_clear(nanos now) {
    if (rules_.stages) return begin_handshake(now);
    act_ = opening_act::open;
  }

  opening_rules rules_;
  opening_act act_ = opening_act::open;
  bool with_tls_ = false;
  bool info_sent_ = false;
  nanos deadline_{};
};

} // namespace troupe
