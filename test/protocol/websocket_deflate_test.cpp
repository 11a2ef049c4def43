// Compressed messages: round trips, and bombs that are noticed before they go off.
#include <algorithm>
#include <string>

#include "protocol/websocket/deflate.hpp"
#include "test/catch.hpp"

using namespace troupe::websocket;

namespace {

std::string deflated(const std::string& text) {
  deflater d;
  std::string out;
  d.begin(out);
  d.add(std::string_view(text).substr(0, text.size() / 3));
  d.add(std::string_view(text).substr(text.size() / 3));
  REQUIRE(d.end());
  return out;
}

/// Inflates with input and output in small pieces; gives the final state.
inflater::state inflate(inflater& z, std::string_view in, std::string& out, uint64_t bound, size_t piece,
                        size_t room) {
  z.begin(bound);
  std::string box(room, 0);
  while (true) {
    const size_t n = std::min(piece, in.size());
    const bool last = n == in.size();
    const inflater::step s = z.run(in.substr(0, n), last, box.data(), room);
    out.append(box, 0, s.made);
    in.remove_prefix(s.used);
    if (s.is == inflater::state::wants_input && !last) continue;
    if (s.is != inflater::state::wants_room) return s.is;
  }
}

std::string sample(size_t n) {
  std::string text;
  while (text.size() < n) text += "PUB some.subject " + std::to_string(text.size() * 7919) + "\r\n";
  text.resize(n);
  return text;
}

} // namespace

TEST_CASE("What was compressed comes back, in any pieces", "[protocol][websocket]") {
  inflater z;
  const size_t n = GENERATE(0u, 1u, 64u, 5000u, 300000u);
  const std::string text = sample(n), packed = deflated(text);
  for (size_t piece : {1u, 17u, 1000000u})
    for (size_t room : {1u, 100u, 65536u}) {
      if (n > 10000 && (piece == 1 || room == 1)) continue;
      std::string out;
      CHECK(inflate(z, packed, out, n, piece, room) == inflater::state::done);
      CHECK(out == text);
    }
}

TEST_CASE("Attack case 1: a compressed message that grows over its bound is noticed while it grows",
          "[protocol][websocket][attack]") {
  inflater z;
  const std::string bomb = deflated(std::string(20'000'000, 'z'));
  CHECK(bomb.size() < 100'000);
  std::string out;
  CHECK(inflate(z, bomb, out, 1'000'000, bomb.size(), 4096) == inflater::state::too_large);
  CHECK(out.size() == 1'000'000);
  out.clear();
  CHECK(inflate(z, deflated(sample(1000)), out, 1000, 5000, 4096) == inflater::state::done);
  out.clear();
  CHECK(inflate(z, deflated(sample(1001)), out, 1000, 5000, 4096) == inflater::state::too_large);
}

TEST_CASE("Broken compressed data is refused", "[protocol][websocket]") {
  inflater z;
  std::string out;
  CHECK(inflate(z, "\xff\xff\xff\xff", out, 1000, 10, 100) == inflater::state::corrupt);
  out.clear();
  CHECK(inflate(z, deflated("fine again"), out, 1000, 10, 100) == inflater::state::done);
  CHECK(out == "fine again");
}

TEST_CASE("What follows a final block of a compressed message says nothing", "[protocol][websocket]") {
  inflater z;
  // A stored final block with "ab", then rubbish; the message after it is read as any other.
  const size_t piece = GENERATE(1u, 3u, 100u);
  std::string out;
  CHECK(inflate(z, std::string("\x01\x02\x00\xfd\xff" "ab" "rubbish", 14), out, 100, piece, 100)
        == inflater::state::done);
  CHECK(inflate(z, deflated("next"), out, 100, piece, 100) == inflater::state::done);
  CHECK(out == "abnext");
}

TEST_CASE("Random data grows little under compression", "[protocol][websocket]") {
  std::string noise;
  uint32_t state = 1;
  for (int i = 0; i < 100000; ++i) noise += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const std::string packed = deflated(noise);
  CHECK(packed.size() < noise.size() + 200);
  inflater z;
  std::string out;
  CHECK(inflate(z, packed, out, noise.size(), 1000, 1000) == inflater::state::done);
  CHECK(out == noise);
}

TEST_CASE("The bound of a compressed message follows the payload's", "[protocol][websocket]") {
  CHECK(max_inflated_bytes(1024) == 8192);
  CHECK(max_inflated_bytes(1024 * 1024) == 8u * 1024 * 1024);
  CHECK(max_inflated_bytes(100 * 1024 * 1024) == 64u * 1024 * 1024);
  CHECK(max_inflated_bytes(0) == 8u * 1024 * 1024);
}
