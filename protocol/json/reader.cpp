#include "protocol/json/reader.hpp"

#include <charconv>
#include <string>
#include <system_error>

#include "protocol/utf8.hpp"

namespace troupe {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// The code unit of a `\uXXXX` at `at`; -1: there is none.
int code_unit(std::string_view json, size_t at) {
  constexpr size_t size = 6;
  if (at + size > json.size() || json[at] != '\\' || json[at + 1] != 'u') return -1;
  int unit = 0;
  const char* const end = json.data() + at + size;
  const auto [stop, failed] = std::from_chars(end - 4, end, unit, 16);
  return failed == std::errc() && stop == end ? unit : -1;
}

bool is_high_surrogate(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(int unit) { return unit >= 0xDC00 && unit < 0xE000; }

/// With the replacement character in place of escaped surrogates that are no pair.
std::string replace_lone_surrogates(std::string_view json) {
  constexpr size_t escape_bytes = 6;
  std::string out;
  for (size_t i = 0; i < json.size();) {
    const int unit = code_unit(json, i);
    size_t taken = unit >= 0 ? escape_bytes : json[i] == '\\' && i + 1 < json.size() ? 2 : 1;
    if (is_high_surrogate(unit) && is_low_surrogate(code_unit(json, i + escape_bytes)))
      taken = 2 * escape_bytes;
    const bool lone = taken == escape_bytes && (is_high_surrogate(unit) || is_low_surrogate(unit));
    out += lone ? "\\ufffd" : json.substr(i, taken);
    i += taken;
  }
  return out;
}

/// How many bytes at the front of `text` are a number in JSON's grammar; 0: none.
size_t number_bytes(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t from = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - from;
  };
  const auto take = [&](std::string_view any) {
    const bool there = i < text.size() && any.find(text[i]) != std::string_view::npos;
    i += there ? 1 : 0;
    return there;
  };
  take("-");
  const bool zero = i < text.size() && text[i] == '0';
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return 0;
  if (take(".") && digits() == 0) return 0;
  if (!take("eE")) return i;
  take("+-");
  return digits() > 0 ? i : 0;
}

/// With a large number in place of those that may be too large to be read: in a field that nobody asks for they do no
/// harm, and no integer is as large.
std::string replace_large_numbers(std::string_view json) {
  constexpr size_t safe_bytes = 18;
  constexpr std::string_view large = "1e300";
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < json.size();) {
    const size_t number = quoted ? 0 : number_bytes(json.substr(i));
    const size_t taken = number > 0 ? number : quoted && json[i] == '\\' && i + 1 < json.size() ? 2 : 1;
    if (taken == 1 && json[i] == '"') quoted = !quoted;
    const std::string_view text = json.substr(i, taken);
    const bool may_be_large = number > safe_bytes
                              || (number > 0 && text.find_first_of("eE") != std::string_view::npos);
    out += may_be_large ? large : text;
    i += taken;
  }
  return out;
}

} // namespace

result<simdjson::dom::element> json_reader::read(std::string_view json) {
  simdjson::padded_string padded;
  if (simdjson::validate_utf8(json.data(), json.size())) {
    padded = simdjson::padded_string{json};
  } else {
    padded = simdjson::padded_string{replace_invalid_utf8(json)};
  }
  simdjson::dom::element root;
  auto failed = parser_.parse(padded).get(root);
  // What Go reads and simdjson does not is rare: it is mended where it is met.
  const auto again = [&](const std::string& mended) {
    padded = simdjson::padded_string{mended};
    failed = parser_.parse(padded).get(root);
  };
  if (failed == simdjson::STRING_ERROR) again(replace_lone_surrogates(padded));
  if (failed == simdjson::NUMBER_ERROR) {
    again(replace_large_numbers(padded));
    if (failed == simdjson::STRING_ERROR) again(replace_lone_surrogates(padded));
  }
  if (failed) {
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
