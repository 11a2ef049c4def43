// Decides about a link of a client's chain: whether an answer counts at a time, and what an answer or
// the lack of one comes to under the options.
//
// Pure: times are arguments. Rules and texts are those of the NATS server (Go server ocsp_peer.go,
// certidp).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "actors/ocsp/ocsp_response.hpp"
#include "actors/ocsp/staple_core.hpp"
#include "config/security_options.hpp"

namespace troupe {

/// Whether an answer is neither too old nor from the future; clocks may differ by allowed_clockskew.
bool counts(const ocsp_answer& answer, const config::ocsp_peer_options& options, wall_moment now);

enum class link_problem : uint8_t { unreachable, unreadable, bad_delegate, not_current };

struct link_ruling {
  bool passes = false;
  std::string reason;        // why not, as events tell it
  // For the log, where an option lets it pass, or would have: what happened, and why it matters not.
  std::string_view what, because;
};

/// No answer could be used. `was_revoked`: an older answer said so.
link_ruling rule_on(link_problem problem, std::string_view subject,
                    const config::ocsp_peer_options& options, bool was_revoked);
/// An answer that counts says this.
link_ruling rule_on(ocsp_status status, const config::ocsp_peer_options& options);

} // namespace troupe
