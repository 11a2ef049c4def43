// Frames of the WebSocket protocol (RFC 6455 section 5): headers out, payload in.
//
// Pure, and no allocation before a failure. A reader holds what it needs of a frame that has not wholly come: 14 bytes
// of its header, 125 of a control frame. It never holds data: the caller takes that piece by piece
// as it comes, so a frame's announced length costs nothing. Texts of failures are the Go server's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::websocket {

enum class opcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline constexpr size_t max_header_bytes = 14;
inline constexpr size_t max_server_header_bytes = 10;  // without a mask
inline constexpr size_t max_control_bytes = 125;

/// Codes of close frames that the server sends.
namespace close_code {
inline constexpr uint16_t normal = 1000;
inline constexpr uint16_t going_away = 1001;
inline constexpr uint16_t protocol_error = 1002;
inline constexpr uint16_t invalid_data = 1007;
inline constexpr uint16_t policy_violation = 1008;
inline constexpr uint16_t too_big = 1009;
inline constexpr uint16_t internal_error = 1011;
inline constexpr uint16_t tls_handshake = 1015;
} // namespace close_code

/// Writes the header of an unmasked frame into at least max_server_header_bytes; returns its length.
size_t write_header(char* out, opcode op, bool final, bool compressed, uint64_t length);

/// A whole close frame, unmasked; a long text is cut and ends with "...".
std::string close_frame(uint16_t code, std::string_view text);

/// A whole unmasked control frame; `payload` of at most max_control_bytes.
std::string control_frame(opcode op, std::string_view payload);

/// Copies `n` bytes and takes the mask off; `key` is the four bytes as they came, `at` the position
/// in the payload. `out` may overlap `in` when it begins no later.
void unmask(char* out, const char* in, size_t n, const std::array<unsigned char, 4>& key, size_t at);

class frame_reader {
public:
  enum class event : uint8_t {
    more,     // all input is used up
    payload,  // `bytes()` of a message come next: take() them. May be 0 at a message's end
    ping,     // `control()` is what the pong must say
    pong,
    closed,   // the peer ends it; `control()` is the body of the answer, empty: send none
    failed,   // `failure()` says why, and the connection must end
  };

  /// `masked`: frames must be masked, as those of all clients. `compression`: was agreed.
  frame_reader(bool masked, bool compression) : masked_(masked), compression_(compression) {}

  /// Looks at the front of `in`, takes headers and control frames; `used` says how many bytes. For
  /// `payload`, that is what stands before it.
  event next(std::string_view in, size_t& used);

  /// Bytes of payload that the input of `next` has; take them all, or some and call next again.
  size_t bytes() const { return available_; }
  /// Whether they belong to a compressed message.
  bool compressed() const { return compressed_; }
  /// Whether the message ends with the last of these bytes.
  bool last() const { return final_ && available_ == left_; }
  /// Moves the next `n` bytes of payload from `in` to `out` (see unmask) and takes off their mask.
  void take(char* out, const char* in, size_t n);

  std::string_view control() const { return {control_.data(), control_bytes_}; }
  const std::string& failure() const { return failure_; }

private:
  event read_header(std::string_view in, size_t& used);
  event on_header(const unsigned char* head, size_t bytes);
  bool check(unsigned char b0, unsigned char b1);
  event read_control(std::string_view in, size_t& used);
  event finish_control();
  event read_close();
  event fail(std::string text);

  uint64_t left_ = 0;       // payload of the frame that has not come
  uint64_t available_ = 0;  // of it, what the input has
  std::string failure_;
  std::array<unsigned char, 4> key_{};
  uint8_t at_ = 0;  // position in the payload, modulo 4
  uint8_t head_bytes_ = 0;
  uint8_t control_bytes_ = 0;
  uint8_t opcode_ = 0;
  bool masked_;
  bool compression_;
  bool in_frame_ = false;     // a header was read and payload follows
  bool final_ = true;         // the data frame is its message's last
  bool compressed_ = false;   // the message is
  std::array<unsigned char, max_header_bytes> head_{};
  std::array<char, max_control_bytes> control_{};
};

} // namespace troupe::websocket
