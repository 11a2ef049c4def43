#include "bench/load/ws_frames.hpp"

namespace troupe::bench {

namespace {

constexpr unsigned char final_binary = 0x82;
constexpr unsigned char masked = 0x80;

size_t masked_header_bytes(size_t payload) { return payload <= 125 ? 6 : 8; }

} // namespace

std::string upgrade_request(const endpoint& server) {
  return "GET / HTTP/1.1\r\nHost: " + server.host + ":" + std::to_string(server.port)
         + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

std::string masked_frames(std::string_view bytes) {
  static_assert(frame_bytes < 65536);
  std::string out;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, frame_bytes);
    bytes.remove_prefix(part.size());
    out += static_cast<char>(final_binary);
    if (part.size() <= 125) {
      out += static_cast<char>(masked | part.size());
    } else {
      out += static_cast<char>(masked | 126);
      out += static_cast<char>(part.size() >> 8);
      out += static_cast<char>(part.size() & 0xff);
    }
    out.append(reinterpret_cast<const char*>(mask_key.data()), mask_key.size());
    for (size_t i = 0; i < part.size(); ++i)
      out += static_cast<char>(static_cast<unsigned char>(part[i]) ^ mask_key[i % 4]);
  }
  return out;
}

size_t masked_position(size_t bytes, size_t at) {
  return masked_header_bytes(std::min(bytes, frame_bytes)) + at;
}

size_t frame_stripper::take_header(const char* data, size_t size) {
  size_t used = 0;
  while (used < size) {
    head_[head_bytes_++] = static_cast<unsigned char>(data[used++]);
    if (head_bytes_ < 2) continue;
    const size_t extra = head_[1] == 126 ? 2 : head_[1] == 127 ? 8 : 0;
    if (head_[1] > 127) throw load_error("the server masked a frame");
    if (head_bytes_ < 2 + extra) continue;
    head_bytes_ = 0;
    const unsigned op = head_[0] & 0x7fu;
    if (op == 8) throw load_error("closed by the server with a close frame");
    if (op > 2) throw load_error("unexpected frame: " + std::to_string(op));
    left_ = extra == 0 ? head_[1] : 0;
    for (size_t i = 0; i < extra; ++i) left_ = left_ << 8 | head_[2 + i];
    break;
  }
  return used;
}

} // namespace troupe::bench
