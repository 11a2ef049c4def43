#include "protocol/client/encoder.hpp"

namespace troupe {

size_t write_no_responders(char* out, std::string_view reply, std::string_view sid,
                           std::string_view subject) {
  constexpr std::string_view head = "NATS/1.0 503\r\nNats-Subject: ";
  constexpr std::string_view tail = "\r\n\r\n";
  const size_t header_bytes = head.size() + subject.size() + tail.size();
  char* p = out + write_hmsg_line(out, reply, sid, {}, header_bytes, header_bytes);
  p = detail::copy_short(p, head);
  p = detail::copy_short(p, subject);
  p = detail::copy_short(p, tail);
  return static_cast<size_t>(detail::write_crlf(p) - out);
}

void append_err_line(std::string& out, std::string_view text) {
  out += "-ERR '";
  out += text;
  out += "'\r\n";
}

std::string err_line(std::string_view text) {
  std::string line;
  append_err_line(line, text);
  return line;
}

void append_info_line(std::string& out, std::string_view json) {
  out += "INFO ";
  out += json;
  out += " \r\n";
}

} // namespace troupe
