#include "config/log_options.hpp"

#include <algorithm>
#include <string>

namespace troupe::config {

namespace {

constexpr std::array<std::string_view, 6> level_names = {"trace", "debug", "info",
                                                         "warn",  "error", "fatal"};

std::string_view trimmed(std::string_view s) {
  s.remove_prefix(std::min(s.find_first_not_of(" \t"), s.size()));
  s.remove_suffix(s.size() - std::min(s.find_last_not_of(" \t") + 1, s.size()));
  return s;
}

template <class Names>
std::string listed(const Names& names) {
  std::string out;
  for (auto name : names) {
    out += out.empty() ? "" : ", ";
    out += name;
  }
  return out;
}

troupe::error bad(std::string text) {
  return {errc::malformed, "log_level_override: " + std::move(text)};
}

} // namespace

result<log_level_overrides> parse_log_level_override(std::string_view text) {
  log_level_overrides out;
  while (!trimmed(text).empty()) {
    auto end = std::min(text.find(','), text.size());
    auto part = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    auto equals = part.find('=');
    if (equals == part.npos)
      return bad("\"" + std::string(part) + "\" is not of the form subsystem=level");
    auto name = trimmed(part.substr(0, equals));
    auto level = trimmed(part.substr(equals + 1));
    if (std::find(log_subsystems.begin(), log_subsystems.end(), name) == log_subsystems.end())
      return bad("unknown subsystem \"" + std::string(name) + "\", known are "
                 + listed(log_subsystems));
    auto found = std::find(level_names.begin(), level_names.end(), level);
    if (found == level_names.end())
      return bad("unknown level \"" + std::string(level) + "\" of " + std::string(name)
                 + ", known are " + listed(level_names));
    out.emplace_back(subsystem_index(name), static_cast<log_level>(found - level_names.begin()));
  }
  return out;
}

result<bool> parse_log_format(std::string_view text) {
  if (text.empty() || text == "text") return false;
  if (text == "json") return true;
  return troupe::error{errc::malformed,
                       "log_format must be 'text' or 'json', not '" + std::string(text) + "'"};
}

} // namespace troupe::config
