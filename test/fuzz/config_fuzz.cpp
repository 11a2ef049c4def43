// Any text: parsing and loading never crash, hang or throw; a syntax error stands inside the text;
// and a file that parses has a digest that does not depend on being parsed again.
#include "config/json.hpp"
#include "config/load.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace troupe::config;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  parse_environment world;
  world.read_file = [&](const std::string& path) -> troupe::result<std::string> {
    // Any file holds the first half of the input, so that includes meet includes.
    if (path.find("none") != std::string::npos)
      return troupe::error{troupe::errc::not_found, "no such file"};
    return std::string(text.substr(0, text.size() / 2));
  };
  world.get_env = [&](const std::string& name) -> std::optional<std::string> {
    if (name.size() != 1) return std::nullopt;
    return std::string(text.substr(0, std::min<size_t>(text.size(), 16)));
  };
  auto out = parse(text, "f.conf", world);
  if (out.failure) {
    auto& at = out.failure->at;
    auto lines = std::count(text.begin(), text.end(), '\n') + 1;
    if (at.line < 1 || at.line > lines || at.column < 0
        || at.column > static_cast<int>(text.size()))
      __builtin_trap();
    return 0;
  }
  auto loaded = load(out.root);
  if (validate(loaded.options) && loaded.to_string().size() > (size + 100) * 4000) __builtin_trap();
  if (digest(out.root) != digest(parse(text, "f.conf", world).root)) __builtin_trap();
  return 0;
}
