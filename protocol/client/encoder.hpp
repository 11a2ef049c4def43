// Writes the server's half of the client protocol: lines into a buffer the caller provides.
//
// Pure. The functions on the hot path (MSG, HMSG, decimal) are inline, allocate nothing and return
// the number of bytes written; the caller reserves what the matching *_bound says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "protocol/decimal.hpp"

namespace troupe {

inline constexpr std::string_view crlf = "\r\n";
inline constexpr std::string_view ok_line = "+OK\r\n";
inline constexpr std::string_view ping_line = "PING\r\n";
inline constexpr std::string_view pong_line = "PONG\r\n";

namespace detail {

/// memcpy for lengths that are mostly under 32, without its call. Returns out + n.
inline char* copy_short(char* out, const char* in, size_t n) {
  if (n >= 8) {
    if (n > 32) {
      std::memcpy(out, in, n);
      return out + n;
    }
    size_t i = 0;
    for (; i + 8 < n; i += 8)
      std::memcpy(out + i, in + i, 8);
    std::memcpy(out + n - 8, in + n - 8, 8); // may overlap what is there already
  } else if (n >= 4) {
    uint32_t head, tail;
    std::memcpy(&head, in, 4);
    std::memcpy(&tail, in + n - 4, 4);
    std::memcpy(out, &head, 4);
    std::memcpy(out + n - 4, &tail, 4);
  } else {
    for (size_t i = 0; i < n; ++i)
      out[i] = in[i];
  }
  return out + n;
}

inline char* copy_short(char* out, std::string_view in) {
  return copy_short(out, in.data(), in.size());
}

} // namespace detail

/// Room that `write_msg_line` and `write_hmsg_line` may need.
constexpr size_t msg_line_bound(size_t subject_bytes, size_t sid_bytes, size_t reply_bytes) {
  return sizeof("HMSG    ") + subject_bytes + sid_bytes + reply_bytes + 2 * max_decimal_bytes
         + sizeof("\r\n");
}

namespace detail {

/// `<subject> <sid> [<reply> ]`
inline char* write_route(char* p, std::string_view subject, std::string_view sid,
                         std::string_view reply) {
  p = copy_short(p, subject);
  *p++ = ' ';
  p = copy_short(p, sid);
  *p++ = ' ';
  if (!reply.empty()) {
    p = copy_short(p, reply);
    *p++ = ' ';
  }
  return p;
}

inline char* write_crlf(char* p) {
  std::memcpy(p, "\r\n", 2);
  return p + 2;
}

} // namespace detail

/// `MSG <subject> <sid> [<reply>] <payload_bytes>CRLF`; payload and CRLF follow from the caller.
inline size_t write_msg_line(char* out, std::string_view subject, std::string_view sid,
                             std::string_view reply, size_t payload_bytes) {
  std::memcpy(out, "MSG ", 4);
  char* p = detail::write_route(out + 4, subject, sid, reply);
  p += write_decimal(p, payload_bytes);
  return static_cast<size_t>(detail::write_crlf(p) - out);
}

/// `HMSG <subject> <sid> [<reply>] <header_bytes> <total_bytes>CRLF`; total includes the headers.
inline size_t write_hmsg_line(char* out, std::string_view subject, std::string_view sid,
                              std::string_view reply, size_t header_bytes, size_t total_bytes) {
  std::memcpy(out, "HMSG ", 5);
  char* p = detail::write_route(out + 5, subject, sid, reply);
  p += write_decimal(p, header_bytes);
  *p++ = ' ';
  p += write_decimal(p, total_bytes);
  return static_cast<size_t>(detail::write_crlf(p) - out);
}

/// Room that `write_no_responders` may need.
constexpr size_t no_responders_bound(size_t subject_bytes, size_t sid_bytes, size_t reply_bytes) {
  return msg_line_bound(reply_bytes, sid_bytes, 0) + 64 + subject_bytes;
}

/// The whole message that tells a requester that nobody listens on `subject`: an HMSG to its own
/// subscription `sid` with status 503, headers only, closing CRLF included.
size_t write_no_responders(char* out, std::string_view reply, std::string_view sid,
                           std::string_view subject);

/// Appends `-ERR '<text>'CRLF`.
void append_err_line(std::string& out, std::string_view text);
std::string err_line(std::string_view text);

/// Appends `INFO <json> CRLF`, with the blank before the line end that the Go server sends.
void append_info_line(std::string& out, std::string_view json);

} // namespace troupe
