// Whether a client holds the private half of a key: it signs the nonce that INFO gave it.
//
// Pure. Thread: any.
#pragma once

#include <string_view>

namespace troupe {

/// `signature` in base64, of the url or the standard alphabet. False without a nonce.
bool signed_nonce(std::string_view public_key, std::string_view signature, std::string_view nonce);

} // namespace troupe
