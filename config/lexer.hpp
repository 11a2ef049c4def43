// The words of a configuration file: keys, values and what stands between them.
//
// Pure and cheap to copy: views into the text, no allocation except for strings with escapes. The
// parser drives it and tells it where it stands, because the grammar is context dependent: a
// newline ends a value at the top, but may stand between a key and its value inside a map. The text
// must not hold a NUL byte (parser.cpp checks that first) and must outlive the lexer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::config {

enum class item_kind : uint8_t {
  failure, // `text` is the message
  end_of_input,
  key,
  include, // `text` is the path
  string,
  boolean,
  integer, // digits and unit suffix, as written
  floating,
  date_time,
  variable, // name without the dollar
  array_start,
  array_end,
  map_start,
  map_end,   // also closes the optional braces around a whole file
  separator, // between two values of an array or map
};

struct item {
  item_kind kind = item_kind::failure;
  std::string text;
  int line = 1;
  int column = 0;
};

/// Where keys are read: at the top of a file, inside the optional braces around a whole file, or in
/// a map.
enum class scope : uint8_t { top, braces, map };

class lexer {
public:
  explicit lexer(std::string_view text) : text_(text) {}

  /// The next key of a scope, or `include`, `map_start` (an opening brace around the file),
  /// `map_end`, `end_of_input`, or a failure. Skips comments and blank space.
  item next_key(scope where);

  /// After a key: moves over the separator. False when the text ends here.
  bool skip_key_separator(bool newline_may_follow);

  /// Reads a value's first item, or in a map fails where there is none. In an array the closing
  /// bracket comes first (next_element).
  item next_value(scope where = scope::top);

  /// In an array, before a value: `array_end`, a failure, or `separator` meaning "a value follows".
  item next_element();

  /// After a value: `separator`, or the closing bracket, or `end_of_input`, or a failure.
  item after_value(scope where);
  item after_element();

  /// A failure at the cursor.
  item fail(std::string message) const;

  int line() const { return line_; }
  int column() const { return static_cast<int>(pos_ - line_start_); }

private:
  bool at_end() const { return pos_ >= text_.size(); }
  char peek(size_t ahead = 0) const {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  void advance(size_t n = 1);
  size_t space_width() const;
  void skip_space();
  void skip_blanks();
  bool skip_comment();
  std::string shown() const;
  item make(item_kind kind, size_t start) const;
  item make_text(item_kind kind, std::string text) const;
  item unexpected_key_separator(bool in_map) const;
  item quoted_key(scope where);
  item bare_key(scope where);
  item include_path();
  item bare_string(size_t start);
  item double_quoted();
  item single_quoted();
  item block();
  item number(size_t start);
  item number_tail(size_t start, bool negative);
  item float_or_address(size_t start);
  item suffixed_number(size_t start);
  item date(size_t start);
  bool escape(std::string& out, item& failure);

  std::string_view text_;
  size_t pos_ = 0;
  size_t line_start_ = 0; // of the newline that opened this line; 0 on the first
  int line_ = 1;
};

} // namespace troupe::config
