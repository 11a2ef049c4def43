// Unique ids of 22 base62 characters, cheap to make: a random prefix and a number that grows by a
// random step, as the NATS clients and server make them.
//
// Not thread-safe: one object per owner. Reads the system's randomness at the start and each time
// the number wraps. Not for secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace troupe {

inline constexpr size_t nuid_bytes = 22;

class nuid {
public:
  nuid() { restart(); }
  std::string next();

private:
  static constexpr size_t prefix_bytes = 12;

  void restart();

  std::array<char, prefix_bytes> prefix_{};
  uint64_t number_ = 0;
  uint64_t step_ = 0;
};

} // namespace troupe
