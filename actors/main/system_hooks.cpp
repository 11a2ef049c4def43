#include "actors/main/system_hooks.hpp"

#include "http/page_request.hpp"
#include "http/process_usage.hpp"

namespace troupe {

system_hooks make_system_hooks(http::pages& pages) {
  system_hooks hooks;
  hooks.page = [&pages](std::string_view page, std::string_view options) {
    http::page_answer a = http::answer_page(pages, page, options);
    return system_hooks::page_answer{std::move(a.data), a.error_code, std::move(a.error), a.silent};
  };
  hooks.measure = [meter = std::make_shared<http::usage_meter>()] {
    const http::process_usage usage = meter->measure();
    return system_hooks::usage{usage.memory_bytes, usage.cpu_percent};
  };
  return hooks;
}

} // namespace troupe
