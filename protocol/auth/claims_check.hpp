// What claims have to fulfil beyond a good signature before anybody acts on them.
//
// Pure; time is an argument, in seconds since 1970. Each fault is a text for the log; a claim with
// any fault must not be used.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/auth/claims.hpp"
#include "protocol/auth/user_limits.hpp"
#include "protocol/result.hpp"

namespace troupe {

using claim_faults = std::vector<std::string>;

claim_faults check_claims(const operator_claims& claims, int64_t now_s);
claim_faults check_claims(const account_claims& claims, int64_t now_s);
/// `zones` tells whether the zone of time limits exists.
claim_faults check_claims(const user_claims& claims, int64_t now_s, const zone_offset& zones);
claim_faults check_claims(const activation_claims& claims, int64_t now_s);
claim_faults check_claims(const authorization_response_claims& claims, int64_t now_s);

/// What the NATS server tells of an account in use, although it does not keep it from being used.
struct claim_remark {
  std::string text;
  bool about_time = false;
};
std::vector<claim_remark> remarks_on(const account_claims& claims, int64_t now_s);

/// Whether the import's activation token lets `importer` (a public account key) import this from an
/// account with these keys: signed by it, for the importer, for this subject and kind, in its time,
/// not revoked by the export. The second at which it ends, 0: never. An error names the reason. Attack
/// cases 15 and 16.
result<int64_t> check_activation(const claim_import& wanted, std::string_view importer,
                                 const account_claims& exporter, const revocation_list& revoked,
                                 int64_t now_s);

/// "2.9.0": the version that an operator asserts servers to have at least. Errors: `malformed`.
struct asserted_version {
  int64_t major = 0, minor = 0, update = 0;
  auto operator<=>(const asserted_version&) const = default;
};
result<asserted_version> parse_asserted_version(std::string_view text);

} // namespace troupe
