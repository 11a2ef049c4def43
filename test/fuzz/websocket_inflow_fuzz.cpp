// Frames that come in any pieces, into room of any size, give a session the same bytes, the same
// answers and the same end; every call that is not the last takes or makes something; nothing is
// written outside of the room; a compressed message never becomes more than its bound.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/session/websocket_inflow.hpp"

namespace {

using troupe::room_cursor;
using troupe::websocket_inflow;
constexpr uint64_t inflate_bound = 50'000;
constexpr size_t most_out = 400'000;  // of one run, so that an input of bombs comes to an end

void require(bool holds) {
  if (!holds) __builtin_trap();
}

struct seen {
  std::string data, controls, failure;
  bool closed = false;
  bool operator==(const seen&) const = default;
};

/// Room in two pieces, with a mark behind each.
struct room {
  explicit room(size_t n) : first(n / 3 + 1, '#'), second(n - n / 3 + 1, '#') {
    pieces = {iovec{first.data(), first.size() - 1}, iovec{second.data(), second.size() - 1}};
  }
  void take(std::string& to, size_t made) const {
    require(first.back() == '#' && second.back() == '#');
    const size_t n = std::min(made, first.size() - 1);
    to.append(first, 0, n);
    to.append(second, 0, made - n);
  }
  std::string first, second;
  std::array<iovec, 2> pieces;
};

template <class NextChunk, class NextRoom>
seen drain(std::string_view stream, bool compression, NextChunk next_chunk, NextRoom next_room) {
  websocket_inflow inflow(inflate_bound);
  inflow.begin(compression);
  seen out;
  while (!stream.empty()) {
    const std::string chunk(stream.substr(0, std::max<size_t>(next_chunk(), 1)));
    stream.remove_prefix(chunk.size());
    std::string_view in = chunk;
    do {
      room space(std::max<size_t>(next_room(), 1));
      room_cursor cursor{space.pieces.data(), 2};
      const size_t before = in.size();
      const auto e = inflow.take(in, cursor);
      require(cursor.made <= space.first.size() + space.second.size() - 2);
      space.take(out.data, cursor.made);
      if (out.data.size() > most_out) return out;
      if (e == websocket_inflow::event::failed) {
        // A broken compressed message is noticed earlier or later, by how it is cut.
        out.failure = inflow.failure();
        require(!out.failure.empty());
        return out;
      }
      if (e == websocket_inflow::event::closed) {
        out.controls += "C" + std::string(inflow.control());
        out.closed = true;
        return out;
      }
      if (e == websocket_inflow::event::ping) out.controls += "P" + std::string(inflow.control());
      else require(in.size() < before || cursor.made > 0 || (in.empty() && !inflow.has_more()));
    } while (!in.empty() || inflow.has_more());
  }
  return out;
}

bool of_inflating(const seen& s) {
  return s.failure == "maximum payload exceeded" || s.failure == "corrupt compressed data";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  const bool compression = (data[0] & 2) != 0;
  uint32_t state = data[1] + 1U;
  const std::string_view stream{reinterpret_cast<const char*>(data) + 2, size - 2};
  const auto random = [&] {
    state = state * 1664525 + 1013904223;
    return size_t{(state >> 16) % 41};
  };
  const auto all = [&] { return stream.size(); };
  const auto large = [] { return size_t{64 * 1024}; };
  const seen whole = drain(stream, compression, all, large);
  const auto check = [&](const seen& other) {
    const bool cut_short = std::max(whole.data.size(), other.data.size()) > most_out;
    if (cut_short) return;
    if (of_inflating(whole)) require(of_inflating(other));
    else require(other == whole);
  };
  check(drain(stream, compression, [] { return size_t{1}; }, large));
  check(drain(stream, compression, random, random));
  check(drain(stream, compression, all, [&] { return 1000 + random(); }));
  return 0;
}
