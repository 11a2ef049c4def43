#include "http/call_stack.hpp"

#include <execinfo.h>

#include <charconv>
#include <fstream>
#include <iterator>

namespace troupe::http {

void prepare_stacks() {
  void* one = nullptr;
  ::backtrace(&one, 1);
}

[[gnu::noinline]] call_stack current_stack(int skip) {
  void* frames[stack_frames_max + 8];
  ++skip; // this function
  const int found = ::backtrace(frames, stack_frames_max + skip);
  call_stack stack;
  for (int i = skip; i < found; ++i)
    stack.push_back(reinterpret_cast<uintptr_t>(frames[i]));
  return stack;
}

void append_stack(std::string& out, const call_stack& stack) {
  out += " @";
  for (auto address : stack) {
    char digits[16];
    auto end = std::to_chars(digits, digits + sizeof digits, address, 16).ptr;
    (out += " 0x").append(digits, end);
  }
  out += '\n';
}

void append_memory_map(std::string& out) {
  out += "\n--- Memory map: ---\n";
  std::ifstream maps("/proc/self/maps");
  out.append(std::istreambuf_iterator<char>(maps), {});
}

bool& inside_profiler() {
  static constinit thread_local bool inside = false;
  return inside;
}

} // namespace troupe::http
