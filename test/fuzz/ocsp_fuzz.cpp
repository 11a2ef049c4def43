// OCSP: any bytes are an answer or none, and none of them speaks for a certificate without its
// issuer's signature; any text is a file of kept answers or none, and what was read from one is
// written so that it reads the same.
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "actors/fetch/http_fetch.hpp"
#include "actors/ocsp/answer_cache.hpp"
#include "actors/ocsp/ocsp_response.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

X509* certificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  X509_sign(cert, key, EVP_sha256());
  EVP_PKEY_free(key);
  return cert;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static X509* const cert = certificate();
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  require(!read_ocsp_answer(text, cert, cert, wall_seconds{}));
  if (size > 65536) return 0;
  answer_cache cache({});
  if (cache.from_json(text)) {
    answer_cache again({});
    require(static_cast<bool>(again.from_json(cache.to_json())));
    require(again.counts().answers == cache.counts().answers);
  }
  require(cache.counts().answers <= static_cast<int64_t>(max_kept_answers));
  if (auto url = parse_http_url(text)) require(!url->host.empty() && url->target[0] == '/');
  return 0;
}
