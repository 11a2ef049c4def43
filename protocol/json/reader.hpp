// Reads JSON with simdjson, with the leniency of Go's encoding/json where peers rely on it.
//
// Pure. Errors: `malformed` with simdjson's reason.
#pragma once

#include <string_view>

#include <simdjson.h>

#include "protocol/result.hpp"

namespace troupe {

/// Reads one document after another. What `read` returns, and every view got from it, lives until
/// the next `read` or the end of the reader, whichever is first; the input may go at once.
class json_reader {
public:
  /// The whole document, checked to its end. Bytes that are no UTF-8 and escaped surrogates that are no
  /// pair become U+FFFD, as in Go.
  result<simdjson::dom::element> read(std::string_view json);

private:
  simdjson::dom::parser parser_;
};

/// True if a document's field `name` means the field `wanted` (ASCII) in Go: letters match without
/// regard to case, and U+017F and U+212A count as s and k.
bool same_field_name(std::string_view name, std::string_view wanted);

} // namespace troupe
