#include "protocol/nuid.hpp"

#include <string_view>

#include <sodium.h>

namespace troupe {
namespace {

constexpr std::string_view base62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr uint64_t max_number = 839299365868340224; // 62 to the power of 10
constexpr uint32_t min_step = 33;
constexpr uint32_t max_step = 333;

} // namespace

void nuid::restart() {
  for (char& c : prefix_)
    c = base62[randombytes_uniform(static_cast<uint32_t>(base62.size()))];
  uint64_t random;
  randombytes_buf(&random, sizeof(random));
  number_ = random % max_number;
  step_ = min_step + randombytes_uniform(max_step - min_step);
}

std::string nuid::next() {
  number_ += step_;
  if (number_ >= max_number) restart();
  std::string id(nuid_bytes, '0');
  for (size_t i = 0; i < prefix_bytes; ++i)
    id[i] = prefix_[i];
  uint64_t rest = number_;
  for (size_t i = nuid_bytes; i > prefix_bytes; --i, rest /= base62.size()) {
    id[i - 1] = base62[rest % base62.size()];
  }
  return id;
}

} // namespace troupe
