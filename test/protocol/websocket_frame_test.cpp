// Frames of WebSocket: headers, masks, fragments, control frames between them, and what is refused.
#include <string>
#include <vector>

#include "protocol/websocket/frame.hpp"
#include "test/catch.hpp"

using namespace troupe::websocket;

namespace {

using ev = frame_reader::event;
constexpr std::array<unsigned char, 4> key{0x11, 0xA2, 0x33, 0xC4};

/// A masked frame as a client sends it; `first` holds the bits of the first byte.
std::string frame(unsigned first, const std::string& payload, bool masked = true) {
  char head[max_server_header_bytes];
  std::string out(head, write_header(head, opcode::binary, true, false, payload.size()));
  out[0] = static_cast<char>(first);
  if (!masked) return out + payload;
  out[1] = static_cast<char>(out[1] | 0x80);
  out.append(reinterpret_cast<const char*>(key.data()), 4);
  std::string body(payload.size(), 0);
  unmask(body.data(), payload.data(), payload.size(), key, 0);
  return out + body;
}

struct seen {
  std::string data;
  std::vector<std::string> controls;  // "ping:x", "pong:", "closed:.."
  std::string failure;
  size_t messages = 0;
};

/// Reads everything, `chunk` bytes at a time.
seen read(const std::string& stream, size_t chunk, bool compression = false) {
  frame_reader r(true, compression);
  seen out;
  for (size_t at = 0; at < stream.size(); at += chunk) {
    std::string_view in = std::string_view(stream).substr(at, chunk);
    while (true) {
      size_t used = 0;
      const ev e = r.next(in, used);
      in.remove_prefix(used);
      if (e == ev::more) break;
      if (e == ev::failed) {
        out.failure = r.failure();
        return out;
      }
      if (e == ev::payload) {
        const size_t n = r.bytes(), had = out.data.size();
        out.messages += r.last();
        out.data.resize(had + n);
        r.take(out.data.data() + had, in.data(), n);
        in.remove_prefix(n);
        continue;
      }
      out.controls.push_back((e == ev::ping ? "ping:" : e == ev::pong ? "pong:" : "closed:")
                             + std::string(r.control()));
    }
  }
  return out;
}

std::string code(unsigned c, const std::string& text = "") {
  return std::string{static_cast<char>(c >> 8), static_cast<char>(c & 0xFF)} + text;
}

} // namespace

TEST_CASE("Headers are as short as the payload allows", "[protocol][websocket]") {
  char out[max_server_header_bytes];
  CHECK(write_header(out, opcode::binary, true, false, 125) == 2);
  CHECK(std::string(out, 2) == "\x82\x7d");
  CHECK(write_header(out, opcode::binary, true, true, 126) == 4);
  CHECK(std::string(out, 4) == std::string("\xc2\x7e\x00\x7e", 4));
  CHECK(write_header(out, opcode::continuation, false, false, 65535) == 4);
  CHECK(std::string(out, 4) == std::string("\x00\x7e\xff\xff", 4));
  CHECK(write_header(out, opcode::binary, true, false, 65536) == 10);
  CHECK(std::string(out, 10) == std::string("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST_CASE("A mask comes off at any position and length, in place or moved down", "[protocol][websocket]") {
  for (size_t n : {0u, 1u, 3u, 4u, 15u, 31u, 32u, 33u, 63u, 64u, 65u, 1000u})
    for (size_t at = 0; at < 4; ++at)
      for (size_t shift : {0u, 1u, 6u, 14u, 40u}) {
        std::string plain, buffer(shift, '#');
        for (size_t i = 0; i < n; ++i) {
          plain += static_cast<char>(i * 7);
          buffer += static_cast<char>(static_cast<unsigned char>(i * 7) ^ key[(at + i) & 3]);
        }
        unmask(buffer.data(), buffer.data() + shift, n, key, at);
        REQUIRE(buffer.substr(0, n) == plain);
      }
}

TEST_CASE("Frames read in any pieces give the same bytes", "[protocol][websocket]") {
  const std::string big(70000, 'b');
  const std::string stream = frame(0x82, "hello ") + frame(0x02, "one ") + frame(0x89, "are you there")
                             + frame(0x00, "") + frame(0x80, "two ") + frame(0x81, std::string(200, 't'))
                             + frame(0x8A, "") + frame(0x82, big);
  const size_t chunk = GENERATE(1u, 2u, 3u, 7u, 64u, 100000u);
  const seen s = read(stream, chunk);
  CHECK(s.failure.empty());
  CHECK(s.data == "hello one two " + std::string(200, 't') + big);
  CHECK(s.controls == std::vector<std::string>{"ping:are you there", "pong:"});
}

TEST_CASE("The end of a compressed message is told even where its last frame is empty",
          "[protocol][websocket]") {
  CHECK(read(frame(0x42, "ab") + frame(0x80, ""), 1000, true).messages == 1);
  CHECK(read(frame(0xC2, "ab"), 1, true).messages == 1);
  CHECK(read(frame(0xC2, ""), 1, true).messages == 1);
}

TEST_CASE("Frames against the protocol are refused in the Go server's words", "[protocol][websocket]") {
  const auto [bytes, text] = GENERATE(table<std::string, std::string>({
    {frame(0x82, "x", false), "mask bit missing"},
    {frame(0xA2, "x"), "RSV2 and RSV3 must be clear"},
    {frame(0x92, "x"), "RSV2 and RSV3 must be clear"},
    {frame(0xC2, "x"), "compressed frame received without negotiated permessage-deflate"},
    {frame(0x89, std::string(126, 'x')), "control frame length bigger than maximum allowed of 125 bytes"},
    {frame(0x09, "x"), "control frame does not have final bit set"},
    {frame(0x80, "x"), "invalid continuation frame"},
    {frame(0x02, "x") + frame(0x02, "y"),
     "new message started before final frame for previous message was received"},
    {frame(0x83, "x"), "unknown opcode 3"},
    {frame(0x8F, "x"), "unknown opcode 15"},
    {std::string("\x82\xff\x80\0\0\0\0\0\0\1", 10) + "maskx", "invalid 64-bit payload length"},
    {frame(0x88, "x"), "close frame payload cannot be 1 byte"},
    {frame(0x88, code(1005)), "invalid close status code 1005"},
    {frame(0x88, code(999)), "invalid close status code 999"},
    {frame(0x88, code(1016)), "invalid close status code 1016"},
    {frame(0x88, code(5000)), "invalid close status code 5000"},
  }));
  CHECK(read(bytes, 1000).failure == text);
  CHECK(read(bytes, 1).failure == text);
}

TEST_CASE("A compressed control or continuation frame is refused", "[protocol][websocket]") {
  CHECK(read(frame(0xC9, "x"), 100, true).failure == "control frame must not be compressed");
  CHECK(read(frame(0x42, "x") + frame(0xC0, "y"), 100, true).failure == "invalid continuation frame");
}

TEST_CASE("A close frame is answered with what it said", "[protocol][websocket]") {
  const auto answer = [](const std::string& body) { return read(frame(0x88, body), 3).controls.at(0); };
  CHECK(answer("") == "closed:");
  CHECK(answer(code(1000)) == "closed:" + code(1000));
  CHECK(answer(code(4999, "bye")) == "closed:" + code(4999, "bye"));
  CHECK(answer(code(1000, "\xff")) == "closed:" + code(1007, "invalid utf8 body in close frame"));
}

TEST_CASE("A close frame fits its text", "[protocol][websocket]") {
  CHECK(close_frame(1002, "bad") == "\x88\x05" + code(1002, "bad"));
  const std::string cut = close_frame(1000, std::string(124, 'x'));
  CHECK(cut.size() == 127);
  CHECK(cut.ends_with("x..."));
  CHECK(close_frame(1000, std::string(123, 'x')).ends_with("xxxx"));
}

TEST_CASE("A frame announced as huge takes no memory and no time", "[protocol][websocket]") {
  frame_reader r(true, false);
  const std::string head("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "mask", 14);
  size_t used = 0;
  CHECK(r.next(head, used) == ev::more);
  CHECK(used == 14);
  CHECK(r.next("abc", used) == ev::payload);
  CHECK(r.bytes() == 3);
  CHECK_FALSE(r.last());
}
