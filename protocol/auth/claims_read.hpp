// From the JSON inside a token to claims. For jwt.cpp: what is read here is not verified yet.
//
// Fields are found and types refused as Go's encoding/json would; unknown fields are skipped.
#pragma once

#include <simdjson.h>

#include "protocol/auth/claims.hpp"
#include "protocol/result.hpp"

namespace troupe {

struct unverified_claims {
  any_claims claims;
  int64_t version = 0; // 1 signs the claims only, 2 the header too
};

result<unverified_claims> read_claims(const simdjson::dom::element& document);
result<generic_claims> read_generic_claims(const simdjson::dom::element& document);

} // namespace troupe
