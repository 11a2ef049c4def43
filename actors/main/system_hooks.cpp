#include "actors/main/system_hooks.hpp"

#include <memory>
#include <mutex>

#include "http/page_request.hpp"
#include "http/process_usage.hpp"

namespace troupe {

system_hooks make_system_hooks(http::pages& pages, http::profiles& profiles) {
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
  hooks.take_profile = [&profiles](std::string_view name, nanos span) {
    auto taken = profiles.take(name, std::chrono::duration_cast<std::chrono::milliseconds>(span));
    if (taken) return system_hooks::profile{std::move(*taken), {}};
    const std::string quoted = "\"" + std::string(name) + "\"";
    if (taken.error().code == errc::not_found)
      return system_hooks::profile{{}, "Profile " + quoted + " not found"};
    if (name == "cpu")
      return system_hooks::profile{{}, "Failed to start CPU profile: " + taken.error().context};
    return system_hooks::profile{{}, "Profile " + quoted + " error: " + taken.error().context};
  };
  return hooks;
}

} // namespace troupe
