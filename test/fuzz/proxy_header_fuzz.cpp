// A PROXY header read in one piece, byte by byte or in any chunks comes to the same end, takes the
// same bytes and keeps few of them. A header written here is read back, and what follows is left.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/client/proxy_header.hpp"

namespace {

using troupe::proxy_header_reader;
using state = proxy_header_reader::state;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

struct seen {
  state is = state::more;
  size_t taken = 0;
  std::string failure, source, interrupted;
  bool operator==(const seen&) const = default;
};

template <class NextChunk>
seen drain(std::string_view in, NextChunk next_chunk) {
  proxy_header_reader r;
  seen out;
  while (r.is() == state::more && !in.empty()) {
    require(r.wanted() > 0);
    const std::string chunk(in.substr(0, std::max<size_t>(next_chunk(), 1)));
    const size_t used = r.feed(chunk);
    require(used <= chunk.size() && (used > 0 || r.is() != state::more));
    in.remove_prefix(used);
    out.taken += used;
    require(out.taken == r.taken_bytes());
    require(r.taken().size() <= proxy_header_reader::max_text_bytes);
  }
  out.is = r.is();
  out.failure = r.failure();
  require(out.failure.empty() == (out.is != state::failed));
  require(!r.source() || out.is == state::done || out.is == state::more);
  if (r.source() && out.is == state::done) out.source = r.source()->ip + " " + std::to_string(r.source()->port);
  if (out.is == state::more) {
    require(!in.data() || in.empty());
    out.interrupted = r.interrupted("late");
  }
  return out;
}

std::string four(const uint8_t* b) {
  return std::to_string(b[0]) + "." + std::to_string(b[1]) + "." + std::to_string(b[2]) + "."
         + std::to_string(b[3]);
}

void round_trip(const uint8_t* b, std::string_view rest) {
  const unsigned port = unsigned{b[4]} << 8 | b[5];
  const std::string expected = four(b) + " " + std::to_string(port);
  const std::string text = "PROXY TCP4 " + four(b) + " 127.0.0.1 " + std::to_string(port) + " 4222\r\n";
  std::string binary("\r\n\r\n\0\r\nQUIT\n\x21\x11", 14);
  const size_t length = 12 + b[6];
  binary += static_cast<char>(length >> 8);
  binary += static_cast<char>(length & 0xff);
  binary.append(reinterpret_cast<const char*>(b), 4);
  binary.append("\x7f\0\0\1", 4);
  binary.append(reinterpret_cast<const char*>(b) + 4, 2);
  binary.append("\x10\x7e", 2);
  binary.append(b[6], 't');
  for (const std::string& header : {text, binary}) {
    const seen back = drain(header + std::string(rest), [&] { return header.size() + rest.size(); });
    require(back.is == state::done && back.taken == header.size() && back.source == expected);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 8 || size > 70000) return 0;
  uint32_t random_state = data[0] + 1U;
  const std::string_view in{reinterpret_cast<const char*>(data) + 1, size - 1};
  const seen whole = drain(in, [&] { return in.size(); });
  require(drain(in, [] { return size_t{1}; }) == whole);
  require(drain(in, [&] {
            random_state = random_state * 1664525 + 1013904223;
            return size_t{(random_state >> 16) % 23};
          }) == whole);
  round_trip(data, in);
  return 0;
}
