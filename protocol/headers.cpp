#include "protocol/headers.hpp"

#include <algorithm>

namespace troupe {
namespace {

constexpr std::string_view crlf = "\r\n";
constexpr auto npos = std::string_view::npos;

std::string_view skip_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

/// A value must not be able to start a line of its own.
void append_value(std::string& out, std::string_view value) {
  for (const char c : value)
    out += c == '\r' || c == '\n' ? ' ' : c;
}

void append_line(std::string& out, std::string_view key, std::string_view value) {
  out += key;
  out += ": ";
  append_value(out, value);
  out += crlf;
}

/// Everything but the empty line at the end.
std::string_view open_block(std::string_view block) {
  if (block.size() <= crlf.size()) return header_line;
  if (block.ends_with("\r\n\r\n")) block.remove_suffix(crlf.size());
  return block;
}

std::string nothing_if_empty(std::string block) {
  if (block.size() <= empty_header_block.size()) block.clear();
  return block;
}

template <class Unwanted>
std::string remove_lines(std::string_view block, Unwanted unwanted) {
  const size_t first = block.find(crlf);
  if (first == npos) return std::string{block};
  std::string out{block.substr(0, first + crlf.size())};
  bool removed = false;
  std::string_view rest = block.substr(first + crlf.size());
  while (!rest.empty()) {
    const size_t end = rest.find(crlf);
    if (end == npos) {
      out += rest;
      break;
    }
    if (unwanted(rest.substr(0, end))) {
      removed = true;
    } else {
      out += rest.substr(0, end + crlf.size());
    }
    rest.remove_prefix(end + crlf.size());
  }
  return removed ? nothing_if_empty(std::move(out)) : out;
}

} // namespace

size_t find_header_key(std::string_view block, std::string_view key) {
  if (key.empty()) return npos;
  // The first line holds the version and never a key.
  for (size_t at = block.find(key, crlf.size()); at != npos; at = block.find(key, at + 1)) {
    const size_t colon = at + key.size();
    if (colon >= block.size()) return npos;
    if (block[at - 2] == '\r' && block[at - 1] == '\n' && block[colon] == ':') return at;
  }
  return npos;
}

std::optional<std::string_view> find_header(std::string_view block, std::string_view key) {
  const size_t at = find_header_key(block, key);
  if (at == npos) return std::nullopt;
  const std::string_view rest = skip_blanks(block.substr(at + key.size() + 1));
  return rest.substr(0, rest.find(crlf));
}

header_cursor::header_cursor(std::string_view block) {
  const size_t end = block.find(crlf);
  if (end != npos) rest_ = block.substr(end + crlf.size());
}

std::optional<header_field> header_cursor::next() {
  while (!rest_.empty()) {
    const size_t end = std::min(rest_.find(crlf), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + crlf.size(), rest_.size()));
    const size_t colon = line.find(':');
    if (colon == npos) continue;
    return header_field{line.substr(0, colon), skip_blanks(line.substr(colon + 1))};
  }
  return std::nullopt;
}

std::optional<header_status> parse_header_status(std::string_view block) {
  constexpr size_t code_digits = 3;
  if (!block.starts_with(header_version)) return std::nullopt;
  std::string_view line = block.substr(0, block.find(crlf)).substr(header_version.size());
  if (!line.starts_with(' ')) return std::nullopt;
  line = skip_blanks(line);
  if (line.size() < code_digits) return std::nullopt;
  header_status status;
  for (const char c : line.substr(0, code_digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    status.code = status.code * 10 + static_cast<unsigned>(c - '0');
  }
  line.remove_prefix(code_digits);
  if (!line.empty() && line.front() != ' ') return std::nullopt;
  status.description = skip_blanks(line);
  return status;
}

std::string set_header(std::string_view block, std::string_view key, std::string_view value) {
  const size_t at = find_header_key(block, key);
  if (at == npos) return add_header(block, key, value);
  const size_t line_end = std::min(block.find(crlf, at), block.size());
  const size_t after_colon = at + key.size() + 1;
  const bool blank = after_colon < line_end && block[after_colon] == ' ';
  std::string out;
  out.reserve(block.size() + value.size());
  out += block.substr(0, after_colon + (blank ? 1 : 0));
  append_value(out, value);
  out += block.substr(line_end);
  return out;
}

std::string add_header(std::string_view block, std::string_view key, std::string_view value) {
  std::string out{open_block(block)};
  out.reserve(out.size() + key.size() + value.size() + 6);
  if (!out.ends_with(crlf)) out += crlf;
  append_line(out, key, value);
  out += crlf;
  return out;
}

std::string remove_header(std::string_view block, std::string_view key) {
  return remove_lines(block, [key](std::string_view line) {
    return line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':';
  });
}

std::string remove_headers_with_prefix(std::string_view block, std::string_view prefix) {
  return remove_lines(
      block, [prefix](std::string_view line) { return !line.empty() && line.starts_with(prefix); });
}

std::string remove_header_status(std::string_view block) {
  const size_t end = block.find('\r');
  if (!block.starts_with(header_version) || end == npos || end <= header_version.size()) {
    return std::string{block};
  }
  std::string out{header_version};
  out += block.substr(end);
  return nothing_if_empty(std::move(out));
}

header_builder::header_builder(unsigned code, std::string_view description)
    : block_(header_version) {
  block_ += ' ';
  block_ += std::to_string(code);
  if (!description.empty()) {
    block_ += ' ';
    append_value(block_, description);
  }
  block_ += crlf;
}

header_builder& header_builder::add(std::string_view key, std::string_view value) {
  append_line(block_, key, value);
  return *this;
}

std::string header_builder::finish() {
  block_ += crlf;
  return std::move(block_);
}

} // namespace troupe
