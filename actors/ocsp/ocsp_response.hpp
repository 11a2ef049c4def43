// OCSP on the wire: the question about a certificate, and what an answer says, once its signature
// and its signer's right to sign are checked.
//
// Values in and out; OpenSSL reads the DER, whose size and numbers are bounded here. The time is an
// argument. Source: RFC 6960; what is accepted is what the NATS server accepts (Go's x/crypto/ocsp
// with certidp's check of delegates), but that a delegate's certificate must be in its time.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.hpp"

namespace troupe {

using wall_seconds = std::chrono::sys_seconds;

enum class ocsp_status : uint8_t { good, revoked, unknown };
std::string_view to_text(ocsp_status s);

struct ocsp_answer {
  ocsp_status status = ocsp_status::unknown;
  wall_seconds this_update{};
  std::optional<wall_seconds> next_update;
};

/// An answer larger than this is not looked at; real ones have one or two KiB.
inline constexpr size_t max_ocsp_answer_bytes = 64 * 1024;

/// The question about `cert`, as DER. `malformed` if the issuer has no usable key.
result<std::string> ocsp_question(X509* cert, X509* issuer);

/// What `der` says about `cert`. Errors: `malformed`, `not_found` when it speaks of others,
/// `unauthorized` when who signed it may not.
result<ocsp_answer> read_ocsp_answer(std::string_view der, X509* cert, X509* issuer, wall_seconds now);

/// Where the certificate says that it can be asked about; http and https only, at most eight.
std::vector<std::string> ocsp_responders(X509* cert);

/// Whether the certificate wants to be shown with an answer: TLS feature status_request (RFC 7633).
bool must_staple(X509* cert);

} // namespace troupe
