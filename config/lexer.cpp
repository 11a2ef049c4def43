#include "config/lexer.hpp"

#include <algorithm>
#include <cctype>

namespace troupe::config {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_newline(char c) { return c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_key_separator(char c) { return c == '=' || c == ':'; }
bool is_unit(char c) {
  return c != '\0' && std::string_view("kKmMgGtTpPeE").find(c) != std::string_view::npos;
}

/// What ends a value that has no quotes. A NUL stands for the end of the text.
bool ends_bare(char c) {
  return c == '\0' || is_newline(c) || is_blank(c) || c == ';' || c == ',' || c == ']' || c == '}';
}

std::string lower(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_boolean_word(std::string_view s) {
  if (s.size() < 2 || s.size() > 5) return false;
  auto word = lower(s);
  return word == "true" || word == "false" || word == "on" || word == "off" || word == "yes"
         || word == "no";
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

} // namespace

void lexer::advance(size_t n) {
  for (; n > 0 && pos_ < text_.size(); --n) {
    if (text_[pos_] == '\n') {
      ++line_;
      line_start_ = pos_;
    }
    ++pos_;
  }
}

/// Bytes of the Unicode space at the cursor, 0 when there is none.
size_t lexer::space_width() const {
  auto at = [this](size_t i) { return static_cast<unsigned char>(peek(i)); };
  auto c = at(0);
  if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
  if (c == 0xC2 && (at(1) == 0x85 || at(1) == 0xA0)) return 2;
  if (c == 0xE1 && at(1) == 0x9A && at(2) == 0x80) return 3;
  if (c == 0xE2 && at(1) == 0x80
      && ((at(2) >= 0x80 && at(2) <= 0x8A) || at(2) == 0xA8 || at(2) == 0xA9 || at(2) == 0xAF))
    return 3;
  if ((c == 0xE2 && at(1) == 0x81 && at(2) == 0x9F)
      || (c == 0xE3 && at(1) == 0x80 && at(2) == 0x80))
    return 3;
  return 0;
}

void lexer::skip_space() {
  while (auto n = space_width())
    advance(n);
}

void lexer::skip_blanks() {
  while (is_blank(peek()))
    advance();
}

/// Moves over one comment, up to the end of its line.
bool lexer::skip_comment() {
  if (peek() != '#' && !(peek() == '/' && peek(1) == '/')) return false;
  while (!at_end() && !is_newline(peek()))
    advance();
  return true;
}

/// The character at the cursor, for messages.
std::string lexer::shown() const {
  if (at_end()) return "EOF";
  if (peek() == '\n') return "\\n";
  size_t n = 1;
  while (n < 4 && (static_cast<unsigned char>(peek(n)) & 0xC0) == 0x80)
    ++n;
  return std::string(text_.substr(pos_, n));
}

item lexer::make(item_kind kind, size_t start) const {
  auto it = make_text(kind, std::string(text_.substr(start, pos_ - start)));
  it.column = static_cast<int>(start >= line_start_ ? start - line_start_ : 0);
  return it;
}

item lexer::make_text(item_kind kind, std::string text) const {
  return {kind, std::move(text), line_, column()};
}

item lexer::fail(std::string message) const {
  return {item_kind::failure, std::move(message), line_, column()};
}

item lexer::next_key(scope where) {
  do
    skip_space();
  while (skip_comment());
  char c = peek();
  if (at_end())
    return where == scope::map ? fail("Unexpected EOF processing map.")
                               : make(item_kind::end_of_input, pos_);
  if (is_key_separator(c)) return unexpected_key_separator(where == scope::map);
  if (c == '/' && where != scope::map) return fail("Unexpected EOF.");
  if (c == '}' && where != scope::top) {
    advance();
    return make(item_kind::map_end, pos_);
  }
  if (c == '{' && where != scope::map) {
    advance();
    return make(item_kind::map_start, pos_);
  }
  if (where == scope::map && c == ']') return fail("Unexpected array end ']' processing map.");
  if (c == '/') advance(); // a lone slash before a key in a map has always been dropped
  if (peek() == '"' || peek() == '\'') return quoted_key(where);
  return bare_key(where);
}

item lexer::unexpected_key_separator(bool in_map) const {
  return fail("Unexpected key separator '" + shown() + (in_map ? "'." : "'"));
}

item lexer::quoted_key(scope where) {
  char quote = peek();
  advance();
  auto start = pos_;
  while (!at_end() && peek() != quote)
    advance();
  if (at_end()) {
    if (where != scope::map) return fail("Unexpected EOF.");
    return fail(quote == '"' ? "Unexpected EOF processing double quoted map key."
                             : "Unexpected EOF processing quoted map key.");
  }
  auto it = make(item_kind::key, start);
  advance();
  return it;
}

item lexer::bare_key(scope where) {
  auto start = pos_;
  advance(std::max<size_t>(1, space_width()));
  while (!at_end() && space_width() == 0 && !is_key_separator(peek()))
    advance();
  if (at_end() && where == scope::map) return fail("Unexpected EOF processing map key.");
  if (space_width() != 0 && lower(text_.substr(start, pos_ - start)) == "include")
    return include_path();
  return make(item_kind::key, start);
}

bool lexer::skip_key_separator(bool newline_may_follow) {
  skip_space();
  if (at_end()) return false;
  if (is_key_separator(peek())) {
    advance();
    if (newline_may_follow) skip_space();
    else skip_blanks();
  }
  return true;
}

item lexer::include_path() {
  skip_blanks();
  char c = peek();
  static constexpr const char* prefix = "Expected include value but found ";
  if (c == '[') return fail(std::string(prefix) + "start of an array");
  if (c == '{') return fail(std::string(prefix) + "start of a map");
  if (c == '(') return fail(std::string(prefix) + "start of a block");
  if (is_digit(c) || c == '-') return fail(std::string(prefix) + "start of a number");
  if (c == '\\') return fail(std::string(prefix) + "escape sequence");
  if (is_newline(c)) return fail(std::string(prefix) + "new line");
  bool quoted = c == '"' || c == '\'';
  if (quoted) advance();
  auto start = pos_;
  auto ends = [&](char x) {
    return quoted ? x == c : is_newline(x) || x == ';' || x == '}' || x == '\'' || is_blank(x);
  };
  while (!at_end() && !ends(peek()))
    advance();
  if (at_end() && quoted)
    return fail(c == '"' ? "Unexpected EOF in double quoted include"
                         : "Unexpected EOF in quoted include");
  auto it = make(item_kind::include, start);
  if (quoted || peek() == '\'') advance();
  return it;
}

item lexer::next_value(scope where) {
  skip_blanks();
  auto start = pos_;
  char c = peek();
  if (where == scope::map && (c == ',' || c == '}'))
    return fail(c == ',' ? "Unexpected map value terminator \",\"."
                         : "Unexpected map end '}' where a value is expected.");
  if (is_newline(c)) return fail("Expected value but found new line");
  if (is_digit(c)) return number(start);
  switch (c) {
  case '[':
    advance();
    return make(item_kind::array_start, pos_);
  case '{':
    advance();
    return make(item_kind::map_start, pos_);
  case '\'':
    advance();
    return single_quoted();
  case '"':
    advance();
    return double_quoted();
  case '(':
    advance();
    return block();
  case '.':
    return fail("Floats must start with a digit");
  case '-':
    advance();
    return number_tail(start, true);
  default:
    return bare_string(start);
  }
}

item lexer::next_element() {
  do
    skip_space();
  while (skip_comment());
  if (peek() == ',' || peek() == '/') return fail("Unexpected array value terminator ','.");
  if (peek() == ']') {
    advance();
    return make(item_kind::array_end, pos_);
  }
  return make(item_kind::separator, pos_);
}

item lexer::after_element() {
  do
    skip_blanks();
  while (skip_comment());
  char c = peek();
  if (c == ',' || c == '/' || is_newline(c)) {
    advance();
    return make(item_kind::separator, pos_);
  }
  if (c == ']') {
    advance();
    return make(item_kind::array_end, pos_);
  }
  return fail("Expected an array value terminator \",\" or an array terminator \"]\", but got '"
              + shown() + "' instead.");
}

item lexer::after_value(scope where) {
  do
    skip_blanks();
  while (skip_comment() || (where != scope::map && peek() == '/' && (advance(), true)));
  char c = peek();
  if (at_end() && where == scope::top) return make(item_kind::end_of_input, pos_);
  if (is_newline(c) || c == ',' || c == ';' || (c == '}' && where == scope::top)
      || (c == '/' && where == scope::map)) {
    advance();
    return make(item_kind::separator, pos_);
  }
  if (c == '}') {
    advance();
    return make(item_kind::map_end, pos_);
  }
  if (where == scope::map)
    return fail("Expected a map value terminator \",\" or a map terminator \"}\", but got '"
                + shown() + "' instead.");
  return fail(std::string("Expected a ") + (where == scope::top ? "top" : "block")
              + "-level value to end with a new line, comment or EOF, but got '" + shown()
              + "' instead.");
}

item lexer::single_quoted() {
  auto start = pos_;
  while (!at_end() && peek() != '\'')
    advance();
  if (at_end()) return fail("Unexpected EOF.");
  auto it = make(item_kind::string, start);
  advance();
  return it;
}

item lexer::double_quoted() {
  auto start = pos_;
  std::string out;
  item failure;
  while (!at_end() && peek() != '"') {
    if (peek() == '\\') {
      if (!escape(out, failure)) return failure;
    } else {
      out.push_back(peek());
      advance();
    }
  }
  if (at_end()) return fail("Unexpected EOF.");
  auto it = make(item_kind::string, start);
  it.text = std::move(out);
  advance();
  return it;
}

/// Text without quotes: a word of true or false, a variable, or a string.
item lexer::bare_string(size_t start) {
  std::string out(text_.substr(start, pos_ - start));
  bool escaped = false;
  item failure;
  while (!ends_bare(peek()) && peek() != '\'') {
    if (peek() == '\\') {
      if (!escape(out, failure)) return failure;
      escaped = true;
    } else {
      out.push_back(peek());
      advance();
    }
  }
  auto it = make(item_kind::string, start);
  it.text = std::move(out);
  if (peek() == '\'') {
    advance(); // a closing single quote ends the text and is dropped
  } else if (!escaped && is_boolean_word(it.text)) {
    it.kind = item_kind::boolean;
  } else if (!escaped && !it.text.empty() && it.text[0] == '$') {
    it.kind = item_kind::variable;
    it.text.erase(0, 1);
  }
  return it;
}

/// Everything up to a ')' that stands alone on its line.
item lexer::block() {
  auto start = pos_;
  for (;; advance()) {
    if (at_end()) return fail("Unexpected EOF processing block.");
    bool closes = peek() == ')' && pos_ > start && text_[pos_ - 1] == '\n'
                  && (pos_ + 1 >= text_.size() || peek(1) == '\n');
    if (!closes) continue;
    auto it = make(item_kind::string, start);
    advance();
    return it;
  }
}

/// A value that starts with a digit: integer, float, date, address or, in the end, a string.
item lexer::number(size_t start) {
  while (is_digit(peek()))
    advance();
  if (peek() == '-') {
    if (pos_ - start != 4) return fail("All ISO8601 dates must be in full Zulu form.");
    advance();
    return date(start);
  }
  return number_tail(start, false);
}

item lexer::number_tail(size_t start, bool negative) {
  if (negative) {
    if (peek() == '.') return fail("Floats must start with a digit, not '.'.");
    if (!is_digit(peek())) return fail("Expected a digit but got '" + shown() + "'.");
    while (is_digit(peek()))
      advance();
  }
  char c = peek();
  if (c == '.') {
    advance();
    return float_or_address(start);
  }
  if (is_unit(c)) {
    advance();
    return suffixed_number(start);
  }
  if (ends_bare(c) || negative) return make(item_kind::integer, start);
  // The character that ends a number's digits is taken as it is: 12\t are four characters.
  advance();
  return bare_string(start);
}

item lexer::suffixed_number(size_t start) {
  while (peek() == 'b' || peek() == 'B' || peek() == 'i' || peek() == 'I')
    advance();
  if (ends_bare(peek())) return make(item_kind::integer, start);
  return bare_string(start); // the rest is read as any text
}

item lexer::float_or_address(size_t start) {
  if (!is_digit(peek()))
    return fail("Floats must have a digit after the '.', but got '" + shown() + "' instead.");
  while (is_digit(peek()))
    advance();
  if (peek() != '.') return make(item_kind::floating, start);
  while (is_digit(peek()) || peek() == '.' || peek() == ':' || peek() == '-')
    advance();
  return make(item_kind::string, start);
}

item lexer::date(size_t start) {
  for (char want : std::string_view("00-00T00:00:00Z")) {
    if (want == '0' && !is_digit(peek()))
      return fail("Expected digit in ISO8601 datetime, but found '" + shown() + "' instead.");
    if (want != '0' && peek() != want)
      return fail(std::string("Expected '") + want + "' in ISO8601 datetime, but found '" + shown()
                  + "' instead.");
    advance();
  }
  return make(item_kind::date_time, start);
}

/// Reads one backslash escape at the cursor and appends what it stands for.
bool lexer::escape(std::string& out, item& failure) {
  advance();
  char c = peek();
  switch (c) {
  case 't':
    out.push_back('\t');
    break;
  case 'n':
    out.push_back('\n');
    break;
  case 'r':
    out.push_back('\r');
    break;
  case '"':
  case '\\':
    out.push_back(c);
    break;
  case 'x': {
    if (is_newline(peek(1)) || (!is_newline(peek(1)) && is_newline(peek(2)))) {
      failure = fail("Expected two hexadecimal digits after '\\x', but hit end of line");
      return false;
    }
    int hi = hex_digit(peek(1));
    int lo = hex_digit(peek(2));
    if (hi < 0 || lo < 0) {
      failure = fail("Expected two hexadecimal digits after '\\x', but got '"
                     + std::string(text_.substr(std::min(pos_ + 1, text_.size()), 2)) + "'");
      return false;
    }
    out.push_back(static_cast<char>(hi * 16 + lo));
    advance(2);
    break;
  }
  default:
    failure = fail("Invalid escape character '" + shown()
                   + "'. Only the following escape characters are allowed: "
                     "\\xXX, \\t, \\n, \\r, \\\", \\\\.");
    return false;
  }
  advance();
  return true;
}

} // namespace troupe::config
