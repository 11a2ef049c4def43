// When a consumer's backlog holds its producers back, and for how long.
//
// While a consumer keeps reading, a short backlog is enough to keep it busy: producers pause at
// `soft_high` and go on as soon as it has drained to `soft_low`. One that does not drain within
// `soft_hold` is lagging: it must not slow down others, so its producers run on until its backlog
// reaches three quarters of max_pending. From there on each producer pauses for a few milliseconds
// per read, as the Go server's stall does, and beyond max_pending the consumer is closed.
// Pure: backlog and time come in as values.
#pragma once

#include <chrono>
#include <cstdint>

namespace troupe {

using nanos = std::chrono::nanoseconds;

class flow_gate {
public:
  static constexpr int64_t soft_high = 1024 * 1024;
  static constexpr int64_t soft_low = 256 * 1024;
  static constexpr nanos soft_hold = std::chrono::milliseconds(2);
  static constexpr nanos hard_hold = std::chrono::milliseconds(5);

  enum class verdict : uint8_t { pass, hold, hard_hold, overflow };

  explicit flow_gate(int64_t max_pending)
      : max_pending_(max_pending),
        hard_(max_pending / 4 * 3),
        high_(soft_high < max_pending / 4 ? soft_high : max_pending / 4),
        low_(soft_low < max_pending / 8 ? soft_low : max_pending / 8) {}

  /// Below this nothing needs to be decided; the one comparison of the hot path.
  int64_t quick_limit() const { return high_; }
  int64_t max_pending() const { return max_pending_; }

  verdict on_queued(int64_t pending) const {
    if (pending > max_pending_) return verdict::overflow;
    if (pending > hard_) return verdict::hard_hold;
    return pending > high_ && !lagging_ ? verdict::hold : verdict::pass;
  }
  /// The backlog went down to `pending`: whether producers may go on.
  bool on_drained(int64_t pending) {
    if (pending > low_) return false;
    lagging_ = false;
    return true;
  }
  /// The hold ran out and the backlog is still there.
  void on_hold_expired() { lagging_ = true; }
  bool lagging() const { return lagging_; }

private:
  int64_t max_pending_, hard_, high_, low_;
  bool lagging_ = false;
};

} // namespace troupe
