// The server's half of the client protocol, byte for byte.
#include <limits>
#include <string>

#include "protocol/client/encoder.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

std::string decimal(uint64_t v) {
  char out[max_decimal_bytes];
  return {out, write_decimal(out, v)};
}

std::string msg(std::string_view subject, std::string_view sid, std::string_view reply, size_t n) {
  std::string out(msg_line_bound(subject.size(), sid.size(), reply.size()), '#');
  const size_t used = write_msg_line(out.data(), subject, sid, reply, n);
  REQUIRE(used <= out.size());
  CHECK(out.find_first_not_of('#', used) == std::string::npos);
  return out.substr(0, used);
}

std::string hmsg(std::string_view subject, std::string_view sid, std::string_view reply, size_t h,
                 size_t n) {
  std::string out(msg_line_bound(subject.size(), sid.size(), reply.size()), '#');
  const size_t used = write_hmsg_line(out.data(), subject, sid, reply, h, n);
  REQUIRE(used <= out.size());
  return out.substr(0, used);
}

} // namespace

TEST_CASE("Decimals are written for every length", "[protocol][encoder]") {
  CHECK(decimal(0) == "0");
  uint64_t power = 1;
  for (int digits = 1; digits <= 19; ++digits, power *= 10) {
    CHECK(decimal(power) == std::to_string(power));
    CHECK(decimal(power - 1) == std::to_string(power - 1));
    CHECK(decimal(power + 7) == std::to_string(power + 7));
  }
  CHECK(decimal(std::numeric_limits<uint64_t>::max()) == "18446744073709551615");
  for (uint64_t v = 0; v < 20000; ++v)
    REQUIRE(decimal(v) == std::to_string(v));
}

TEST_CASE("MSG lines have subject and sid and size", "[protocol][encoder]") {
  CHECK(msg("foo.bar", "9", "", 11) == "MSG foo.bar 9 11\r\n");
  CHECK(msg("foo", "abc", "_INBOX.1", 0) == "MSG foo abc _INBOX.1 0\r\n");
}

TEST_CASE("HMSG lines have header size and total size", "[protocol][encoder]") {
  CHECK(hmsg("foo.bar", "9", "", 12, 23) == "HMSG foo.bar 9 12 23\r\n");
  CHECK(hmsg("foo", "9", "back", 12, 12) == "HMSG foo 9 back 12 12\r\n");
}

TEST_CASE("MSG lines copy subjects of any length whole", "[protocol][encoder]") {
  for (size_t n = 1; n < 100; ++n) {
    std::string subject;
    for (size_t i = 0; i < n; ++i)
      subject += static_cast<char>('a' + i % 26);
    REQUIRE(msg(subject, "1", subject, n)
            == "MSG " + subject + " 1 " + subject + " " + std::to_string(n) + "\r\n");
  }
}

TEST_CASE("The bound of a MSG line holds for the largest sizes", "[protocol][encoder]") {
  const size_t most = std::numeric_limits<size_t>::max();
  CHECK(hmsg("s", "1", "r", most, most)
        == "HMSG s 1 r 18446744073709551615 18446744073709551615\r\n");
}

TEST_CASE("Nobody listens is told by a header with status 503", "[protocol][encoder]") {
  const std::string_view reply = "_INBOX.42", sid = "2", subject = "service.that.is.not.there";
  std::string out(no_responders_bound(subject.size(), sid.size(), reply.size()), '#');
  const size_t used = write_no_responders(out.data(), reply, sid, subject);
  REQUIRE(used <= out.size());
  CHECK(out.substr(0, used)
        == "HMSG _INBOX.42 2 57 57\r\nNATS/1.0 503\r\nNats-Subject: service.that.is.not.there"
           "\r\n\r\n\r\n");
}

TEST_CASE("Fixed lines and errors and INFO have their exact form", "[protocol][encoder]") {
  CHECK(ok_line == "+OK\r\n");
  CHECK(ping_line == "PING\r\n");
  CHECK(pong_line == "PONG\r\n");
  CHECK(err_line("Stale Connection") == "-ERR 'Stale Connection'\r\n");
  std::string out = "x";
  append_info_line(out, "{}");
  CHECK(out == "xINFO {} \r\n");
}
