#include "config/value.hpp"

#include "config/json.hpp"

namespace troupe::config {

std::string position::to_string() const {
  return (file ? *file : std::string{}) + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string diagnostic::to_string() const {
  return has_position ? at.to_string() + ": " + text : text;
}

const char* type_name(const value& v) {
  static constexpr const char* names[] = {"string",
                                          "bool",
                                          "int64",
                                          "float64",
                                          "time.Time",
                                          "[]interface {}",
                                          "map[string]interface {}"};
  return v.data ? names[v.data->index()] : "<nil>";
}

std::string show(const value& v) {
  if (auto s = v.get<std::string>()) return *s;
  return to_json(v);
}

} // namespace troupe::config
