// The options of a page as a JSON object, decoded as Go decodes them into a struct: names match
// without regard to case, null and what is missing leave the default, a wrong type is an error.
#pragma once

#include "protocol/json/reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::http {

class json_options {
public:
  /// `json` may be empty: no options. Bounded to 64 KiB.
  explicit json_options(std::string_view json);

  bool flag(std::string_view name);
  int64_t integer(std::string_view name);
  uint64_t unsigned_integer(std::string_view name);
  std::string text(std::string_view name);
  std::vector<std::string> texts(std::string_view name);

  /// The first problem met so far; ask after the last member was read.
  const std::optional<troupe::error>& problem() const { return problem_; }

private:
  std::optional<simdjson::dom::element> find(std::string_view name);
  void wrong_type(std::string_view name, simdjson::dom::element found, const char* wanted);

  json_reader reader_;
  std::optional<simdjson::dom::object> members_;
  std::optional<troupe::error> problem_;
};

} // namespace troupe::http
