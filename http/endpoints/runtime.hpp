// /debug/vars and /stacksz: what the process itself is about. Pure.
#pragma once

#include "http/thread_states.hpp"

#include <string>
#include <vector>

namespace troupe::http {

/// "cmdline" and "memstats" in the shape of Go's expvar and runtime.MemStats: what has no
/// counterpart here (garbage collection, spans) is zero.
std::string render_expvarz(const std::vector<std::string>& command_line, const heap_usage& heap);

/// Plain text, a paragraph per thread.
std::string render_stacksz(const std::vector<thread_state>& threads);

} // namespace troupe::http
