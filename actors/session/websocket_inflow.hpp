// Frames in, payload out: unmasked and, where it was compressed, inflated, into the caller's room.
//
// It keeps nothing but an inflater and 16 KiB while a compressed message is in progress; inflaters
// are lent by the thread. Not for sharing between connections.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/frame.hpp"

namespace troupe {

/// Walks over the room that a reader offers.
struct room_cursor {
  const iovec* iov;
  int count;
  int index = 0;
  size_t at = 0;
  size_t made = 0;

  size_t room() const {
    size_t n = 0;
    for (int i = index; i < count; ++i) n += iov[i].iov_len;
    return n - at;
  }
  /// Contiguous room from `here()` on; 0: all is full.
  size_t contiguous() {
    while (index < count && at == iov[index].iov_len) {
      ++index;
      at = 0;
    }
    return index < count ? iov[index].iov_len - at : 0;
  }
  char* here() const { return static_cast<char*>(iov[index].iov_base) + at; }
  void advance(size_t n) {
    at += n;
    made += n;
  }
};

class websocket_inflow {
public:
  enum class event : uint8_t {
    more,    // all input is used, or the room is full
    ping,    // `control()` is what the pong must say; call again
    closed,  // `control()` is the body of the answer
    failed,
  };

  /// `bound`: bytes that one compressed message may become.
  explicit websocket_inflow(uint64_t bound) : bound_(bound) {}
  ~websocket_inflow();

  void begin(bool compression) { reader_ = websocket::frame_reader(true, compression); }
  /// Takes from the front of `in` and fills `out`.
  event take(std::string_view& in, room_cursor& out);
  /// Output waits for room, although all input was used.
  bool has_more() const { return !plain_.empty() || finishing_; }

  std::string_view control() const { return reader_.control(); }
  const std::string& failure() const { return failure_.empty() ? reader_.failure() : failure_; }
  uint16_t failure_code() const { return code_; }

private:
  enum class step : uint8_t { go_on, full, failed };
  step copy(std::string_view& in, room_cursor& out);
  step inflate(std::string_view& in, room_cursor& out);
  step pump(room_cursor& out);
  step fail(uint16_t code, const char* why);

  websocket::frame_reader reader_{true, false};
  uint64_t bound_;
  std::unique_ptr<websocket::inflater> inflater_;  // while a compressed message is in progress
  std::string plain_;                              // unmasked, not yet inflated
  size_t plain_at_ = 0;
  bool finishing_ = false;  // the message ends with `plain_`
  std::string failure_;
  uint16_t code_ = websocket::close_code::protocol_error;
};

} // namespace troupe
