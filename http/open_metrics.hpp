// Writes OpenMetrics 1.0 text: families one after the other, samples inside, "# EOF" at the end.
//
// Pure. The caller opens each family once and keeps to its type; names are the caller's constants,
// label values may be anything (they are escaped, and what is no UTF-8 is replaced).
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace troupe::http {

inline constexpr std::string_view open_metrics_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

enum class metric_type : uint8_t { gauge, counter, info };

class metrics_writer {
public:
  using label = std::pair<std::string_view, std::string_view>;

  /// `name` without the ending that the type asks for (_total, _info). A unit is the name's end.
  void family(std::string_view name, metric_type type, std::string_view help,
              std::string_view unit = "");

  template <std::integral T>
  void sample(std::initializer_list<label> labels, T value) {
    line(labels, std::to_string(value));
  }
  void sample(std::initializer_list<label> labels, double value);
  template <class T>
  void sample(T value) {
    sample({}, value);
  }

  /// The whole text; the writer is spent.
  std::string finish();

private:
  void line(std::initializer_list<label> labels, std::string_view value);

  std::string out_;
  std::string sample_name_;
};

} // namespace troupe::http
