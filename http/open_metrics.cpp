#include "http/open_metrics.hpp"

#include "protocol/utf8.hpp"

#include <charconv>
#include <cmath>

namespace troupe::http {

namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\n') out += "\\n";
    else if (c == '\\' || (quotes && c == '"')) (out += '\\') += c;
    else out += c;
  }
}

} // namespace

void metrics_writer::family(std::string_view name, metric_type type, std::string_view help,
                            std::string_view unit) {
  constexpr std::string_view types[] = {"gauge", "counter", "info"};
  constexpr std::string_view endings[] = {"", "_total", "_info"};
  auto t = static_cast<size_t>(type);
  ((((out_ += "# TYPE ") += name) += ' ') += types[t]) += '\n';
  if (!unit.empty()) ((((out_ += "# UNIT ") += name) += ' ') += unit) += '\n';
  ((out_ += "# HELP ") += name) += ' ';
  append_escaped(out_, help, true);
  out_ += '\n';
  (sample_name_ = name) += endings[t];
}

void metrics_writer::line(std::initializer_list<label> labels, std::string_view value) {
  out_ += sample_name_;
  if (labels.size() > 0) {
    char before = '{';
    for (auto& [name, text] : labels) {
      ((out_ += before) += name) += "=\"";
      append_escaped(out_, replace_invalid_utf8(text), true);
      out_ += '"';
      before = ',';
    }
    out_ += '}';
  }
  ((out_ += ' ') += value) += '\n';
}

void metrics_writer::sample(std::initializer_list<label> labels, double value) {
  if (std::isnan(value)) return line(labels, "NaN");
  if (std::isinf(value)) return line(labels, value > 0 ? "+Inf" : "-Inf");
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  line(labels, {digits, static_cast<size_t>(end - digits)});
}

std::string metrics_writer::finish() {
  out_ += "# EOF\n";
  return std::move(out_);
}

} // namespace troupe::http
