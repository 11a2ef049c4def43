// Which operations each kind of connection may send, and how each one's line is read.
//
// The parser has no other list: a new kind of peer plugs in by adding rows or mask bits here. An
// operation that a kind has no bit for is unknown from its first wrong byte, as if never invented.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "protocol/client/parser.hpp"
#include "protocol/ids.hpp"

namespace troupe {

/// What may stand between an operation's name and the end of its line.
enum class line_rule : uint8_t {
  spaced,  // one blank at least, then the argument
  loose,   // blanks may be missing: the first other byte starts the argument
  ignored, // whatever there is up to the newline has no meaning
};

constexpr uint8_t kind_bit(connection_kind kind) {
  return static_cast<uint8_t>(1U << static_cast<unsigned>(kind));
}

inline constexpr uint8_t from_client = kind_bit(connection_kind::client);
inline constexpr uint8_t from_any = from_client | kind_bit(connection_kind::router)
                                    | kind_bit(connection_kind::gateway)
                                    | kind_bit(connection_kind::leaf);

struct op_rule {
  std::string_view name; // upper case
  op_kind kind;
  bool headers; // pub: the line has a header size
  line_rule line;
  uint8_t senders; // kind_bit()s
};

/// No name is the beginning of another one. Ordered by expected frequency.
inline constexpr std::array<op_rule, 10> op_table{{
    {"PUB", op_kind::pub, false, line_rule::spaced, from_client},
    {"HPUB", op_kind::pub, true, line_rule::spaced, from_client},
    {"SUB", op_kind::sub, false, line_rule::spaced, from_client},
    {"UNSUB", op_kind::unsub, false, line_rule::spaced, from_client},
    {"PING", op_kind::ping, false, line_rule::ignored, from_any},
    {"PONG", op_kind::pong, false, line_rule::ignored, from_any},
    {"CONNECT", op_kind::connect, false, line_rule::loose, from_any},
    {"INFO", op_kind::info, false, line_rule::loose, from_any},
    {"+OK", op_kind::ok, false, line_rule::ignored, from_any},
    {"-ERR", op_kind::err, false, line_rule::spaced, from_any},
}};

/// True if `kind` may send operations of this row.
constexpr bool may_send(connection_kind kind, const op_rule& rule) {
  return (rule.senders & kind_bit(kind)) != 0;
}

} // namespace troupe
