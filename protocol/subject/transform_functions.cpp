#include "protocol/subject/transform_functions.hpp"

#include <algorithm>
#include <cstdlib>

#include "protocol/utf8.hpp"

namespace troupe::transforms {

void split(std::string_view token, std::string_view delimiter, std::string& out) {
  bool first = true;
  const auto add = [&](std::string_view part) {
    if (part.empty()) return;
    if (!first) out += token_separator;
    out += part;
    first = false;
  };
  while (!token.empty()) {
    const size_t length = delimiter.empty() ? std::max<size_t>(decode_rune(token).bytes, 1)
                                            : std::min(token.find(delimiter), token.size());
    add(token.substr(0, length));
    token.remove_prefix(std::min(length + delimiter.size(), token.size()));
  }
}

void random(int32_t ceiling, uint64_t& chance, std::string& out) {
  // splitmix64: one step per call.
  uint64_t z = chance += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const auto below = static_cast<uint64_t>(std::llabs(ceiling));
  out += std::to_string(below == 0 ? 0 : z % below);
}

} // namespace troupe::transforms
