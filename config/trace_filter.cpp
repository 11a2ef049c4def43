#include "config/trace_filter.hpp"

#include <algorithm>
#include <array>

namespace troupe::config {

namespace {

constexpr std::array<std::string_view, 5> kinds = {"cid", "ip", "account", "user", "name"};

std::string_view trimmed(std::string_view s) {
  s.remove_prefix(std::min(s.find_first_not_of(" \t"), s.size()));
  s.remove_suffix(s.size() - std::min(s.find_last_not_of(" \t") + 1, s.size()));
  return s;
}

} // namespace

result<trace_filter> trace_filter::parse(std::string_view text) {
  trace_filter out;
  while (!trimmed(text).empty()) {
    auto end = std::min(text.find(','), text.size());
    auto part = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    auto colon = part.find(':');
    auto kind = part.substr(0, colon);
    bool known = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
    if (!known || colon == part.npos || colon + 1 == part.size())
      return troupe::error{errc::malformed, "trace_connections: \"" + std::string(part)
                                        + "\" is none of cid:, ip:, account:, user:, name: and a value"};
    out.selectors_.push_back({std::string(kind), std::string(part.substr(colon + 1))});
  }
  return out;
}

bool trace_filter::matches(const traced_identity& who) const {
  return std::any_of(selectors_.begin(), selectors_.end(), [&](const selector& s) {
    if (s.kind == "cid") return s.value == std::to_string(who.cid);
    if (s.kind == "ip") return s.value == who.ip;
    if (s.kind == "account") return s.value == who.account;
    if (s.kind == "user") return s.value == who.user;
    return s.value == who.name;
  });
}

} // namespace troupe::config
