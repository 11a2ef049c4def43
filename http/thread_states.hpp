// What the threads of this process are doing and how its heap stands, as the system tells.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::http {

struct thread_state {
  int id = 0;        // of the kernel
  std::string name;
  std::string state; // "running", "sleeping", ...
  std::vector<std::string> frames; // innermost first: "function + offset" or "module + offset"
};

/// Any thread. Asks each thread by a signal for its frames and waits briefly: one that does not
/// answer has none. System calls that sleep return EINTR, which every loop of ours takes.
std::vector<thread_state> thread_states();

/// The kernel's numbers of this process's threads, ascending.
std::vector<int> thread_ids();

struct heap_usage {
  uint64_t used_bytes = 0;   // handed out by malloc
  uint64_t free_bytes = 0;   // kept by malloc
  uint64_t system_bytes = 0; // taken from the system
};

heap_usage measure_heap();

/// Arguments of the process as the system shows them: secrets are masked there already.
std::vector<std::string> command_line();

} // namespace troupe::http
