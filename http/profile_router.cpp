#include "http/profile_router.hpp"

#include "http/thread_states.hpp"

namespace troupe::http {

namespace {

response text(int status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body), false, true, {}};
}

constexpr std::string_view index_page =
    "<html><head><title>/debug/pprof/</title></head><body>\n"
    "<p>/debug/pprof/</p>\n"
    "<p><a href=\"profile?seconds=30\">profile</a>: processor time, for go tool pprof</p>\n"
    "<p><a href=\"goroutine?debug=2\">goroutine</a>: the threads and what they do</p>\n"
    "<p><a href=\"cmdline\">cmdline</a>: the arguments</p>\n"
    "</body></html>\n";

std::string joined_arguments() {
  std::string out;
  for (auto& argument : command_line())
    (out += out.empty() ? "" : std::string(1, '\0')) += argument;
  return out;
}

} // namespace

response profile_router::profile(const query& params) {
  auto seconds = params.get_int("seconds");
  if (!seconds) return text(400, seconds.error().context);
  auto span = *seconds == 0 ? 30 : *seconds;
  if (span < 0 || span > cpu_profiler::longest.count()) span = cpu_profiler::longest.count() + 1;
  auto taken = profiler_.take(std::chrono::seconds{span});
  if (!taken) return text(taken.error().code == errc::limit_exceeded ? 400 : 500,
                          taken.error().context + "\n");
  return {200, "application/octet-stream", std::move(*taken), false, true, {}};
}

response profile_router::handle(std::string_view target) {
  auto parsed = parse_target(target);
  if (!parsed) return text(400, "400 Bad Request");
  auto& path = parsed->path;
  if (path == "/debug/vars") return {200, "application/json; charset=utf-8", pages_.expvarz(), false, true, {}};
  if (path == "/debug/pprof/" || path == "/debug/pprof")
    return {200, "text/html; charset=utf-8", std::string(index_page), false, true, {}};
  if (path == "/debug/pprof/profile") return profile(parsed->params);
  if (path == "/debug/pprof/goroutine" || path == "/debug/pprof/threads")
    return text(200, pages_.stacksz());
  if (path == "/debug/pprof/cmdline") return text(200, joined_arguments());
  if (path.starts_with("/debug/pprof/"))
    return text(404, "Unknown profile: this server has profile, goroutine and cmdline. For memory run it "
                     "under heaptrack or valgrind --tool=massif.\n");
  return text(404, "404 page not found\n");
}

} // namespace troupe::http
