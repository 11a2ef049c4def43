// How long a socket that took no more may need for what waited then: the option write_deadline.
//
// A window covers the bytes that waited when it began, so that a reader who takes a byte now and
// then does not renew it for ever; as nats-server's handleWriteTimeout does.
// Pure: the time is an argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace troupe {

using nanos = std::chrono::nanoseconds;

class write_deadline {
public:
  enum class verdict : uint8_t {
    in_time,
    late,  // something was written, not all
    stuck, // nothing was written
  };

  /// The socket took no more: `pending` bytes wait, `wrote` says whether this flush wrote any.
  void begin(nanos now, size_t pending, bool wrote) {
    began_ = now;
    left_ = pending;
    wrote_ = wrote;
  }

  void on_written(size_t bytes) {
    wrote_ = wrote_ || bytes > 0;
    left_ -= bytes < left_ ? bytes : left_;
  }

  /// All that waited when the window began is written.
  bool done() const { return left_ == 0; }

  nanos due(nanos limit) const { return began_ + limit; }

  verdict judge(nanos now, nanos limit) const {
    if (done() || now < due(limit)) return verdict::in_time;
    return wrote_ ? verdict::late : verdict::stuck;
  }

private:
  nanos began_{};
  size_t left_ = 0;
  bool wrote_ = false;
};

} // namespace troupe
