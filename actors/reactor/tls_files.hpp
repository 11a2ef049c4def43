// Certificates and keys from PEM files. Errors in the NATS server's (Go's) words; memory that held
// a key is wiped.
#pragma once

#include <openssl/types.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace troupe {

struct x509_deleter {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* x) const { EVP_PKEY_free(x); }
};
using x509_ptr = std::unique_ptr<X509, x509_deleter>;
using pkey_ptr = std::unique_ptr<EVP_PKEY, x509_deleter>;

struct certificate_chain {
  std::vector<x509_ptr> certs;  // at least one; the first is the server's own
  pkey_ptr key;
};

/// The chain of `cert_file` with the key of `key_file`, which belongs to its first certificate.
result<certificate_chain> load_certificate_chain(const std::string& cert_file,
                                                 const std::string& key_file);

/// All certificates of a file that can be read; at least one.
result<std::vector<x509_ptr>> load_authorities(const std::string& ca_file);

} // namespace troupe
