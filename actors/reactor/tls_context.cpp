#include "actors/reactor/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <new>

#include "actors/reactor/tls_choice.hpp"
#include "config/tls_names.hpp"

namespace troupe {

namespace {

/// How much a connection takes from its socket at once. Held only while input waits.
constexpr size_t read_buffer_bytes = 64 * 1024;
/// Tickets of clients without certificates; those with one are checked anew after five minutes.
constexpr long ticket_lifetime_s = 2 * 60 * 60;
constexpr long ticket_lifetime_verified_s = 5 * 60;
constexpr unsigned char session_context[] = "troupe";

error bad(std::string text) { return {errc::malformed, std::move(text)}; }

/// What OpenSSL last complained about.
std::string last_problem() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "unknown";
}

std::optional<std::chrono::sys_seconds> end_of(const X509* cert) {
  std::tm when{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &when) != 1) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&when)));
}

/// Errors of one pair of several say which.
result<std::vector<own_certificate>> load_certificates(const config::tls_options& o) {
  std::vector<own_certificate> out;
  for (size_t i = 0; i < o.certs.size(); ++i) {
    const config::cert_pair& pair = o.certs[i];
    if (pair.key_file.empty()) return bad("missing 'key_file' in TLS configuration");
    if (pair.cert_file.empty()) return bad("missing 'cert_file' in TLS configuration");
    std::string which;
    if (o.certs.size() > 1)
      which = " " + std::to_string(i + 1) + "/" + std::to_string(o.certs.size());
    auto chain = load_certificate_chain(pair.cert_file, pair.key_file);
    if (!chain)
      return bad("error parsing X509 certificate/key pair" + which + ": " + chain.error().context);
    out.push_back({pair.cert_file, std::move(*chain)});
  }
  return out;
}

/// Suites of TLS 1.2 that this library has, in its own spelling. Those of 1.3 are always on.
std::string suites_of(const config::tls_options& o) {
  std::string out;
  auto add = [&](std::string_view name) {
    const char* known = OPENSSL_cipher_name(std::string(name).c_str());
    if (known && std::string_view(known) != "(NONE)")
      out += (out.empty() ? "" : ":") + std::string(known);
  };
  if (!o.cipher_suites.empty()) {
    for (auto& name : o.cipher_suites)
      if (!config::find_cipher_suite(name)->tls13) add(name);
  } else {
    for (auto& suite : config::cipher_suites)
      if (!suite.tls13 && !suite.insecure) add(suite.name);
  }
  return out;
}

result<void> choose_algorithms(SSL_CTX* ctx, const config::tls_options& o) {
  // As strict as the NATS server; weak suites, where allowed, need the level below.
  SSL_CTX_set_security_level(ctx, o.allow_insecure_cipher_suites ? 0 : 1);
  const std::string suites = suites_of(o);
  const bool only_tls13 = suites.empty() || o.min_version == "1.3";
  SSL_CTX_set_min_proto_version(ctx, only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (!suites.empty() && SSL_CTX_set_cipher_list(ctx, suites.c_str()) != 1)
    return bad("no cipher suite of the list is available: " + last_problem());
  // As Go: the strong one that is quickest where the processor helps.
  SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                "TLS_CHACHA20_POLY1305_SHA256");
  std::string groups;
  auto add = [&](std::string_view group) {
    // Groups come with the library's version: those it lacks are passed over.
    if (SSL_CTX_set1_groups_list(ctx, std::string(group).c_str()) == 1)
      groups += (groups.empty() ? "" : ":") + std::string(group);
  };
  if (!o.curve_preferences.empty()) {
    for (auto& name : o.curve_preferences) add(*config::openssl_curve(name));
  } else {
    for (auto& curve : config::curves) add(curve[1]);
  }
  ERR_clear_error();
  if (groups.empty()) return bad("no curve of 'curve_preferences' is available in this OpenSSL");
  SSL_CTX_set1_groups_list(ctx, groups.c_str());
  return {};
}

/// Where trust in clients' certificates begins, and what is asked of clients.
result<void> choose_peers(SSL_CTX* ctx, const config::tls_options& o, tls_purpose purpose) {
  X509_STORE* store = SSL_CTX_get_cert_store(ctx);
  if (!o.ca_file.empty()) {
    auto authorities = load_authorities(o.ca_file);
    if (!authorities) return authorities.error();
    for (const x509_ptr& one : *authorities) {
      X509_STORE_add_cert(store, one.get());
      SSL_CTX_add_client_CA(ctx, one.get());
    }
    // An authority of the file is trusted although it is not a root.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  } else if (o.verify || o.verify_optional) {
    SSL_CTX_set_default_verify_paths(ctx);
  }
  int mode = SSL_VERIFY_NONE;
  if (purpose == tls_purpose::clients) {
    if (o.verify) mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    else if (o.verify_optional) mode = SSL_VERIFY_PEER;
  }
  SSL_CTX_set_verify(ctx, mode, nullptr);
  SSL_CTX_set_timeout(ctx, mode == SSL_VERIFY_NONE ? ticket_lifetime_s : ticket_lifetime_verified_s);
  ERR_clear_error();
  return {};
}

void choose_modes(SSL_CTX* ctx) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
                             | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // An idle connection holds no buffers; input is taken in large pieces.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_default_read_buffer_len(ctx, read_buffer_bytes);
  // Tickets, which the client keeps, resume sessions; nothing about them is kept here.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1);
  SSL_CTX_set_num_tickets(ctx, 1);
}

} // namespace

bool handshake_rate::admit(std::chrono::nanoseconds now) {
  if (limit_ <= 0) return true;
  constexpr int64_t second_ns = 1'000'000'000;
  int64_t began = second_began_ns_.load(std::memory_order_relaxed);
  if (began == INT64_MIN || now.count() - began > second_ns) {
    // Whoever wins begins the new second; what others count meanwhile may be lost: a rate, no lock.
    if (second_began_ns_.compare_exchange_strong(began, now.count(), std::memory_order_relaxed))
      admitted_.store(0, std::memory_order_relaxed);
  }
  if (admitted_.fetch_add(1, std::memory_order_relaxed) < limit_) return true;
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

tls_context::tls_context(const config::tls_options& options)
    : options_(options),
      ctx_(SSL_CTX_new(TLS_server_method())),
      rate_(options.connection_rate_limit) {
  if (!ctx_) throw std::bad_alloc();
}

tls_context::~tls_context() { SSL_CTX_free(ctx_); }

bool tls_context::accepts_key(const std::string& spki_sha256) const {
  const auto& pins = options_.pinned_certs;
  return pins.empty() || std::find(pins.begin(), pins.end(), spki_sha256) != pins.end();
}

result<tls_context_ptr> make_tls_context(const config::tls_options& options, tls_purpose purpose,
                                         std::shared_ptr<peer_verifier> verifier) {
  std::shared_ptr<tls_context> out(new tls_context(options));
  choose_modes(out->ctx_);
  if (auto ok = choose_algorithms(out->ctx_, options); !ok) return ok.error();
  auto certificates = load_certificates(options);
  if (!certificates) return certificates.error();
  out->certificates_ = std::move(*certificates);
  if (!out->certificates_.empty()) {
    out->not_after_ = end_of(out->certificates_[0].chain.certs[0].get());
    if (auto ok = show_certificates(out->ctx_, out->certificates_); !ok) return ok.error();
  }
  if (auto ok = choose_peers(out->ctx_, options, purpose); !ok) return ok.error();
  out->judges_peers_ = purpose == tls_purpose::clients && options.verify && options.ocsp_peer
                       && options.ocsp_peer->verify;
  out->verifier_ = std::move(verifier);
  if (out->judges_peers_) judge_peers(out->ctx_, *out);
  return tls_context_ptr(std::move(out));
}

} // namespace troupe
