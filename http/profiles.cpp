#include "http/profiles.hpp"

#include "http/heap_profile.hpp"
#include "http/wait_profile.hpp"

namespace troupe::http {

result<std::string> profiles::take(std::string_view name, std::chrono::milliseconds span) {
  if (name == "cpu") return cpu_.take(span);
  if (name == "goroutine" || name == "threads" || name == "threadcreate") return pages_.stacksz();
  const bool heap = name == "heap" || name == "allocs";
  if (!heap && name != "mutex" && name != "block")
    return troupe::error{errc::not_found, "Unknown profile"};
  if (heap ? !heap_is_sampled() : !waits_are_noted())
    return troupe::error{errc::unavailable,
                         "nothing was noted: it is while prof_port is set, and not under a sanitizer"};
  if (heap) return heap_profile();
  return name == "mutex" ? mutex_profile() : block_profile();
}

} // namespace troupe::http
