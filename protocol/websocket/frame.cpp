#include "protocol/websocket/frame.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/utf8.hpp"

namespace troupe::websocket {

namespace {

constexpr unsigned char final_bit = 0x80, rsv1 = 0x40, rsv2_and_3 = 0x30, mask_bit = 0x80;

bool is_control(uint8_t op) { return (op & 8) != 0; }

uint64_t big_endian(const unsigned char* p, size_t n) {
  uint64_t v = 0;
  for (size_t i = 0; i < n; ++i) v = v << 8 | p[i];
  return v;
}

/// The length of a header that begins with these two bytes.
size_t header_bytes(unsigned char b1) {
  const unsigned size = b1 & 0x7F;
  return 2 + (size == 126 ? 2 : size == 127 ? 8 : 0) + ((b1 & mask_bit) != 0 ? 4 : 0);
}

/// Codes that may stand in a close frame, as the Go server sees it.
bool is_valid_code(unsigned code) {
  if (code == 1004 || code == 1005 || code == 1006 || code == 1015) return false;
  return code >= 1000 && code < 5000 && !(code >= 1016 && code <= 2999);
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const decoded_rune r = decode_rune(text);
    if (!r.valid) return false;
    text.remove_prefix(r.bytes);
  }
  return true;
}

} // namespace

size_t write_header(char* out, opcode op, bool final, bool compressed, uint64_t length) {
  auto* p = reinterpret_cast<unsigned char*>(out);
  p[0] = static_cast<unsigned char>(static_cast<unsigned char>(op) | (final ? final_bit : 0)
                                    | (compressed ? rsv1 : 0));
  if (length <= 125) {
    p[1] = static_cast<unsigned char>(length);
    return 2;
  }
  const size_t n = length < 65536 ? 2 : 8;
  p[1] = n == 2 ? 126 : 127;
  for (size_t i = 0; i < n; ++i) p[2 + i] = static_cast<unsigned char>(length >> (8 * (n - 1 - i)));
  return 2 + n;
}

std::string control_frame(opcode op, std::string_view payload) {
  payload = payload.substr(0, max_control_bytes);
  char head[max_server_header_bytes];
  std::string out(head, write_header(head, op, true, false, payload.size()));
  out += payload;
  return out;
}

std::string close_frame(uint16_t code, std::string_view text) {
  std::string body{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  if (text.size() <= max_control_bytes - 2)
    body += text;
  else
    body.append(text.substr(0, max_control_bytes - 5)).append("...");
  return control_frame(opcode::close, body);
}

void unmask(char* out, const char* in, size_t n, const std::array<unsigned char, 4>& key, size_t at) {
  typedef uint64_t lanes __attribute__((vector_size(16)));
  std::array<unsigned char, sizeof(lanes)> pattern;
  for (size_t i = 0; i < pattern.size(); ++i) pattern[i] = key[(at + i) & 3];
  lanes mask;
  std::memcpy(&mask, pattern.data(), sizeof mask);
  size_t i = 0;
  // Both loads come before both stores: a store may lie over input that was not yet read, but
  // only over what these loads have taken.
  for (; i + 2 * sizeof(lanes) <= n; i += 2 * sizeof(lanes)) {
    lanes a, b;
    std::memcpy(&a, in + i, sizeof a);
    std::memcpy(&b, in + i + sizeof a, sizeof b);
    a ^= mask;
    b ^= mask;
    std::memcpy(out + i, &a, sizeof a);
    std::memcpy(out + i + sizeof a, &b, sizeof b);
  }
  for (; i < n; ++i) out[i] = static_cast<char>(static_cast<unsigned char>(in[i]) ^ pattern[i & 3]);
}

frame_reader::event frame_reader::fail(std::string text) {
  failure_ = std::move(text);
  return event::failed;
}

frame_reader::event frame_reader::next(std::string_view in, size_t& used) {
  used = 0;
  if (!failure_.empty()) return event::failed;
  while (true) {
    if (!in_frame_) {
      size_t n = 0;
      const event e = read_header(in, n);
      used += n;
      in.remove_prefix(n);
      if (e != event::payload) return e;
    }
    if (is_control(opcode_)) {
      size_t n = 0;
      const event e = read_control(in, n);
      used += n;
      return e;
    }
    available_ = std::min<uint64_t>(left_, in.size());
    if (left_ == 0) {
      // An empty frame says something only where it ends a compressed message.
      in_frame_ = false;
      if (compressed_ && final_) return event::payload;
      continue;
    }
    return in.empty() ? event::more : event::payload;
  }
}

void frame_reader::take(char* out, const char* in, size_t n) {
  if (masked_) {
    unmask(out, in, n, key_, at_);
    at_ = static_cast<uint8_t>((at_ + n) & 3);
  } else if (out != in) {
    std::memmove(out, in, n);
  }
  left_ -= n;
  available_ -= n;
  if (left_ == 0) in_frame_ = false;
}

/// `payload` when the header is whole.
frame_reader::event frame_reader::read_header(std::string_view in, size_t& used) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(in.data());
  if (head_bytes_ == 0 && in.size() >= 2) {
    const size_t n = header_bytes(bytes[1]);
    if (in.size() >= n) {
      used = n;
      return on_header(bytes, n);
    }
  }
  while (used < in.size()) {
    head_[head_bytes_++] = bytes[used++];
    if (head_bytes_ == 2 && !check(head_[0], head_[1])) return event::failed;
    if (head_bytes_ >= 2 && head_bytes_ == header_bytes(head_[1])) {
      head_bytes_ = 0;
      return on_header(head_.data(), header_bytes(head_[1]));
    }
  }
  return event::more;
}

/// Whether the first two bytes may stand here; notes the failure when not.
bool frame_reader::check(unsigned char b0, unsigned char b1) {
  const uint8_t op = b0 & 0x0F;
  const bool compressed = (b0 & rsv1) != 0;
  auto no = [this](std::string text) { return fail(std::move(text)) != event::failed; };
  if ((b0 & rsv2_and_3) != 0) return no("RSV2 and RSV3 must be clear");
  if (compressed && !compression_)
    return no("compressed frame received without negotiated permessage-deflate");
  if (masked_ && (b1 & mask_bit) == 0) return no("mask bit missing");
  if (!masked_ && (b1 & mask_bit) != 0) return no("mask bit set where none was agreed");
  if (is_control(op) && op <= static_cast<uint8_t>(opcode::pong)) {
    if ((b1 & 0x7F) > max_control_bytes)
      return no("control frame length bigger than maximum allowed of 125 bytes");
    if ((b0 & final_bit) == 0) return no("control frame does not have final bit set");
    if (compressed) return no("control frame must not be compressed");
    return true;
  }
  if (op >= 3) return no("unknown opcode " + std::to_string(op));
  if (op == 0) return final_ || compressed ? no("invalid continuation frame") : true;
  return final_ ? true : no("new message started before final frame for previous message was received");
}

frame_reader::event frame_reader::on_header(const unsigned char* head, size_t bytes) {
  if (!check(head[0], head[1])) return event::failed;
  const size_t size = head[1] & 0x7F;
  const size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
  left_ = extra == 0 ? size : big_endian(head + 2, extra);
  if (left_ >> 63 != 0) return fail("invalid 64-bit payload length");
  if (masked_) std::memcpy(key_.data(), head + bytes - 4, 4);
  at_ = 0;
  opcode_ = head[0] & 0x0F;
  if (is_control(opcode_)) {
    control_bytes_ = 0;
  } else {
    final_ = (head[0] & final_bit) != 0;
    if (opcode_ != 0) compressed_ = (head[0] & rsv1) != 0;
  }
  in_frame_ = true;
  return event::payload;
}

frame_reader::event frame_reader::read_control(std::string_view in, size_t& used) {
  used = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
  char* out = control_.data() + control_bytes_;
  const auto n = static_cast<uint8_t>(used);
  available_ = used;
  take(out, in.data(), used);
  control_bytes_ = static_cast<uint8_t>(control_bytes_ + n);
  if (left_ != 0) return event::more;
  in_frame_ = false;
  available_ = 0;
  return finish_control();
}

frame_reader::event frame_reader::finish_control() {
  switch (static_cast<opcode>(opcode_)) {
    case opcode::ping: return event::ping;
    case opcode::close: return read_close();
    default: return event::pong;
  }
}

frame_reader::event frame_reader::read_close() {
  if (control_bytes_ == 0) return event::closed;
  if (control_bytes_ == 1) return fail("close frame payload cannot be 1 byte");
  const auto* p = reinterpret_cast<const unsigned char*>(control_.data());
  const unsigned code = static_cast<unsigned>(p[0] << 8 | p[1]);
  if (!is_valid_code(code)) return fail("invalid close status code " + std::to_string(code));
  if (!is_utf8(control().substr(2))) {
    constexpr std::string_view text = "invalid utf8 body in close frame";
    control_[0] = static_cast<char>(close_code::invalid_data >> 8);
    control_[1] = static_cast<char>(close_code::invalid_data & 0xFF);
    std::memcpy(control_.data() + 2, text.data(), text.size());
    control_bytes_ = static_cast<uint8_t>(2 + text.size());
  }
  return event::closed;
}

} // namespace troupe::websocket
