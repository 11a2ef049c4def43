#include "protocol/json/writer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "protocol/decimal.hpp"
#include "protocol/utf8.hpp"

namespace troupe {
namespace {

constexpr unsigned indent_bytes = 2;

/// Bytes that stand in a JSON string as they are.
constexpr bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void append_u_escape(std::string& out, char32_t rune) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4)
    out += hex[(rune >> shift) & 0xF];
}

void append_ascii_escape(std::string& out, char c) {
  switch (c) {
  case '"':
    out += "\\\"";
    return;
  case '\\':
    out += "\\\\";
    return;
  case '\b':
    out += "\\b";
    return;
  case '\f':
    out += "\\f";
    return;
  case '\n':
    out += "\\n";
    return;
  case '\r':
    out += "\\r";
    return;
  case '\t':
    out += "\\t";
    return;
  default:
    append_u_escape(out, static_cast<unsigned char>(c));
  }
}

void append_new_line(std::string& out, unsigned depth) {
  out += '\n';
  out.append(size_t{depth} * indent_bytes, ' ');
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  size_t plain = 0; // start of the run not copied yet
  size_t i = 0;
  const auto flush = [&] { out.append(text, plain, i - plain); };
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (is_plain(c)) {
      ++i;
      continue;
    }
    if (c < 0x80) {
      flush();
      append_ascii_escape(out, text[i]);
      plain = ++i;
      continue;
    }
    const decoded_rune r = decode_rune(text.substr(i));
    if (!r.valid || r.rune == 0x2028 || r.rune == 0x2029) {
      flush();
      append_u_escape(out, r.rune);
      plain = i + r.bytes;
    }
    i += r.bytes;
  }
  flush();
  out += '"';
}

void append_json_double(std::string& out, double d) {
  if (!std::isfinite(d)) {
    out += "null";
    return;
  }
  // The shortest digits come from the scientific form; Go lays them out by magnitude.
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), d, std::chars_format::scientific).ptr;
  std::string_view digits{text.data(), static_cast<size_t>(end - text.data())};
  if (digits.front() == '-') {
    out += '-';
    digits.remove_prefix(1);
  }
  const size_t e = digits.find('e');
  const int exponent = std::atoi(std::string{digits.substr(e + 1)}.c_str());
  std::string mantissa{digits.substr(0, e)};
  const double magnitude = std::fabs(d);
  if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    out += mantissa;
    out += exponent < 0 ? "e-" : "e+";
    out += std::to_string(std::abs(exponent));
    return;
  }
  std::erase(mantissa, '.');
  const int count = static_cast<int>(mantissa.size());
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<size_t>(-exponent - 1), '0');
    out += mantissa;
  } else if (exponent + 1 >= count) {
    out += mantissa;
    out.append(static_cast<size_t>(exponent + 1 - count), '0');
  } else {
    out.append(mantissa, 0, static_cast<size_t>(exponent) + 1);
    out += '.';
    out.append(mantissa, static_cast<size_t>(exponent) + 1);
  }
}

void append_json_indented(std::string& out, std::string_view json, unsigned depth) {
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < json.size()) out += json[++i];
      in_string = c != '"';
      continue;
    }
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
      break;
    case '"':
      in_string = true;
      out += c;
      break;
    case ':':
      out += ": ";
      break;
    case ',':
      out += c;
      append_new_line(out, depth);
      break;
    case '{':
    case '[': {
      out += c;
      const size_t next = json.find_first_not_of(" \t\r\n", i + 1);
      if (next != std::string_view::npos && (json[next] == '}' || json[next] == ']')) {
        out += json[next];
        i = next;
      } else {
        append_new_line(out, ++depth);
      }
      break;
    }
    case '}':
    case ']':
      append_new_line(out, depth > 0 ? --depth : 0);
      out += c;
      break;
    default:
      out += c;
    }
  }
}

void json_writer::new_line() { append_new_line(out_, depth_); }

void json_writer::before_value() {
  if (!after_key_) {
    if (after_value_) out_ += ',';
    if (indented_ && depth_ > 0) new_line();
  }
  after_key_ = false;
  after_value_ = true;
}

void json_writer::key(std::string_view name) {
  before_value();
  append_json_string(out_, name);
  out_ += ':';
  if (indented_) out_ += ' ';
  after_key_ = true;
}

void json_writer::open(char bracket) {
  before_value();
  out_ += bracket;
  ++depth_;
  after_value_ = false;
}

void json_writer::close(char bracket) {
  --depth_;
  if (indented_ && after_value_) new_line();
  out_ += bracket;
  after_value_ = true;
}

void json_writer::value(std::string_view text) {
  before_value();
  append_json_string(out_, text);
}

void json_writer::value(bool b) {
  before_value();
  out_ += b ? "true" : "false";
}

void json_writer::value(double d) {
  before_value();
  append_json_double(out_, d);
}

void json_writer::value(const std::vector<std::string>& texts) {
  begin_array();
  for (const std::string& text : texts)
    value(text);
  end_array();
}

void json_writer::null() {
  before_value();
  out_ += "null";
}

void json_writer::raw(std::string_view json) {
  before_value();
  if (indented_) {
    append_json_indented(out_, json, depth_);
  } else {
    out_ += json;
  }
}

void json_writer::signed_value(int64_t n) {
  before_value();
  if (n < 0) out_ += '-';
  char digits[max_decimal_bytes];
  const uint64_t magnitude = n < 0 ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n);
  out_.append(digits, write_decimal(digits, magnitude));
}

void json_writer::unsigned_value(uint64_t n) {
  before_value();
  char digits[max_decimal_bytes];
  out_.append(digits, write_decimal(digits, n));
}

} // namespace troupe
