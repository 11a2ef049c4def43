// Reading a stream in one piece, byte by byte or in any chunks gives the same operations and the
// same error; so does spelling the operations' names in lower case. What a caller has to keep while
// a line is incomplete is bounded, and a payload is whole exactly when it was announced to be.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/client/parser.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty()
         || (part.data() >= whole.data()
             && part.data() + part.size() <= whole.data() + whole.size());
}

/// An operation with its texts copied; only what its kind uses.
struct seen {
  op_kind kind;
  violation error = violation::none;
  std::vector<std::string> texts;
  int64_t number = 0;
  bool operator==(const seen&) const = default;
};

seen copy_of(const op& o) {
  const auto s = [](std::string_view v) { return std::string{v}; };
  switch (o.kind) {
  case op_kind::pub:
    return {
        o.kind, o.error, {s(o.subject), s(o.reply), s(o.payload), s(o.argument)}, o.header_bytes};
  case op_kind::sub:
    return {o.kind, o.error, {s(o.subject), s(o.queue), s(o.sid)}, 0};
  case op_kind::unsub:
    return {o.kind, o.error, {s(o.sid)}, o.max};
  case op_kind::connect:
  case op_kind::info:
  case op_kind::err:
    return {o.kind, o.error, {s(o.argument)}, 0};
  default:
    return {o.kind, o.error, {}, 0};
  }
}

void check(std::string_view in, const parser_limits& limits, const op& o) {
  require(o.consumed <= in.size());
  switch (o.kind) {
  case op_kind::need_more: {
    require(o.consumed == 0 && o.error == violation::none);
    require(o.needed == 0 || o.needed > in.size());
    const size_t factor = limits.kind == connection_kind::client ? 1 : 16;
    if (o.needed == 0) require(in.size() <= 2 * factor * limits.max_control_line + 10);
    if (o.needed != 0 && limits.max_payload >= 0) {
      require(o.needed
              <= 2 * limits.max_control_line + 10 + static_cast<size_t>(limits.max_payload) + 2);
    }
    break;
  }
  case op_kind::violation:
    require(o.consumed == 0 && o.error != violation::none);
    break;
  case op_kind::pub:
    require(inside(o.subject, in) && inside(o.reply, in) && inside(o.payload, in));
    require(!o.subject.empty() && o.header_bytes <= static_cast<int64_t>(o.payload.size()));
    [[fallthrough]];
  default:
    require(o.consumed > 0 && o.error == violation::none);
  }
}

/// Feeds the stream in chunks whose sizes `next_chunk` gives, as a connection would.
template <class NextChunk>
std::vector<seen> drain(std::string_view stream, const parser_limits& limits,
                        NextChunk next_chunk) {
  std::vector<seen> all;
  std::string held;
  while (!stream.empty()) {
    const size_t n = std::min(stream.size(), std::max<size_t>(next_chunk(), 1));
    held += stream.substr(0, n);
    stream.remove_prefix(n);
    size_t at = 0;
    for (;;) {
      const std::string exact = held.substr(at); // so that reads beyond the input are noticed
      op o;
      next_op(exact, limits, o);
      check(exact, limits, o);
      if (o.kind == op_kind::need_more) break;
      all.push_back(copy_of(o));
      if (o.kind == op_kind::violation) return all;
      at += o.consumed;
    }
    held.erase(0, at);
  }
  return all;
}

void check_lower_case(std::string_view in, const parser_limits& limits) {
  const bool pub = in.starts_with("PUB ");
  if (!pub && !in.starts_with("HPUB ")) return;
  std::string lower{in};
  for (size_t i = 0; lower[i] != ' '; ++i)
    lower[i] = static_cast<char>(lower[i] | 0x20);
  op a, b;
  next_op(in, limits, a);
  next_op(lower, limits, b);
  require(copy_of(a) == copy_of(b) && a.consumed == b.consumed && a.needed == b.needed);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  parser_limits limits;
  limits.kind = (data[0] & 7) == 7   ? connection_kind::leaf
                : (data[0] & 7) == 6 ? connection_kind::router
                                     : connection_kind::client;
  limits.headers = (data[0] & 8) == 0;
  limits.max_control_line = (data[0] & 16) != 0 ? 8 + (data[1] & 31) : 4096;
  limits.max_payload = (data[0] & 32) != 0 ? (data[1] >> 5) * 8 : (data[0] & 64) != 0 ? -1 : 65536;
  uint32_t state = data[2] + 1U;
  const std::string_view stream{reinterpret_cast<const char*>(data) + 3, size - 3};
  if (stream.size() > 4096) return 0;

  const auto whole = drain(stream, limits, [&] { return stream.size(); });
  require(whole == drain(stream, limits, [] { return size_t{1}; }));
  require(whole == drain(stream, limits, [&] {
            state = state * 1664525 + 1013904223;
            return size_t{(state >> 16) % 23};
          }));
  check_lower_case(stream, limits);
  return 0;
}
