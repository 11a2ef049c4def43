// Checks of secrets that cost the same whether or not they succeed by somebody who exists, and the count of what they
// cost.
//
// Pure, but for the count, which is the thread's own. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

/// What the checks of one thread have cost so far. Tests compare it: a failed login costs the same whoever it names.
struct check_effort {
  uint64_t comparisons = 0;    // of secrets
  uint64_t bcrypt_rounds = 0;  // two to the power of each hash's cost
  uint64_t signatures = 0;     // verified
  bool operator==(const check_effort&) const = default;
};
check_effort& effort_of_this_thread();

/// Compares without telling by its duration where, or whether the lengths, differ.
bool same_secret(std::string_view a, std::string_view b);

/// Of a configured secret, so that a reload can tell whether it changed.
std::string secret_digest(std::string_view secret);

/// Whether a configured password is a hash, or meant as one: then nobody has it.
bool is_bcrypt_hash(std::string_view text);
inline constexpr unsigned cheapest_bcrypt = 4;
/// The exponent of what it costs to calculate, 4 to 31; 0: it is no hash, or cannot be calculated.
unsigned bcrypt_cost(std::string_view text);

/// Calculates a hash of that cost for nothing. Takes long.
void spend_bcrypt(unsigned cost, const std::string& given);

/// Whether `given` is the password of the bcrypt hash, and that `counts`. When not, that has cost as much as a hash of
/// the cost `dearest`, which is no less than its own. Takes long.
bool bcrypt_accepts(const std::string& hash, const std::string& given, bool counts, unsigned dearest);

} // namespace troupe
