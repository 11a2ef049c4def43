#include "http/endpoints/runtime.hpp"

#include "protocol/json/writer.hpp"

#include <cstdint>

namespace troupe::http {

namespace {

void write_zeros(json_writer& w, const char* name, size_t count) {
  w.key(name);
  w.begin_array();
  for (size_t i = 0; i < count; ++i)
    w.value(0);
  w.end_array();
}

void write_memory(json_writer& w, const heap_usage& heap) {
  struct field {
    const char* name;
    uint64_t bytes;
  };
  for (auto [name, bytes] : {field{"Alloc", heap.used_bytes}, {"TotalAlloc", heap.used_bytes},
                             {"Sys", heap.system_bytes}, {"Lookups", 0}, {"Mallocs", 0},
                             {"Frees", 0}, {"HeapAlloc", heap.used_bytes},
                             {"HeapSys", heap.system_bytes}, {"HeapIdle", heap.free_bytes},
                             {"HeapInuse", heap.used_bytes}, {"HeapReleased", 0},
                             {"HeapObjects", 0}, {"StackInuse", 0}, {"StackSys", 0},
                             {"MSpanInuse", 0}, {"MSpanSys", 0}, {"MCacheInuse", 0},
                             {"MCacheSys", 0}, {"BuckHashSys", 0}, {"GCSys", 0},
                             {"OtherSys", 0}, {"NextGC", 0}, {"LastGC", 0},
                             {"PauseTotalNs", 0}})
    w.member(name, bytes);
  write_zeros(w, "PauseNs", 256);
  write_zeros(w, "PauseEnd", 256);
  w.member("NumGC", 0);
  w.member("NumForcedGC", 0);
  w.member("GCCPUFraction", 0);
  w.member("EnableGC", false);
  w.member("DebugGC", false);
  w.key("BySize");
  w.begin_array();
  for (int i = 0; i < 61; ++i) {
    w.begin_object();
    for (auto name : {"Size", "Mallocs", "Frees"})
      w.member(name, 0);
    w.end_object();
  }
  w.end_array();
}

} // namespace

std::string render_expvarz(const std::vector<std::string>& command_line, const heap_usage& heap) {
  std::string arguments, memory;
  json_writer(arguments).value(command_line);
  json_writer w(memory);
  w.begin_object();
  write_memory(w, heap);
  w.end_object();
  return "{\n\"cmdline\": " + arguments + ",\n\"memstats\": " + memory + "\n}\n";
}

std::string render_stacksz(const std::vector<thread_state>& threads) {
  std::string out;
  for (auto& t : threads) {
    out += "thread " + std::to_string(t.id) + " [" + t.state + "]: " + t.name + "\n";
    for (auto& frame : t.frames)
      out += "\t" + frame + "\n";
    out += "\n";
  }
  return out;
}

} // namespace troupe::http
