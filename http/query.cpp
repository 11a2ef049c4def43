#include "http/query.hpp"

#include "protocol/client/go_quote.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace troupe::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> unescape(std::string_view s, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '%') {
      int hi = i + 2 < s.size() ? hex_digit(s[i + 1]) : -1;
      int lo = i + 2 < s.size() ? hex_digit(s[i + 2]) : -1;
      if (hi < 0 || lo < 0) return std::nullopt;
      out.push_back(static_cast<char>(hi * 16 + lo));
      i += 2;
    } else {
      out.push_back(s[i] == '+' && plus_is_space ? ' ' : s[i]);
    }
  }
  return out;
}

troupe::error bad_value(const char* type, std::string_view name, const char* function,
                        const std::string& text, const char* why) {
  return {errc::malformed, std::string("Error decoding ") + type + " for '" + std::string(name)
                               + "': strconv." + function + ": parsing " + go_quote(text) + ": "
                               + why};
}

constexpr const char* syntax = "invalid syntax";
constexpr const char* range = "value out of range";

} // namespace

query::query(std::string_view text) {
  while (!text.empty()) {
    auto end = std::min(text.find('&'), text.size());
    auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty() || pair.find(';') != std::string_view::npos) continue;
    auto equals = std::min(pair.find('='), pair.size());
    auto name = unescape(pair.substr(0, equals), true);
    auto value = unescape(pair.substr(std::min(equals + 1, pair.size())), true);
    if (name && value) pairs_.emplace_back(std::move(*name), std::move(*value));
  }
}

const std::string& query::get(std::string_view name) const {
  static const std::string none;
  for (auto& [key, value] : pairs_)
    if (key == name) return value;
  return none;
}

result<bool> query::get_bool(std::string_view name) const {
  auto& text = get(name);
  if (text.empty()) return false;
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return bad_value("boolean", name, "ParseBool", text, syntax);
}

result<uint64_t> query::get_uint64(std::string_view name) const {
  auto& text = get(name);
  if (text.empty()) return uint64_t{0};
  uint64_t n = 0;
  auto last = text.data() + text.size();
  auto [end, ec] = std::from_chars(text.data(), last, n);
  if (end != last || ec == std::errc::invalid_argument)
    return bad_value("uint64", name, "ParseUint", text, syntax);
  if (ec != std::errc{}) return bad_value("uint64", name, "ParseUint", text, range);
  return n;
}

result<int64_t> query::get_int(std::string_view name) const {
  auto& text = get(name);
  if (text.empty()) return int64_t{0};
  std::string_view digits = text;
  if (digits[0] == '+' && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
  int64_t n = 0;
  auto last = digits.data() + digits.size();
  auto [end, ec] = std::from_chars(digits.data(), last, n);
  if (end != last || ec == std::errc::invalid_argument)
    return bad_value("int", name, "Atoi", text, syntax);
  if (ec != std::errc{}) return bad_value("int", name, "Atoi", text, range);
  return n;
}

result<request_target> parse_target(std::string_view target) {
  auto mark = std::min(target.find('?'), target.size());
  auto path = unescape(target.substr(0, mark), false);
  if (!path || path->empty() || (*path)[0] != '/')
    return troupe::error{errc::malformed, "malformed request target"};
  return request_target{std::move(*path), query(target.substr(std::min(mark + 1, target.size())))};
}

} // namespace troupe::http
