// The names of cipher suites, curves and versions that a tls block may hold: those of Go's
// crypto/tls, which the NATS server's configuration uses.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace troupe::config {

struct cipher_suite {
  std::string_view name;
  bool insecure = false; // only with allow_insecure_cipher_suites
  bool tls13 = false;    // always on where TLS 1.3 is; naming it changes nothing
};

/// In the order in which a server prefers them.
inline constexpr std::array<cipher_suite, 25> cipher_suites{{
    {"TLS_AES_128_GCM_SHA256", false, true},
    {"TLS_AES_256_GCM_SHA384", false, true},
    {"TLS_CHACHA20_POLY1305_SHA256", false, true},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", true},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", true},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", true},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", true},
    {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", true},
    {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", true},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", true},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", true},
    {"TLS_RSA_WITH_AES_128_CBC_SHA256", true},
    {"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", true},
    {"TLS_ECDHE_RSA_WITH_RC4_128_SHA", true},
    {"TLS_RSA_WITH_RC4_128_SHA", true},
}};

/// Key exchange groups; the second is what OpenSSL calls the first.
inline constexpr std::array<std::array<std::string_view, 2>, 7> curves{{
    {"X25519MLKEM768", "X25519MLKEM768"},
    {"SecP384r1MLKEM1024", "SecP384r1MLKEM1024"},
    {"SecP256r1MLKEM768", "SecP256r1MLKEM768"},
    {"X25519", "X25519"},
    {"CurveP256", "P-256"},
    {"CurveP384", "P-384"},
    {"CurveP521", "P-521"},
}};

inline const cipher_suite* find_cipher_suite(std::string_view name) {
  for (const cipher_suite& suite : cipher_suites)
    if (suite.name == name) return &suite;
  return nullptr;
}

/// OpenSSL's name of a curve; nothing if nobody knows it.
inline std::optional<std::string_view> openssl_curve(std::string_view name) {
  for (const auto& curve : curves)
    if (curve[0] == name) return curve[1];
  return std::nullopt;
}

} // namespace troupe::config
