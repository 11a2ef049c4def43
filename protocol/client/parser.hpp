// Reads the operations of a connection from the bytes it sent: bytes -> one op at a time.
//
// Pure. The caller owns the bytes; views in the result point into them. Reading the same bytes in
// one piece or byte by byte gives the same operations and the same errors (fuzzed). Limits come in
// as arguments. The Go server's parser.go is the source of the grammar, and three things differ
// from it: a CR counts only right before the LF, a PUB whose subject or reply holds CR or LF is
// refused (it would break its receivers' lines), and blanks and ignored text have the control
// line's bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/ids.hpp"

namespace troupe {

/// What `next_op` found at the front of its input.
enum class op_kind : uint8_t {
  need_more, // not whole yet: keep the bytes and come back with more
  pub,       // PUB or HPUB (header_bytes >= 0), with its whole payload
  sub,
  unsub,
  ping,
  pong,
  connect,   // argument: JSON
  info,      // argument: JSON
  ok,        // +OK
  err,       // -ERR, argument: the text
  violation, // malformed or forbidden: report `error`, close
};

/// Why a connection is at fault. Which -ERR text and closed reason each one gives: error_text.hpp.
enum class violation : uint8_t {
  none,
  unknown_op, // "Unknown Protocol Operation"
  control_line_too_long,
  payload_too_large,   // the size argument is over max_payload
  bad_arguments,       // wrong count or malformed: closes without a text of its own
  bad_header_size,     // HPUB sizes malformed or header larger than the total
  headers_unsupported, // HPUB although headers are off
};

struct op {
  op_kind kind = op_kind::need_more;
  violation error = violation::none;
  /// Bytes of the input this operation took (0 for need_more).
  size_t consumed = 0;
  /// need_more inside a payload: how many bytes the operation has in all; otherwise 0.
  size_t needed = 0;
  /// pub: subject; sub: subject.
  std::string_view subject;
  /// pub: reply subject or empty.
  std::string_view reply;
  /// sub: queue group or empty.
  std::string_view queue;
  /// sub, unsub.
  std::string_view sid;
  /// connect, info, err: the argument. Other control lines: the argument as sent, for tracing.
  std::string_view argument;
  /// pub: header block and body, without the closing CRLF.
  std::string_view payload;
  /// pub: length of the header block at the front of `payload`; -1 for a PUB.
  int32_t header_bytes = -1;
  /// unsub: max messages, 0 when absent.
  int64_t max = 0;
};

struct parser_limits {
  connection_kind kind = connection_kind::client;
  /// Bound of a control line's argument; other kinds than client may use 16 times as much.
  uint32_t max_control_line = 4096;
  /// Bound of a payload, -1 for none.
  int64_t max_payload = 1024 * 1024;
  /// Whether HPUB is allowed (server and CONNECT agree on headers).
  bool headers = true;
};

/// Reads one operation from the front of `in` into `out` (every field is set that its kind uses).
/// Hot: called once per message; no allocation.
void next_op(std::string_view in, const parser_limits& limits, op& out);

} // namespace troupe
