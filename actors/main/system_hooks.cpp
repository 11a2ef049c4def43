#include "actors/main/system_hooks.hpp"

#include <memory>
#include <mutex>

#include "http/page_request.hpp"
#include "http/process_usage.hpp"

namespace troupe {

system_hooks make_system_hooks(http::pages& pages) {
  system_hooks hooks;
  hooks.page = [&pages](std::string_view page, std::string_view options) {
    http::page_answer a = http::answer_page(pages, page, options);
    return system_hooks::page_answer{std::move(a.data), a.error_code, std::move(a.error), a.silent};
  };
  struct shared_meter {
    std::mutex mutex;
    http::usage_meter meter;
  };
  hooks.measure = [shared = std::make_shared<shared_meter>()] {
    std::lock_guard lock(shared->mutex);
    const http::process_usage usage = shared->meter.measure();
    return system_hooks::usage{usage.memory_bytes, usage.cpu_percent};
  };
  return hooks;
}

} // namespace troupe
