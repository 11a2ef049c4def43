// Whether a client holds the private half of a key: it signs the nonce that INFO gave it.
//
// Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// `signature` in base64, of the url or the standard alphabet. False without a nonce.
bool signed_nonce(std::string_view public_key, std::string_view signature, std::string_view nonce);

/// Which of the proxies' public keys signed the nonce for its client; empty: none of them.
std::string signing_proxy(const std::vector<std::string>& trusted, std::string_view signature,
                          std::string_view nonce);

} // namespace troupe
