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
    "<p><a href=\"heap\">heap</a>: who holds memory (also allocs)</p>\n"
    "<p><a href=\"mutex\">mutex</a>, <a href=\"block\">block</a>: who waited for a lock</p>\n"
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

response profile_router::profile(std::string_view name, const query& params) {
  auto seconds = params.get_int("seconds");
  if (!seconds) return text(400, seconds.error().context);
  if (name != "profile" && *seconds != 0)
    return text(400, "a difference over some seconds is not offered: take two, and use pprof -base\n");
  auto span = *seconds == 0 ? 30 : *seconds;
  if (span < 0 || span > cpu_profiler::longest.count()) span = cpu_profiler::longest.count() + 1;
  auto taken = profiles_.take(name == "profile" ? "cpu" : name, std::chrono::seconds{span});
  const bool binary = name == "profile";
  if (taken)
    return {200, binary ? "application/octet-stream" : "text/plain; charset=utf-8",
            std::move(*taken), false, true, {}};
  if (taken.error().code == errc::not_found)
    return text(404, "Unknown profile: this server has profile, heap, allocs, mutex, block, goroutine, "
                     "threadcreate and cmdline.\n");
  return text(taken.error().code == errc::limit_exceeded ? 400 : 500, taken.error().context + "\n");
}

response profile_router::handle(std::string_view target) {
  auto parsed = parse_target(target);
  if (!parsed) return text(400, "400 Bad Request");
  auto& path = parsed->path;
  if (path == "/debug/vars") return {200, "application/json; charset=utf-8", pages_.expvarz(), false, true, {}};
  if (path == "/debug/pprof/" || path == "/debug/pprof")
    return {200, "text/html; charset=utf-8", std::string(index_page), false, true, {}};
  if (path == "/debug/pprof/cmdline") return text(200, joined_arguments());
  constexpr std::string_view prefix = "/debug/pprof/";
  if (path.starts_with(prefix) && path != "/debug/pprof/cpu")
    return profile(std::string_view(path).substr(prefix.size()), parsed->params);
  return text(404, "404 page not found\n");
}

} // namespace troupe::http
