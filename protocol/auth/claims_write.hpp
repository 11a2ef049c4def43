// Claims as JSON, as the NATS server shows them on its pages: the members of the "claims" of a token, with Go's names and
// its rules for what is left out.
//
// Pure. What is a token itself is left out: an import's activation. Of URLs the passwords are hidden.
#pragma once

#include <cstdint>

#include "protocol/auth/claims.hpp"
#include "protocol/json/writer.hpp"

namespace troupe {

/// Members of the object that is open: what all claims have.
void write_members(json_writer& w, const claims_data& d);

/// Each writes one object.
void write_claims(json_writer& w, const account_claims& claims);
void write_claims(json_writer& w, const operator_claims& claims);

} // namespace troupe
