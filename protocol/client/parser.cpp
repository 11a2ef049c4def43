// Two readers of one grammar: a fast one for the usual spelling of PUB and HPUB, which gives up on
// anything unusual without having decided anything, and the general one that decides all else.
#include "protocol/client/parser.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "protocol/client/op_table.hpp"

namespace troupe {
namespace {

constexpr size_t crlf_bytes = 2;
constexpr size_t max_size_digits = 9; // sizes never overflow: 999 999 999 is the largest
constexpr unsigned peer_control_line_factor = 16;

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_blank_or_line_end(char c) { return is_blank(c) || c == '\r' || c == '\n'; }

void fail(violation why, op& out) {
  out.kind = op_kind::violation;
  out.error = why;
  out.consumed = 0;
  out.needed = 0;
}

void wait(size_t needed, op& out) {
  out.kind = op_kind::need_more;
  out.error = violation::none;
  out.consumed = 0;
  out.needed = needed;
}

void finish(op_kind kind, size_t consumed, op& out) {
  out.kind = kind;
  out.error = violation::none;
  out.consumed = consumed;
  out.needed = 0;
}

size_t control_line_bound(const parser_limits& limits) {
  size_t bound = limits.max_control_line;
  return limits.kind == connection_kind::client ? bound : bound * peer_control_line_factor;
}

/// The payload of `size` bytes starts at in[body]; exactly CRLF has to follow it.
inline void finish_pub(std::string_view in, size_t body, size_t size, op& out) {
  const size_t end = body + size;
  if (in.size() >= end + crlf_bytes) [[likely]] {
    if (in[end] != '\r' || in[end + 1] != '\n') return fail(violation::unknown_op, out);
    out.payload = in.substr(body, size);
    return finish(op_kind::pub, end + crlf_bytes, out);
  }
  if (in.size() > end && in[end] != '\r') return fail(violation::unknown_op, out);
  wait(end + crlf_bytes, out);
}

/// First byte at or after `p` that is a blank or a control character; `end` if there is none.
inline const char* find_token_end(const char* p, const char* end) {
  if constexpr (std::endian::native == std::endian::little) {
    constexpr uint64_t ones = 0x0101010101010101;
    while (end - p >= 8) {
      uint64_t word;
      std::memcpy(&word, p, sizeof(word));
      // The high bit of each byte below 0x21; borrows only disturb bytes above the first hit.
      const uint64_t hits = (word - ones * 0x21) & ~word & (ones * 0x80);
      if (hits != 0) return p + std::countr_zero(hits) / 8;
      p += 8;
    }
  }
  while (p != end && static_cast<unsigned char>(*p) > ' ')
    ++p;
  return p;
}

/// Reads digits at `p`; returns where they stop, nullptr if there are none or too many.
inline const char* read_size(const char* p, const char* end, size_t& size) {
  const char* const stop =
      end - p > static_cast<ptrdiff_t>(max_size_digits) ? p + max_size_digits : end;
  const char* const first = p;
  size_t n = 0;
  for (; p != stop; ++p) {
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit > 9) break;
    n = n * 10 + digit;
  }
  size = n;
  return p == first ? nullptr : p;
}

/// `[header_bytes ]total_bytes` and CRLF at `p`; returns where the CRLF is, nullptr if it is not
/// so.
template <bool with_headers>
inline const char* read_sizes(const char* p, const char* end, size_t& header, size_t& total) {
  if constexpr (with_headers) {
    p = read_size(p, end, header);
    if (p == nullptr || p == end || *p != ' ') return nullptr;
    ++p;
  }
  p = read_size(p, end, total);
  return p != nullptr && end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p : nullptr;
}

/// What follows the name of a PUB or HPUB with single blanks: `subject [reply] sizes CRLF`. False:
/// it is not that, and nothing was decided.
template <bool with_headers>
inline bool fast_pub(std::string_view in, size_t name_bytes, const parser_limits& limits, op& out) {
  const char* const arg = in.data() + name_bytes;
  const char* const end = in.data() + in.size();
  const char* const subject_end = find_token_end(arg, end);
  if (subject_end == arg || subject_end == end || *subject_end != ' ') return false;

  size_t header = 0;
  size_t total = 0;
  const char* const second = subject_end + 1;
  const char* line_end = read_sizes<with_headers>(second, end, header, total);
  out.reply = {};
  if (line_end == nullptr) {
    const char* const reply_end = find_token_end(second, end);
    if (reply_end == second || reply_end == end || *reply_end != ' ') return false;
    out.reply = {second, static_cast<size_t>(reply_end - second)};
    line_end = read_sizes<with_headers>(reply_end + 1, end, header, total);
    if (line_end == nullptr) return false;
  }
  const size_t arg_bytes = static_cast<size_t>(line_end - arg);
  if (arg_bytes > limits.max_control_line || header > total) return false;

  out.subject = {arg, static_cast<size_t>(subject_end - arg)};
  out.argument = {arg, arg_bytes};
  out.header_bytes = with_headers ? static_cast<int32_t>(header) : -1;
  if (limits.max_payload >= 0 && static_cast<int64_t>(total) > limits.max_payload) {
    fail(violation::payload_too_large, out);
    return true;
  }
  finish_pub(in, name_bytes + arg_bytes + crlf_bytes, total, out);
  return true;
}

inline bool fast_op(std::string_view in, const parser_limits& limits, op& out) {
  constexpr std::string_view pub = "PUB ";
  constexpr std::string_view hpub = "HPUB ";
  if (in.starts_with(pub)) return fast_pub<false>(in, pub.size(), limits, out);
  if (limits.headers && in.starts_with(hpub)) return fast_pub<true>(in, hpub.size(), limits, out);
  return false;
}

// -- the general reader ---------------------------------------------------------------------------

constexpr size_t max_args = 4;

/// The tokens of an argument; `count` is max_args + 1 if there are more than may ever be.
struct arg_list {
  std::array<std::string_view, max_args> at;
  size_t count = 0;
};

template <class Separator>
arg_list split(std::string_view arg, Separator is_separator) {
  arg_list args;
  const char* p = arg.data();
  const char* const end = p + arg.size();
  while (p != end) {
    if (is_separator(*p)) {
      ++p;
      continue;
    }
    const char* const start = p;
    p = find_token_end(p, end);
    while (p != end && !is_separator(*p))
      p = find_token_end(p + 1, end);
    if (args.count == max_args) {
      ++args.count;
      break;
    }
    args.at[args.count++] = {start, static_cast<size_t>(p - start)};
  }
  return args;
}

/// A size as Go reads it: 1 to 9 digits and nothing else, otherwise -1.
int64_t parse_size(std::string_view text) {
  size_t size = 0;
  const char* const end = text.data() + text.size();
  return read_size(text.data(), end, size) == end && !text.empty() ? static_cast<int64_t>(size)
                                                                   : -1;
}

/// A subject that holds a line end would break the lines of those it is delivered to.
bool breaks_lines(std::string_view token) {
  return token.find_first_of("\r\n") != std::string_view::npos;
}

void read_pub(std::string_view in, size_t body, bool headers, const parser_limits& limits,
              op& out) {
  if (headers && !limits.headers) return fail(violation::headers_unsupported, out);
  const arg_list args = split(out.argument, is_blank);
  const size_t sizes = headers ? 2 : 1;
  if (args.count != sizes + 1 && args.count != sizes + 2) {
    return fail(violation::bad_arguments, out);
  }
  out.subject = args.at[0];
  out.reply = args.count == sizes + 2 ? args.at[1] : std::string_view{};
  if (breaks_lines(out.subject) || breaks_lines(out.reply)) {
    return fail(violation::bad_arguments, out);
  }
  const int64_t size = parse_size(args.at[args.count - 1]);
  const int64_t header_bytes = headers ? parse_size(args.at[args.count - 2]) : -1;
  if (headers && (header_bytes < 0 || size < 0 || header_bytes > size)) {
    return fail(violation::bad_header_size, out);
  }
  if (size < 0) return fail(violation::bad_arguments, out);
  if (limits.max_payload >= 0 && size > limits.max_payload) {
    return fail(violation::payload_too_large, out);
  }
  out.header_bytes = static_cast<int32_t>(header_bytes);
  finish_pub(in, body, static_cast<size_t>(size), out);
}

void read_sub(size_t line_bytes, op& out) {
  const arg_list args = split(out.argument, is_blank_or_line_end);
  if (args.count != 2 && args.count != 3) return fail(violation::bad_arguments, out);
  out.subject = args.at[0];
  out.queue = args.count == 3 ? args.at[1] : std::string_view{};
  out.sid = args.at[args.count - 1];
  finish(op_kind::sub, line_bytes, out);
}

void read_unsub(size_t line_bytes, op& out) {
  const arg_list args = split(out.argument, is_blank_or_line_end);
  if (args.count != 1 && args.count != 2) return fail(violation::bad_arguments, out);
  out.sid = args.at[0];
  // A malformed maximum counts as none, as in Go.
  out.max = args.count == 2 ? std::max<int64_t>(parse_size(args.at[1]), 0) : 0;
  finish(op_kind::unsub, line_bytes, out);
}

constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

/// Finds the row whose name `in` starts with. nullptr with `partial` set: `in` ends inside a name.
const op_rule* match_name(std::string_view in, connection_kind kind, bool& partial) {
  partial = false;
  for (const op_rule& rule : op_table) {
    if (!may_send(kind, rule)) continue;
    if (!in.empty() && upper(in[0]) != rule.name[0]) continue;
    const size_t n = std::min(in.size(), rule.name.size());
    size_t i = 0;
    while (i < n && upper(in[i]) == rule.name[i])
      ++i;
    if (i == rule.name.size()) return &rule;
    partial = partial || i == in.size();
  }
  return nullptr;
}

std::string_view without_cr(std::string_view arg) {
  // A CR that is the argument's very first byte stays, as in Go.
  if (arg.size() > 1 && arg.back() == '\r') arg.remove_suffix(1);
  return arg;
}

enum class line_state : uint8_t { whole, incomplete, refused };

/// Finds the line's end and `out.argument`. The bound holds for lines still without an end too, so
/// that what a caller must keep is bounded; blanks before the argument have the same bound.
line_state read_line(std::string_view in, const op_rule& rule, size_t bound, size_t& line_bytes,
                     op& out) {
  size_t start = rule.name.size();
  size_t search = start;
  if (rule.line == line_rule::ignored) {
    out.argument = {};
  } else {
    if (start == in.size()) return line_state::incomplete;
    if (rule.line == line_rule::spaced && !is_blank(in[start])) {
      fail(violation::unknown_op, out);
      return line_state::refused;
    }
    while (start < in.size() && is_blank(in[start]))
      ++start;
    if (start - rule.name.size() > bound) {
      fail(violation::control_line_too_long, out);
      return line_state::refused;
    }
    if (start == in.size()) return line_state::incomplete;
    search = start + 1; // an argument's first byte is taken whatever it is
  }
  const size_t lf = in.find('\n', search);
  const std::string_view arg = without_cr(in.substr(start, std::min(lf, in.size()) - start));
  if (arg.size() > bound) {
    fail(violation::control_line_too_long, out);
    return line_state::refused;
  }
  if (lf == std::string_view::npos) return line_state::incomplete;
  if (rule.line != line_rule::ignored) out.argument = arg;
  line_bytes = lf + 1;
  return line_state::whole;
}

void general_op(std::string_view in, const parser_limits& limits, op& out) {
  bool partial = false;
  const op_rule* const rule = match_name(in, limits.kind, partial);
  if (rule == nullptr) return partial ? wait(0, out) : fail(violation::unknown_op, out);

  size_t line_bytes = 0;
  switch (read_line(in, *rule, control_line_bound(limits), line_bytes, out)) {
  case line_state::incomplete:
    return wait(0, out);
  case line_state::refused:
    return;
  case line_state::whole:
    break;
  }
  switch (rule->kind) {
  case op_kind::pub:
    return read_pub(in, line_bytes, rule->headers, limits, out);
  case op_kind::sub:
    return read_sub(line_bytes, out);
  case op_kind::unsub:
    return read_unsub(line_bytes, out);
  default:
    return finish(rule->kind, line_bytes, out);
  }
}

static_assert(may_send(connection_kind::client, op_table[0]) && op_table[0].name == "PUB");

} // namespace

void next_op(std::string_view in, const parser_limits& limits, op& out) {
  if (limits.kind == connection_kind::client && fast_op(in, limits, out)) return;
  if (in.empty()) return wait(0, out);
  general_op(in, limits, out);
}

} // namespace troupe
