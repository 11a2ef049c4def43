// The header block of a message: "NATS/1.0[ status[ description]]" CRLF, lines "Key: value" CRLF,
// and an empty line.
//
// Pure. Blocks come from clients and may hold anything: every function is safe on any bytes. Keys
// are compared byte by byte and the first match counts, as on the Go server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

inline constexpr std::string_view header_version = "NATS/1.0";
inline constexpr std::string_view header_line = "NATS/1.0\r\n";
inline constexpr std::string_view empty_header_block = "NATS/1.0\r\n\r\n";

/// Where the line of `key` starts in `block`; npos if there is none. A key's line follows a CRLF
/// and the key is followed by a colon at once.
size_t find_header_key(std::string_view block, std::string_view key);

/// The value of the first line of `key` without the blanks before it; a view into `block`.
std::optional<std::string_view> find_header(std::string_view block, std::string_view key);

struct header_field {
  std::string_view key;
  std::string_view value; // without the blanks before it
};

/// Walks the lines in order; those without a colon are passed over.
///   header_cursor c{block};
///   while (auto field = c.next()) ...
class header_cursor {
public:
  explicit header_cursor(std::string_view block);
  std::optional<header_field> next();

private:
  std::string_view rest_;
};

struct header_status {
  unsigned code = 0; // 3 digits
  std::string_view description;
};

/// The status of a block's first line; nothing if it has none or starts otherwise.
std::optional<header_status> parse_header_status(std::string_view block);

/// `block` with the value of the first `key` replaced, or with the line added at the end. An empty
/// block gains its first line. Line ends in `value` become blanks; a colon without blank stays so.
std::string set_header(std::string_view block, std::string_view key, std::string_view value);

/// `block` with a line added at the end whether or not the key is there.
std::string add_header(std::string_view block, std::string_view key, std::string_view value);

/// `block` without any line of `key`; empty if nothing but the first line is left.
std::string remove_header(std::string_view block, std::string_view key);

/// `block` without the lines whose key starts with `prefix`; empty if no line is left.
std::string remove_headers_with_prefix(std::string_view block, std::string_view prefix);

/// `block` without status and description; empty if no line is left.
std::string remove_header_status(std::string_view block);

/// Builds a block line by line.
class header_builder {
public:
  header_builder() : block_(header_line) {}
  /// Starts with "NATS/1.0 <code>[ <description>]".
  header_builder(unsigned code, std::string_view description);
  header_builder& add(std::string_view key, std::string_view value);
  /// The block with its closing empty line; the builder is spent.
  std::string finish();

private:
  std::string block_;
};

} // namespace troupe
