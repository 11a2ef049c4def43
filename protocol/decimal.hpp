// Decimal numbers into a caller's buffer, two digits at a time.
//
// Pure and inline: the size of every delivered message is written with it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace troupe {

/// Digits of the largest uint64_t.
inline constexpr size_t max_decimal_bytes = 20;

namespace detail {

struct digit_pairs {
  std::array<char, 200> at{};
  constexpr digit_pairs() {
    for (size_t i = 0; i < 100; ++i) {
      at[2 * i] = static_cast<char>('0' + i / 10);
      at[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
inline constexpr digit_pairs digits;

constexpr size_t decimal_bytes(uint64_t v) {
  size_t n = 1;
  for (; v >= 10000; v /= 10000)
    n += 4;
  return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

} // namespace detail

/// Writes `v` in decimal; returns its length (1 .. max_decimal_bytes).
inline size_t write_decimal(char* out, uint64_t v) {
  // Most sizes have up to four digits: no loop for them.
  if (v < 10) {
    *out = static_cast<char>('0' + v);
    return 1;
  }
  if (v < 1000) {
    const uint64_t hundreds = v / 100;
    *out = static_cast<char>('0' + hundreds);  // overwritten where there are none
    std::memcpy(out + (hundreds != 0), &detail::digits.at[2 * (v - 100 * hundreds)], 2);
    return 2 + (hundreds != 0);
  }
  if (v < 10000) {
    const uint64_t hundreds = v / 100;
    std::memcpy(out, &detail::digits.at[2 * hundreds], 2);
    std::memcpy(out + 2, &detail::digits.at[2 * (v - 100 * hundreds)], 2);
    return 4;
  }
  const size_t n = detail::decimal_bytes(v);
  char* p = out + n;
  while (v >= 100) {
    p -= 2;
    std::memcpy(p, &detail::digits.at[2 * (v % 100)], 2);
    v /= 100;
  }
  if (v >= 10) {
    std::memcpy(p - 2, &detail::digits.at[2 * v], 2);
  } else {
    p[-1] = static_cast<char>('0' + v);
  }
  return n;
}

} // namespace troupe
