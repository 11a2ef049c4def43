// The client's side of WebSocket frames, as cheap as it can be: what is published is framed and
// masked once, before the run; what comes is looked at once per frame and not moved.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/load/net.hpp"

namespace troupe::bench {

/// Every frame has this mask: what it is costs a server nothing.
inline constexpr std::array<unsigned char, 4> mask_key = {0x37, 0xfa, 0x21, 0x3d};

/// Payload of a frame: the write buffer of the usual clients.
inline constexpr size_t frame_bytes = 32 * 1024;

/// The request that upgrades a connection.
std::string upgrade_request(const endpoint& server);

/// `bytes` as masked binary frames of at most frame_bytes.
std::string masked_frames(std::string_view bytes);

/// Where byte `at` of the first frame's payload is in masked_frames(bytes).
size_t masked_position(size_t bytes, size_t at);

/// Cuts the headers out of a server's stream.
class frame_stripper {
public:
  /// Calls take(data, size) for each piece of payload. Throws on all but unmasked, uncompressed
  /// data frames: servers send no others unless they close.
  template <class Take>
  void feed(const char* data, size_t size, Take&& take) {
    while (size > 0) {
      if (left_ == 0) {
        const size_t used = take_header(data, size);
        data += used;
        size -= used;
        continue;
      }
      const size_t n = static_cast<size_t>(std::min<uint64_t>(left_, size));
      left_ -= n;
      take(data, n);
      data += n;
      size -= n;
    }
  }

private:
  size_t take_header(const char* data, size_t size);

  uint64_t left_ = 0; // payload of the frame that is still to come
  std::array<unsigned char, 10> head_{};
  size_t head_bytes_ = 0;
};

} // namespace troupe::bench
