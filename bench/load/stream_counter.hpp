// Counts the messages in a subscriber's byte stream at the cost of one look per message.
//
// All messages of a stream have the same length, so the counter strides over them: it checks that
// a message starts where the last one ended and takes everything else for a control line. Wrong
// lengths, lost or extra bytes break the stride and fail the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "bench/load/net.hpp"

namespace troupe::bench {

class stream_counter {
public:
  /// `message_bytes` 0: a connection that must get no messages at all.
  explicit stream_counter(size_t message_bytes)
      : length_(message_bytes == 0 ? no_messages : message_bytes) {}

  /// Takes the next bytes of the stream; returns how many messages were completed. Throws on -ERR
  /// and on anything that is no message and no control line.
  uint64_t feed(const char* data, size_t size) {
    sample_ = nullptr;
    uint64_t done = 0;
    size_t at = 0;
    while (at < size) {
      if (remaining_ == 0 && line_.empty()) {
        const size_t start = at;
        while (size - at >= length_ && data[at] == 'M') {
          if (data[at + length_ - 1] != '\n') throw load_error("message without its end");
          at += length_;
        }
        const uint64_t whole = (at - start) / length_;
        done += whole;
        count_ += whole;
        if (whole > 0) mark_sample(data + at - length_);
        if (at == size) break;
      }
      at += take_part(data + at, size - at, done);
    }
    return done;
  }

  /// The last whole message within the bytes of the last feed, or nullptr; its number from 0.
  const char* sample() const { return sample_; }
  uint64_t sample_number() const { return sample_number_; }

  /// Messages so far.
  uint64_t count() const { return count_; }
  /// PONG lines so far.
  uint64_t pongs() const { return pongs_; }
  /// PING lines since the last call: each wants a PONG.
  unsigned take_pings() { return std::exchange(pings_, 0); }

private:
  void mark_sample(const char* message) {
    sample_ = message;
    sample_number_ = count_ - 1;
  }

  // A message or a control line of which the bytes are not all here; returns the bytes taken.
  size_t take_part(const char* data, size_t size, uint64_t& done) {
    if (remaining_ == 0 && (!line_.empty() || data[0] != 'M' || length_ == no_messages))
      return take_line(data, size);
    if (remaining_ == 0) remaining_ = length_;
    const size_t taken = remaining_ < size ? remaining_ : size;
    remaining_ -= taken;
    if (remaining_ == 0) {
      if (data[taken - 1] != '\n') throw load_error("message without its end");
      ++count_;
      ++done;
    }
    return taken;
  }

  size_t take_line(const char* data, size_t size) {
    const void* end = std::memchr(data, '\n', size);
    const size_t taken = end ? static_cast<size_t>(static_cast<const char*>(end) - data) + 1 : size;
    line_.append(data, taken);
    if (line_.size() > max_line) throw load_error("not a message: " + line_.substr(0, 60));
    if (end) {
      on_line();
      line_.clear();
    }
    return taken;
  }

  void on_line() {
    if (line_.rfind("PING", 0) == 0) ++pings_;
    else if (line_.rfind("PONG", 0) == 0) ++pongs_;
    else if (line_.rfind("-ERR", 0) == 0) throw load_error("server said " + line_);
    else if (line_.rfind("INFO", 0) != 0 && line_.rfind("+OK", 0) != 0)
      throw load_error("unexpected: " + line_.substr(0, 60));
  }

  static constexpr size_t no_messages = ~size_t{0};
  static constexpr size_t max_line = 64 * 1024;
  size_t length_;
  size_t remaining_ = 0; // bytes that the message at the end of the last feed still lacks
  std::string line_;     // a control line of which the end is still to come
  uint64_t count_ = 0;
  uint64_t pongs_ = 0;
  unsigned pings_ = 0;
  const char* sample_ = nullptr;
  uint64_t sample_number_ = 0;
};

} // namespace troupe::bench
