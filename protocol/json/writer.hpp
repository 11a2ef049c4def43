// Appends JSON to a string, byte for byte as Go's encoding/json would write the same values.
//
// Pure. `json_layout::indented` is json.MarshalIndent(v, "", "  "), the layout of the monitoring
// endpoints. The caller opens and closes what it opened; nothing is checked beyond that.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

enum class json_layout : uint8_t { compact, indented };

class json_writer {
public:
  /// Appends to `out`, which must outlive the writer.
  explicit json_writer(std::string& out, json_layout layout = json_layout::compact)
      : out_(out), indented_(layout == json_layout::indented) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view{text}); }
  void value(const std::string& text) { value(std::string_view{text}); }
  void value(bool b);
  void value(double d);
  template <std::integral T>
  requires(!std::same_as<T, bool>) void value(T n) {
    if constexpr (std::signed_integral<T>) {
      signed_value(n);
    } else {
      unsigned_value(n);
    }
  }
  void value(const std::vector<std::string>& texts);
  void null();
  /// A document that is valid JSON already; laid out anew when this writer indents.
  void raw(std::string_view json);

  template <class T>
  void member(std::string_view name, const T& v) {
    key(name);
    value(v);
  }

  /// Go's omitempty: nothing is written for false, zero and empty.
  template <class T>
  void member_if(std::string_view name, const T& v) {
    if (!is_empty(v)) member(name, v);
  }

private:
  template <class T>
  static bool is_empty(const T& v) {
    if constexpr (requires { v.empty(); }) {
      return v.empty();
    } else {
      return v == T{};
    }
  }

  void before_value();
  void new_line();
  void open(char bracket);
  void close(char bracket);
  void signed_value(int64_t n);
  void unsigned_value(uint64_t n);

  std::string& out_;
  unsigned depth_ = 0;
  bool indented_;
  bool after_key_ = false;
  bool after_value_ = false; // in the innermost open container
};

/// Appends `text` as a JSON string with Go's escapes: <, >, & and U+2028/9 are escaped as well,
/// bytes that are no UTF-8 become \ufffd.
void append_json_string(std::string& out, std::string_view text);

/// Appends a number in Go's format. JSON has no NaN or infinity: they are written as null.
void append_json_double(std::string& out, double d);

/// Appends valid JSON laid out as Go's json.Indent(…, prefix of `depth` levels, two blanks).
void append_json_indented(std::string& out, std::string_view json, unsigned depth);

} // namespace troupe
