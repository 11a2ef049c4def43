#include "protocol/client/proxy_header.hpp"

#include "test/catch.hpp"

using namespace troupe;
using state = proxy_header_reader::state;
using address = proxy_header_reader::address;

namespace {

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};

std::string two(unsigned version_command, unsigned family, std::string_view rest, int announced = -1) {
  std::string out(signature);
  out += static_cast<char>(version_command);
  out += static_cast<char>(family);
  const auto n = announced < 0 ? rest.size() : static_cast<size_t>(announced);
  out += static_cast<char>(n >> 8);
  out += static_cast<char>(n & 0xff);
  return out + std::string(rest);
}

std::string_view bytes(const char* text, size_t n) { return {text, n}; }

proxy_header_reader read(std::string_view in, size_t* used = nullptr) {
  proxy_header_reader r;
  const size_t n = r.feed(in);
  if (used) *used = n;
  return r;
}

std::string problem(std::string_view in) {
  const auto r = read(in);
  CHECK(r.is() == state::failed);
  CHECK_FALSE(r.source());
  return r.failure();
}

} // namespace

TEST_CASE("PROXY header: version 1 tells address and port, and what follows is left", "[proxy]") {
  size_t used = 0;
  const std::string line = "PROXY TCP4 192.168.1.50 10.0.0.1 12345 4222\r\n";
  const auto r = read(line + "PING\r\n", &used);
  CHECK(r.is() == state::done);
  CHECK(r.source() == address{"192.168.1.50", 12345});
  CHECK(used == line.size());

  CHECK(read("PROXY TCP6 2001:DB8:0:0:0::1 2001:db8::2 54321 4222\r\n").source()
        == address{"2001:db8::1", 54321});
  CHECK(read("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n").source()
        == address{"192.0.2.1", 1});
  CHECK(read("PROXY  TCP4\t1.2.3.4 5.6.7.8 00080 4222 \r\n").source() == address{"1.2.3.4", 80});
}

TEST_CASE("PROXY header: UNKNOWN and LOCAL leave the socket's address", "[proxy]") {
  for (const std::string& in : {std::string("PROXY UNKNOWN\r\n"),
                                std::string("PROXY UNKNOWN ffff:: whatever 1 2 3\r\n"),
                                two(0x20, 0x00, ""), two(0x20, 0x11, "whatever"),
                                two(0x21, 0x01, "unspec")}) {
    size_t used = 0;
    const auto r = read(in, &used);
    CHECK(r.is() == state::done);
    CHECK_FALSE(r.source());
    CHECK(used == in.size());
  }
}

TEST_CASE("PROXY header: version 2 with both families, TLVs skipped", "[proxy]") {
  const auto v4 = bytes("\x0a\x01\x02\x03\x0a\0\0\1\x30\x39\x10\x7e", 12);
  CHECK(read(two(0x21, 0x11, v4)).source() == address{"10.1.2.3", 12345});
  size_t used = 0;
  const std::string with_tlv = two(0x21, 0x11, std::string(v4) + std::string(1000, 't'));
  const auto r = read(with_tlv + "CONNECT", &used);
  CHECK(r.is() == state::done);
  CHECK(r.source() == address{"10.1.2.3", 12345});
  CHECK(used == with_tlv.size());
  CHECK(r.taken().size() <= proxy_header_reader::max_text_bytes);

  std::string v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  v6 += std::string(16, '\0') + bytes("\xd4\x31\x10\x7e", 4).data();
  v6.resize(36);
  CHECK(read(two(0x21, 0x21, v6)).source() == address{"2001:db8::1", 54321});
}

TEST_CASE("PROXY header: addresses are written as Go writes them", "[proxy]") {
  const auto shown = [](std::string_view ip) {
    const auto r = read("PROXY TCP6 " + std::string(ip) + " ::1 1 2\r\n");
    return r.source() ? r.source()->ip : r.failure();
  };
  CHECK(shown("::") == "::");
  CHECK(shown("::1") == "::1");
  CHECK(shown("1::") == "1::");
  CHECK(shown("::1.2.3.4") == "::102:304");
  CHECK(shown("1:0:2:0:3:0:4:0") == "1:0:2:0:3:0:4:0");
  CHECK(shown("1:0:0:2:0:0:3:4") == "1::2:0:0:3:4");
  CHECK(shown("1:0:0:2:0:0:0:4") == "1:0:0:2::4");
  CHECK(shown("FE80::ABCD:0:0") == "fe80::abcd:0:0");
  CHECK(shown("fe80::1%eth0") == "invalid PROXY protocol header: invalid address");
}

TEST_CASE("PROXY header: other bytes are no header and are all kept", "[proxy]") {
  for (const std::string_view in : {"CONNECT {}\r\n", "PING\r\n", "proxy TCP4", "PROXYTCP4", "\r\n\r\n\r\n"}) {
    size_t used = 0;
    const auto r = read(in, &used);
    CHECK(r.is() == state::unrecognised);
    CHECK(used == proxy_header_reader::recognised_bytes);
    CHECK(r.taken() == in.substr(0, used));
  }
  CHECK(read("PROXY").is() == state::more);
}

TEST_CASE("PROXY header: what is wrong is told in the words of Go", "[proxy]") {
  const std::string invalid = "invalid PROXY protocol header: ";
  CHECK(problem("PROXY \r\n") == invalid + "invalid v1 format");
  CHECK(problem("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n") == invalid + "invalid v1 format");
  CHECK(problem("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n") == invalid + "invalid v1 format");
  CHECK(problem("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n") == invalid + "invalid address");
  CHECK(problem("PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n") == invalid + "invalid address");
  CHECK(problem("PROXY TCP4 1.2.3.4 5.6.7.8 99999 2\r\n")
        == "invalid source port: strconv.ParseUint: parsing \"99999\": value out of range");
  CHECK(problem("PROXY TCP4 1.2.3.4 5.6.7.8 1 -2\r\n")
        == "invalid dest port: strconv.ParseUint: parsing \"-2\": invalid syntax");
  CHECK(problem("PROXY TCP4 1.2.3.4 5.6.7.8 99999999999999999999999x 2\r\n")
        == "invalid source port: strconv.ParseUint: parsing \"99999999999999999999999x\": invalid syntax");
  CHECK(problem("PROXY TCP4 1.2.3.4 ::1 1 2\r\n") == invalid + "TCP4 with IPv6 address");
  CHECK(problem("PROXY TCP6 ::1 5.6.7.8 1 2\r\n") == invalid + "TCP6 with IPv4 address");
  CHECK(problem("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n") == invalid + "invalid protocol UDP4");
  CHECK(problem("PROXY " + std::string(101, 'x')) == invalid + "v1 line too long");
  CHECK(read("PROXY " + std::string(99, 'x') + "\r\n").failure() == invalid + "invalid v1 format");
  CHECK(read("PROXY " + std::string(100, 'x')).is() == state::more);

  CHECK(problem(bytes("\r\n\r\n\0\r\nQUIX\n", 12)) == invalid + "invalid signature");
  CHECK(problem(two(0x11, 0x11, "")) == invalid + "invalid version 0x10");
  CHECK(problem(two(0x22, 0x11, "")) == "unknown PROXY protocol command: 0x02");
  CHECK(problem(two(0x21, 0x12, "")) == "unsupported PROXY protocol feature: only STREAM protocol supported");
  CHECK(problem(two(0x21, 0x00, "")) == "unsupported PROXY protocol feature: only STREAM protocol supported");
  CHECK(problem(two(0x21, 0x31, "")) == "unsupported PROXY protocol feature: unsupported address family 0x30");
  CHECK(problem(two(0x21, 0x11, "", 11)) == "IPv4 address data too short: 11 bytes");
  CHECK(problem(two(0x21, 0x21, "", 35)) == "IPv6 address data too short: 35 bytes");
}

TEST_CASE("PROXY header: what was missing is told", "[proxy]") {
  const auto missing = [](std::string_view in, std::string_view why = {}) {
    return read(in).interrupted(why);
  };
  CHECK(missing("") == "failed to read protocol version: EOF");
  CHECK(missing("PRO") == "failed to read protocol version: unexpected EOF");
  CHECK(missing("PROXY T") == "failed to read v1 line: EOF");
  CHECK(missing("PROXY T", "i/o timeout") == "failed to read v1 line: i/o timeout");
  CHECK(missing(signature.substr(0, 6)) == "failed to read v2 signature: EOF");
  CHECK(missing(signature.substr(0, 7)) == "failed to read v2 signature: unexpected EOF");
  CHECK(missing(signature) == "failed to read v2 header: EOF");
  CHECK(missing(two(0x21, 0x11, "", 12)) == "failed to read IPv4 address data: EOF");
  CHECK(missing(two(0x21, 0x21, "abc", 36)) == "failed to read IPv6 address data: unexpected EOF");
  CHECK(missing(two(0x20, 0x11, "abc", 36)) == "failed to discard LOCAL command address data: EOF");
}
