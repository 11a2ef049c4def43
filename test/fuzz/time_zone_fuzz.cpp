// Zone files: any bytes are refused or give an offset below a day at any time.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/time_zone.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file{reinterpret_cast<const char*>(data), size};
  const auto zone = troupe::time_zone::parse(file);
  if (!zone) return 0;
  for (int64_t t = -2000000000; t < 8000000000; t += 99999999) {
    const int64_t offset = zone->offset_at(t);
    if (offset < -700000 || offset > 700000) __builtin_trap();
  }
  return 0;
}
