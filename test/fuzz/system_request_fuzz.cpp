// Requests to the system account: no subject and no body does harm, and options that were accepted
// are accepted again when they are narrowed to one account.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "actors/system/system_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace troupe;
  // The first line is the subject.
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  const std::string_view subject = text.substr(0, end);
  const std::string_view body = end == std::string_view::npos ? "" : text.substr(end + 1);
  const system_subject what = parse_system_subject(subject, "NSERVER");
  if (what.one_account && subject.find(what.account) == std::string_view::npos) std::abort();
  auto options = parse_request_options(what.call, body);
  if (!options) {
    if (options.error().context.empty()) std::abort();
    return 0;
  }
  const std::string narrowed = options_of_account(what.call, body, what.account);
  if (!narrowed.starts_with('{') || !narrowed.ends_with('}')) std::abort();
  if (!parse_request_options(what.call, narrowed) && narrowed.size() <= max_request_options_bytes)
    std::abort();
  (void)applies_to(options->filter, {.name = "n", .cluster = "c", .host = "h", .domain = "", .tags = {}});
  return 0;
}
