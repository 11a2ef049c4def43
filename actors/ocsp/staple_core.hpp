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

/// Of the calendar, by which answers end, and of a clock that nobody sets, by which questions wait.
struct staple_moment {
  wall_moment wall{};
  std::chrono::nanoseconds steady{};
};

/// When the responder of one certificate is asked again.
class staple_schedule {
public:
  /// How long until the next question, for the log. A question without an answer leaves the last one
  /// to go by.
  std::chrono::nanoseconds answered(const ocsp_answer& answer, const staple_moment& now);
  std::chrono::nanoseconds failed(const staple_moment& now);

  /// `wanted`: a handshake has found no answer that is in its time, so one is asked for sooner.
  bool asks(const staple_moment& now, bool wanted) const;
  /// Until it has to be asked whether it asks.
  std::chrono::nanoseconds sleeps(const staple_moment& now) const;

private:
  bool ended(const staple_moment& now) const { return last_.next_update && *last_.next_update <= now.wall; }
  std::chrono::nanoseconds wait(const staple_moment& now);

  ocsp_answer last_;
  std::chrono::nanoseconds due_{}, last_try_{};
};

/// "good, next update <time>" and the like, for the log.
std::string describe_next_update(const ocsp_answer& answer);

} // namespace troupe
