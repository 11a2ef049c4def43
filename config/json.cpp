#include "config/json.hpp"

#include <openssl/evp.h>

#include <charconv>
#include <cmath>

namespace troupe::config {

namespace {

/// Length of the valid UTF-8 sequence at `s[i]`, 0 when there is none.
size_t utf8_length(std::string_view s, size_t i) {
  auto byte = [&](size_t k) -> unsigned {
    return i + k < s.size() ? static_cast<unsigned char>(s[i + k]) : 0;
  };
  auto tail = [&](size_t k) { return (byte(k) & 0xC0) == 0x80; };
  unsigned c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    bool overlong = c == 0xE0 && byte(1) < 0xA0;
    bool surrogate = c == 0xED && byte(1) > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    bool overlong = c == 0xF0 && byte(1) < 0x90;
    bool too_big = c == 0xF4 && byte(1) > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !too_big ? 4 : 0;
  }
  return 0;
}

void append_ascii(std::string& out, char c) {
  static constexpr char hex[] = "0123456789abcdef";
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
    break;
  }
  auto u = static_cast<unsigned char>(c);
  if (u >= 0x20 && c != '<' && c != '>' && c != '&') {
    out.push_back(c);
    return;
  }
  out += "\\u00";
  out.push_back(hex[u >> 4]);
  out.push_back(hex[u & 15]);
}

void append_string(std::string& out, std::string_view s) {
  out.push_back('"');
  for (size_t i = 0; i < s.size();) {
    auto n = utf8_length(s, i);
    if (n == 0) {
      out += "\\ufffd";
      i += 1;
      continue;
    }
    auto piece = s.substr(i, n);
    if (n == 1) append_ascii(out, s[i]);
    else if (piece == "\xE2\x80\xA8" || piece == "\xE2\x80\xA9")
      out += piece[2] == '\xA8' ? "\\u2028" : "\\u2029";
    else out += piece;
    i += n;
  }
  out.push_back('"');
}

void append_float(std::string& out, double x) {
  char buffer[400];
  double size = std::fabs(x);
  bool scientific = size != 0 && (size < 1e-6 || size >= 1e21);
  auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  auto end = std::to_chars(buffer, buffer + sizeof buffer, x, format).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  auto n = text.size();
  if (scientific && n >= 4 && text.substr(n - 4, 3) == "e-0") {
    out += text.substr(0, n - 2);
    out.push_back(text[n - 1]);
  } else {
    out += text;
  }
}

struct writer {
  std::string& out;

  void operator()(const std::string& s) { append_string(out, s); }
  void operator()(bool b) { out += b ? "true" : "false"; }
  void operator()(int64_t n) { out += std::to_string(n); }
  void operator()(double x) { append_float(out, x); }
  void operator()(const datetime& d) { append_string(out, d.text); }
  void operator()(const array& a) {
    out.push_back('[');
    for (size_t i = 0; i < a.size(); ++i) {
      if (i != 0) out.push_back(',');
      std::visit(*this, *a[i].data);
    }
    out.push_back(']');
  }
  void operator()(const map& m) {
    out.push_back('{');
    for (auto i = m.begin(); i != m.end(); ++i) {
      if (i != m.begin()) out.push_back(',');
      append_string(out, i->first);
      out.push_back(':');
      std::visit(*this, *i->second.data);
    }
    out.push_back('}');
  }
};

} // namespace

std::string to_json(const value& v) {
  std::string out;
  if (v.data) std::visit(writer{out}, *v.data);
  return out;
}

std::string digest(const value& root) {
  auto text = to_json(root) + "\n";
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (EVP_Digest(text.data(), text.size(), sum, &n, EVP_sha256(), nullptr) != 1) return {};
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "sha256:";
  for (unsigned i = 0; i < n; ++i) {
    out.push_back(hex[sum[i] >> 4]);
    out.push_back(hex[sum[i] & 15]);
  }
  return out;
}

} // namespace troupe::config
