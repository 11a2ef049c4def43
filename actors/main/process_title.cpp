#include "actors/main/process_title.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "config/cli.hpp"

namespace troupe {

void hide_arguments(int argc, char** argv) {
  if (argc < 2) return;
  const std::vector<std::string> given(argv, argv + argc);
  const std::vector<std::string> shown = config::redact_arguments(given);
  if (shown == given) return;
  // The arguments lie one behind the other. None may become longer, so a short secret gets a short
  // replacement, and what is left over at the end is cleared.
  for (int i = 1; i < argc; ++i)
    if (argv[i] != argv[i - 1] + given[static_cast<size_t>(i) - 1].size() + 1) return;
  char* at = argv[0];
  char* end = argv[argc - 1] + given.back().size();
  for (int i = 0; i < argc; ++i) {
    const auto index = static_cast<size_t>(i);
    size_t bytes = std::min(shown[index].size(), given[index].size());
    argv[i] = at;
    std::memcpy(at, shown[index].data(), bytes);
    at += bytes;
    *at++ = '\0';
  }
  if (at < end) std::memset(at, 0, static_cast<size_t>(end - at));
}

} // namespace troupe
