// Compression of messages (RFC 7692, permessage-deflate) without context takeover: each message
// stands alone, so what compresses one can be lent to the next connection.
//
// Pure. An inflater gives out what fits and goes on later, and counts while it does: a message that
// would become too large is noticed before it is there. About 40 KB an inflater, 270 KB a deflater.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::websocket {

/// Smaller messages are sent as they are, as the Go server does.
inline constexpr size_t compress_from_bytes = 65;

/// Bytes that one message may become: as many as the Go server lets a compressed one have.
constexpr uint64_t max_inflated_bytes(int64_t max_payload) {
  constexpr uint64_t most = 64 * 1024 * 1024;
  if (max_payload <= 0) max_payload = 1024 * 1024;
  const auto bound = 8 * static_cast<uint64_t>(max_payload);
  return bound < most ? bound : most;
}

class inflater {
public:
  enum class state : uint8_t {
    wants_input,  // all input is used
    wants_room,   // `out` is full and there may be more
    done,         // the message is whole
    too_large,    // over the bound
    corrupt,
  };
  struct step {
    state is;
    size_t used;  // bytes of the input
    size_t made;  // bytes in `out`
  };

  inflater();
  ~inflater();
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;

  /// Begins a message that may become `bound` bytes.
  void begin(uint64_t bound);
  /// Takes from `in` and fills `out`. `last`: the message ends with `in`.
  step run(std::string_view in, bool last, char* out, size_t room);

private:
  struct stream;
  std::unique_ptr<stream> z_;
};

class deflater {
public:
  deflater();
  ~deflater();
  deflater(const deflater&) = delete;
  deflater& operator=(const deflater&) = delete;

  /// Begins a message whose compressed form is appended to `out`.
  void begin(std::string& out);
  void add(std::string_view piece);
  /// Ends it; false when zlib failed, and `out` must not be used.
  bool end();

private:
  struct stream;
  std::unique_ptr<stream> z_;
};

} // namespace troupe::websocket
