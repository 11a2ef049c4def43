// base64 with padding, as JSON carries bytes (Go: []byte). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

std::string base64_encode(std::string_view bytes);
/// Nothing for what is not base64; line breaks are none of it.
std::optional<std::string> base64_decode(std::string_view text);

} // namespace troupe
