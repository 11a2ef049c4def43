#include "protocol/json/reader.hpp"

#include "protocol/utf8.hpp"

namespace troupe {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

} // namespace

result<simdjson::dom::element> json_reader::read(std::string_view json) {
  simdjson::padded_string padded;
  if (simdjson::validate_utf8(json.data(), json.size())) {
    padded = simdjson::padded_string{json};
  } else {
    padded = simdjson::padded_string{replace_invalid_utf8(json)};
  }
  simdjson::dom::element root;
  if (const auto failed = parser_.parse(padded).get(root)) {
    return error{errc::malformed, std::string{"invalid JSON: "} + simdjson::error_message(failed)};
  }
  return root;
}

bool same_field_name(std::string_view name, std::string_view wanted) {
  constexpr std::string_view long_s = "\xC5\xBF";
  constexpr std::string_view kelvin = "\xE2\x84\xAA";
  size_t i = 0;
  for (const char w : wanted) {
    const std::string_view rest = name.substr(i);
    if (!rest.empty() && lower(rest[0]) == lower(w)) {
      i += 1;
    } else if (lower(w) == 's' && rest.starts_with(long_s)) {
      i += long_s.size();
    } else if (lower(w) == 'k' && rest.starts_with(kelvin)) {
      i += kelvin.size();
    } else {
      return false;
    }
  }
  return i == name.size();
}

} // namespace troupe
