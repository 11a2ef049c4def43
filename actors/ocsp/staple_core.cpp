#include "actors/ocsp/staple_core.hpp"

#include <algorithm>

#include "protocol/time_text.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds without_end = 24h;
constexpr nanoseconds after_its_end = 2min;
constexpr nanoseconds least = 1s;
/// While a handshake may be waiting for an answer.
constexpr nanoseconds look_for_wishes_every = 200ms;
constexpr nanoseconds least_between_wishes = 2s;

std::string text_of(wall_seconds t) {
  return rfc3339_nano(nanoseconds(t.time_since_epoch()).count());
}

} // namespace

staple_plan plan_staple(config::ocsp_mode mode, bool must_staple) {
  using enum config::ocsp_mode;
  switch (mode) {
    case never:
      return {must_staple ? staple_need::none_though_asked : staple_need::none, false};
    case always: return {staple_need::wanted, true};
    case must:
      return {must_staple ? staple_need::wanted : staple_need::none, must_staple};
    case off:
    case automatic: break;
  }
  return {must_staple ? staple_need::wanted : staple_need::none, false};
}

result<void> in_force(const ocsp_answer& answer, wall_moment now) {
  if (answer.next_update && *answer.next_update < now)
    return error{errc::malformed,
                 "invalid ocsp NextUpdate, is past time: " + text_of(*answer.next_update)};
  if (answer.this_update > now)
    return error{errc::malformed,
                 "invalid ocsp ThisUpdate, is future time: " + text_of(answer.this_update)};
  return {};
}

nanoseconds next_question(const ocsp_answer& answer, wall_moment now) {
  if (!answer.next_update) return without_end;
  const nanoseconds left = (*answer.next_update - now) / 2;
  return left < 0s ? after_its_end : std::max(left, least);
}

nanoseconds staple_schedule::wait(const staple_moment& now) {
  const nanoseconds pause = next_question(last_, now.wall);
  last_try_ = now.steady;
  due_ = now.steady + pause;
  return pause;
}

nanoseconds staple_schedule::answered(const ocsp_answer& answer, const staple_moment& now) {
  last_ = answer;
  return wait(now);
}

nanoseconds staple_schedule::failed(const staple_moment& now) { return wait(now); }

bool staple_schedule::asks(const staple_moment& now, bool wanted) const {
  return due_ <= now.steady || (wanted && ended(now) && now.steady - last_try_ > least_between_wishes);
}

nanoseconds staple_schedule::sleeps(const staple_moment& now) const {
  const nanoseconds left = std::max(due_ - now.steady, 0ns);
  return ended(now) ? std::min(left, look_for_wishes_every) : left;
}

std::string describe_next_update(const ocsp_answer& answer) {
  return answer.next_update ? text_of(*answer.next_update) : std::string(zero_time_text);
}

} // namespace troupe
