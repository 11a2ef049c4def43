// The pages of the profiling port: /debug/pprof/..., as far as they have a counterpart here.
//
//   /debug/pprof/            what there is
//   /debug/pprof/profile     CPU profile for google-pprof and `go tool pprof`; ?seconds= (30)
//   /debug/pprof/goroutine   the threads and their stacks, as text (also /debug/pprof/threads)
//   /debug/pprof/cmdline     the arguments, separated by zero bytes
//   /debug/vars              memory, as on the monitoring port
#pragma once

#include "http/cpu_profile.hpp"
#include "http/router.hpp"

#include <string_view>

namespace troupe::http {

class profile_router {
public:
  explicit profile_router(pages& from) : pages_(from) {}

  /// Blocks for as long as a profile takes.
  response handle(std::string_view target);
  /// Ends what blocks. Any thread.
  void cancel() { profiler_.cancel(); }

private:
  response profile(const query& params);

  pages& pages_;
  cpu_profiler profiler_;
};

} // namespace troupe::http
