#include "actors/ocsp/peer_core.hpp"

namespace troupe {

namespace {

void only_warn(link_ruling& r) {
  r.passes = true;
  r.what = "OCSP verify fail";
  r.because = "WarnOnly is true so allowing";
}

} // namespace

bool counts(const ocsp_answer& answer, const config::ocsp_peer_options& options, wall_moment now) {
  // Options are seconds that a file names: added to what is left, not to the time, they cannot overflow.
  const auto skew = options.allowed_clockskew;
  if (answer.this_update - now > skew) return false;
  if (answer.next_update) return now - *answer.next_update <= skew;
  return now - answer.this_update - skew <= options.cache_ttl;
}

link_ruling rule_on(link_problem problem, std::string_view subject,
                    const config::ocsp_peer_options& options, bool was_revoked) {
  link_ruling out;
  switch (problem) {
    case link_problem::unreachable: out.reason = "Failed OCSP response fetch"; break;
    case link_problem::unreadable: out.reason = "Failed OCSP response parse"; break;
    case link_problem::bad_delegate:
      out.reason = "Invalid OCSP response delegation: " + std::string(subject);
      break;
    case link_problem::not_current: out.reason = "OCSP response not in effectivity window"; break;
  }
  if (options.warn_only) {
    only_warn(out);
  } else if (problem == link_problem::unreachable && options.allow_when_ca_unreachable) {
    out.passes = !was_revoked;
    out.what = "Failed to obtain OCSP CA response";
    out.because = was_revoked
                    ? "AllowWhenCAUnreachable set; cached revocation exists so rejecting"
                    : "AllowWhenCAUnreachable set; no cached revocation so allowing";
  }
  return out;
}

link_ruling rule_on(ocsp_status status, const config::ocsp_peer_options& options) {
  link_ruling out;
  out.passes = status == ocsp_status::good
               || (status == ocsp_status::unknown && options.unknown_is_good);
  if (out.passes) return out;
  out.reason = "Invalid OCSP response status: " + std::string(to_text(status));
  if (options.warn_only) only_warn(out);
  return out;
}

} // namespace troupe
