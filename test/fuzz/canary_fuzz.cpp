// The target that must crash. If it stops crashing, the other targets' silence means nothing.
//
// Five bytes in a row are found only with coverage feedback, so this also proves that the
// instrumentation is on.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr char song[] = "tweet";
  for (size_t i = 0; i < sizeof song - 1; ++i)
    if (i >= size || data[i] != static_cast<uint8_t>(song[i])) return 0;
  __builtin_trap();
}
