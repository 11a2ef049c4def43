// A value tree as JSON, byte for byte as Go's encoder writes it, and its digest.
#pragma once

#include "config/value.hpp"

#include <string>

namespace troupe::config {

/// Compact JSON with sorted keys and HTML-safe escapes.
std::string to_json(const value& v);

/// "sha256:<hex>" over the JSON of a parsed file: the `config_digest` of /varz and `-t`.
std::string digest(const value& root);

} // namespace troupe::config
