// Decides about stapling: whether a certificate is shown with an OCSP answer, whether an answer is in
// its time, when to ask again, and what a bad one ends.
//
// Pure: times are arguments. Rules and texts are those of the NATS server (Go server ocsp.go).
#pragma once

#include <chrono>
#include <string>

#include "actors/ocsp/ocsp_response.hpp"
#include "config/security_options.hpp"
#include "protocol/result.hpp"

namespace troupe {

using wall_moment = std::chrono::system_clock::time_point;

enum class staple_need : uint8_t { none, none_though_asked, wanted };

struct staple_plan {
  staple_need need = staple_need::none;
  bool ends_node = false;  // a certificate that is not good must not be used
};
staple_plan plan_staple(config::ocsp_mode mode, bool must_staple);

/// `malformed` says what is wrong with the answer's times.
result<void> in_force(const ocsp_answer& answer, wall_moment now);

/// Until the next question after an answer: half of what is left of it, a day if it has no end, two
/// minutes if it has ended; a second at least.
std::chrono::nanoseconds next_question(const ocsp_answer& answer, wall_moment now);

/// "good, next update <time>" and the like, for the log.
std::string describe_next_update(const ocsp_answer& answer);

} // namespace troupe
