// The pages of the profiling port: /debug/pprof/..., as far as they have a counterpart here.
//
//   /debug/pprof/            what there is
//   /debug/pprof/profile     CPU profile for google-pprof and `go tool pprof`; ?seconds= (30)
//   /debug/pprof/heap        who holds memory; allocs: the same, for what was ever allocated
//   /debug/pprof/mutex       who waited for a lock; block: the same, thinned by prof_block_rate
//   /debug/pprof/goroutine   the threads and their stacks, as text (also /debug/pprof/threads)
//   /debug/pprof/cmdline     the arguments, separated by zero bytes
//   /debug/vars              memory, as on the monitoring port
#pragma once

#include "http/profiles.hpp"
#include "http/router.hpp"

#include <string_view>

namespace troupe::http {

class profile_router {
public:
  profile_router(pages& from, profiles& taken) : pages_(from), profiles_(taken) {}

  /// Blocks for as long as a profile takes.
  response handle(std::string_view target);

private:
  response profile(std::string_view name, const query& params);

  pages& pages_;
  profiles& profiles_;
};

} // namespace troupe::http
