// A stream of WebSocket frames read in one piece, byte by byte or in any chunks gives the same
// messages, answers and failure, and no reader hands out more than came in. A compressed message
// never becomes more than its bound, however it is cut. What was framed, masked and compressed here
// comes back as it was. An upgrade in pieces is judged as the whole is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/frame.hpp"
#include "protocol/websocket/handshake.hpp"

namespace {

using namespace troupe::websocket;
constexpr uint64_t inflate_bound = 100'000;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

struct seen {
  std::string data;      // of plain messages, and of compressed ones inflated
  std::string controls;  // kind and payload of each
  std::string failure;
  bool operator==(const seen&) const = default;
};

struct reading {
  reading(bool masked, bool compression) : frames(masked, compression) {}
  frame_reader frames;
  inflater z;
  bool in_message = false;
  seen out;

  void add_inflated(std::string_view bytes, bool last) {
    if (!in_message) z.begin(inflate_bound);
    in_message = !last;
    char box[600];
    inflater::step s{};
    uint64_t total = 0;
    do {
      s = z.run(bytes, last, box, sizeof box);
      bytes.remove_prefix(s.used);
      out.data.append(box, s.made);
      total += s.made;
      require(total <= inflate_bound);
    } while (s.is == inflater::state::wants_room);
    if (s.is == inflater::state::corrupt || s.is == inflater::state::too_large)
      out.failure = "inflate";
  }

  /// False after a failure or a close.
  bool feed(std::string in) {
    std::string_view rest = in;
    while (true) {
      size_t used = 0;
      const auto e = frames.next(rest, used);
      require(used <= rest.size());
      rest.remove_prefix(used);
      switch (e) {
        case frame_reader::event::more: require(rest.empty()); return true;
        case frame_reader::event::failed: out.failure = frames.failure(); return false;
        case frame_reader::event::payload: {
          const size_t n = frames.bytes();
          require(n <= rest.size());
          const bool last = frames.last(), packed = frames.compressed();
          char* at = in.data() + (rest.data() - in.data());
          frames.take(at, at, n);
          if (packed) add_inflated({at, n}, last);
          else out.data.append(at, n);
          rest.remove_prefix(n);
          if (!out.failure.empty()) return false;
          break;
        }
        default:
          require(frames.control().size() <= max_control_bytes);
          out.controls += static_cast<char>(e);
          out.controls += frames.control();
          if (e == frame_reader::event::closed) return false;
      }
    }
  }
};

template <class NextChunk>
seen drain(std::string_view stream, bool masked, bool compression, NextChunk next_chunk) {
  reading r(masked, compression);
  while (!stream.empty()) {
    const size_t n = std::min(stream.size(), std::max<size_t>(next_chunk(), 1));
    if (!r.feed(std::string(stream.substr(0, n)))) break;
    stream.remove_prefix(n);
  }
  return r.out;
}

std::string masked_frame(opcode op, bool final, bool compressed, std::string_view payload) {
  char head[max_server_header_bytes];
  std::string out(head, write_header(head, op, final, compressed, payload.size()));
  out[1] = static_cast<char>(out[1] | 0x80);
  const std::array<unsigned char, 4> key{0xDE, 0xAD, static_cast<unsigned char>(payload.size()), 0x0F};
  out.append(reinterpret_cast<const char*>(key.data()), 4);
  std::string body(payload.size(), 0);
  unmask(body.data(), payload.data(), payload.size(), key, 0);
  return out + body;
}

/// The payload as one message in fragments of `size`, with a ping between them.
std::string framed(std::string_view payload, bool compress, size_t size) {
  std::string packed(payload);
  if (compress) {
    deflater d;
    packed.clear();
    d.begin(packed);
    d.add(payload);
    require(d.end());
  }
  std::string out;
  size_t at = 0;
  do {
    const size_t n = std::min(size, packed.size() - at);
    const bool first = at == 0, final = at + n == packed.size();
    out += masked_frame(first ? opcode::binary : opcode::continuation, final, compress && first,
                        std::string_view(packed).substr(at, n));
    if (!final) out += masked_frame(opcode::ping, true, false, "p");
    at += n;
  } while (at < packed.size());
  return out;
}

void check_upgrade(std::string_view text) {
  upgrade_rules rules;
  rules.compression = rules.same_origin = true;
  rules.jwt_cookie = "j";
  size_t scanned = 0, whole_scanned = 0;
  const auto whole = judge_upgrade(text, whole_scanned, rules, {});
  for (size_t n = 0; n <= text.size(); ++n) {
    const auto o = judge_upgrade(text.substr(0, n), scanned, rules, {});
    if (o.is == upgrade_outcome::kind::need_more) continue;
    // What follows a head changes one thing only: an upgrade would have to wait for its answer.
    require(whole.is != upgrade_outcome::kind::need_more);
    require(whole.consumed == o.consumed && o.consumed <= n);
    if (o.is == upgrade_outcome::kind::refused) require(o.answer == whole.answer && o.reason == whole.reason);
    return;
  }
  require(whole.is == upgrade_outcome::kind::need_more);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 8192) return 0;
  const unsigned flags = data[0];
  uint32_t state = data[1] + 1U;
  const std::string_view stream{reinterpret_cast<const char*>(data) + 2, size - 2};
  if ((flags & 4) != 0) {
    check_upgrade(stream);
    return 0;
  }
  const bool masked = (flags & 1) == 0, compression = (flags & 2) != 0;
  const auto random = [&] {
    state = state * 1664525 + 1013904223;
    return size_t{(state >> 16) % 37};
  };
  const seen whole = drain(stream, masked, compression, [&] { return stream.size(); });
  // A broken compressed message is noticed earlier or later, by how it is cut.
  const auto same = [&](const seen& other) {
    return whole.failure == "inflate" ? other.failure == whole.failure : other == whole;
  };
  require(same(drain(stream, masked, compression, [] { return size_t{1}; })));
  require(same(drain(stream, masked, compression, random)));

  const seen back = drain(framed(stream, compression, 1 + data[1]), true, compression, random);
  require(back.failure.empty() && back.data == stream);
  return 0;
}
