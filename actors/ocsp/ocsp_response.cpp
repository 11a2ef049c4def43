#include "actors/ocsp/ocsp_response.hpp"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

namespace troupe {

namespace {

constexpr int max_certificates = 16;
constexpr int max_answers = 64;
constexpr size_t max_responders = 8;

template <auto Free>
struct frees {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using response_ptr = std::unique_ptr<OCSP_RESPONSE, frees<OCSP_RESPONSE_free>>;
using basic_ptr = std::unique_ptr<OCSP_BASICRESP, frees<OCSP_BASICRESP_free>>;
using request_ptr = std::unique_ptr<OCSP_REQUEST, frees<OCSP_REQUEST_free>>;
using id_ptr = std::unique_ptr<OCSP_CERTID, frees<OCSP_CERTID_free>>;

error bad(std::string text) { return {errc::malformed, "ocsp: " + std::move(text)}; }

struct clears_errors {
  ~clears_errors() { ERR_clear_error(); }
};

std::optional<wall_seconds> seconds_of(const ASN1_GENERALIZEDTIME* t) {
  std::tm when{};
  if (!t || ASN1_TIME_to_tm(t, &when) != 1) return std::nullopt;
  // Years that nanoseconds can tell: sums and comparisons stay within them.
  constexpr int64_t latest_s = 7'000'000'000;
  return wall_seconds(std::chrono::seconds(std::clamp<int64_t>(::timegm(&when), 0, latest_s)));
}

std::string_view refusal_text(int status) {
  switch (status) {
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST: return "malformed";
    case OCSP_RESPONSE_STATUS_INTERNALERROR: return "internal error";
    case OCSP_RESPONSE_STATUS_TRYLATER: return "try later";
    case OCSP_RESPONSE_STATUS_SIGREQUIRED: return "signature required";
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED: return "unauthorized";
    default: return "unknown status";
  }
}

bool in_its_time(const X509* cert, wall_seconds now) {
  time_t at = static_cast<time_t>(now.time_since_epoch().count());
  return X509_cmp_time(X509_get0_notBefore(cert), &at) <= 0
         && X509_cmp_time(X509_get0_notAfter(cert), &at) > 0;
}

/// The answer was signed by the issuer, or by whom the issuer has entitled to it.
result<void> check_signer(OCSP_BASICRESP* basic, X509* issuer, wall_seconds now) {
  std::unique_ptr<STACK_OF(X509), frees<[](STACK_OF(X509)* s) { sk_X509_free(s); }>> own(
    sk_X509_new_null());
  if (!own || sk_X509_push(own.get(), issuer) <= 0) return bad("out of memory");
  // Only the signature: no chain is built from what came along.
  if (OCSP_basic_verify(basic, own.get(), nullptr, OCSP_NOVERIFY) != 1)
    return bad("bad OCSP signature");
  X509* signer = nullptr;
  if (OCSP_resp_get0_signer(basic, &signer, own.get()) != 1) return bad("no signer");
  if (X509_cmp(signer, issuer) == 0) return {};
  if (X509_verify(signer, X509_get0_pubkey(issuer)) != 1) return bad("bad OCSP signature");
  const bool entitled = (X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) != 0
                        && (X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN) != 0;
  if (!entitled || !in_its_time(signer, now))
    return error{errc::unauthorized,
                 "OCSP response signer missing authorization by CA to act as OCSP signer"};
  return {};
}

/// The part that is about `cert`; whatever digest the responder names it by.
OCSP_SINGLERESP* find_answer(OCSP_BASICRESP* basic, X509* cert, X509* issuer) {
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* one = OCSP_resp_get0(basic, i);
    auto* named = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(one));
    ASN1_OBJECT* digest = nullptr;
    if (!named || OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, named) != 1) continue;
    const EVP_MD* md = EVP_get_digestbyobj(digest);
    if (!md) continue;
    const id_ptr wanted(OCSP_cert_to_id(md, cert, issuer));
    if (wanted && OCSP_id_cmp(wanted.get(), named) == 0) return one;
  }
  return nullptr;
}

} // namespace

std::string_view to_text(ocsp_status s) {
  switch (s) {
    case ocsp_status::good: return "good";
    case ocsp_status::revoked: return "revoked";
    case ocsp_status::unknown: break;
  }
  return "unknown";
}

result<std::string> ocsp_question(X509* cert, X509* issuer) {
  const clears_errors at_end;
  request_ptr request(OCSP_REQUEST_new());
  id_ptr id(OCSP_cert_to_id(EVP_sha1(), cert, issuer));  // the digest all responders know
  if (!request || !id || !OCSP_request_add0_id(request.get(), id.get()))
    return bad("cannot ask about this certificate");
  (void)id.release();
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_REQUEST(request.get(), &der);
  if (size <= 0) return bad("cannot ask about this certificate");
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

result<ocsp_answer> read_ocsp_answer(std::string_view der, X509* cert, X509* issuer, wall_seconds now) {
  const clears_errors at_end;
  if (der.size() > max_ocsp_answer_bytes) return bad("response too large");
  auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  const response_ptr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (!response) return bad("malformed response");
  if (at != end) return bad("trailing data in OCSP response");
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return bad("error from server: " + std::string(refusal_text(status)));
  const basic_ptr basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return bad("bad OCSP response type");
  const STACK_OF(X509)* certs = OCSP_resp_get0_certs(basic.get());
  if (OCSP_resp_count(basic.get()) > max_answers || (certs && sk_X509_num(certs) > max_certificates))
    return bad("response with too many parts");
  if (auto ok = check_signer(basic.get(), issuer, now); !ok) return ok.error();
  OCSP_SINGLERESP* one = find_answer(basic.get(), cert, issuer);
  if (!one)
    return error{errc::not_found, "ocsp: no response matching the supplied certificate"};
  ASN1_GENERALIZEDTIME *this_update = nullptr, *next_update = nullptr;
  const int said = OCSP_single_get0_status(one, nullptr, nullptr, &this_update, &next_update);
  ocsp_answer out;
  out.status = said == V_OCSP_CERTSTATUS_GOOD      ? ocsp_status::good
               : said == V_OCSP_CERTSTATUS_REVOKED ? ocsp_status::revoked
                                                   : ocsp_status::unknown;
  const auto begins = seconds_of(this_update);
  if (!begins) return bad("malformed response");
  out.this_update = *begins;
  out.next_update = seconds_of(next_update);
  if (next_update && !out.next_update) return bad("malformed response");
  return out;
}

std::vector<std::string> ocsp_responders(X509* cert) {
  const clears_errors at_end;
  std::vector<std::string> out;
  STACK_OF(OPENSSL_STRING)* urls = X509_get1_ocsp(cert);
  for (int i = 0; urls && i < sk_OPENSSL_STRING_num(urls) && out.size() < max_responders; ++i) {
    const std::string_view url = sk_OPENSSL_STRING_value(urls, i);
    if (url.starts_with("http://") || url.starts_with("https://")) out.emplace_back(url);
  }
  X509_email_free(urls);
  return out;
}

bool must_staple(X509* cert) {
  const clears_errors at_end;
  constexpr long status_request = 5;
  std::unique_ptr<TLS_FEATURE, frees<TLS_FEATURE_free>> features(
    static_cast<TLS_FEATURE*>(X509_get_ext_d2i(cert, NID_tlsfeature, nullptr, nullptr)));
  for (int i = 0; features && i < sk_ASN1_INTEGER_num(features.get()); ++i)
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features.get(), i)) == status_request) return true;
  return false;
}

} // namespace troupe
