#include "actors/reactor/tls_files.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

namespace troupe {

namespace {

constexpr size_t max_file_bytes = 16 * 1024 * 1024;  // a bundle of all public authorities has 0.2

error bad(std::string text) { return {errc::malformed, std::move(text)}; }

/// A file's bytes, wiped when no longer needed.
struct secret_text {
  secret_text() = default;
  secret_text(secret_text&& other) noexcept : bytes(std::move(other.bytes)) { other.bytes.clear(); }
  secret_text& operator=(secret_text&&) = delete;
  ~secret_text() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  std::vector<char> bytes;
};

result<secret_text> read_file(const std::string& path) {
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) return bad("read " + path + ": is a directory");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return bad("open " + path + ": "
               + (errno == ENOENT   ? "no such file or directory"
                  : errno == EACCES ? "permission denied"
                                    : std::strerror(errno)));
  secret_text out;
  const auto size = std::filesystem::file_size(path, ec);
  const size_t room = ec ? 64 * 1024 : std::min<size_t>(size, max_file_bytes) + 1;
  out.bytes.resize(room);  // once: growing would leave copies behind
  in.read(out.bytes.data(), static_cast<std::streamsize>(room));
  out.bytes.resize(static_cast<size_t>(in.gcount()));
  if (out.bytes.size() > max_file_bytes) return bad("read " + path + ": file too large");
  return out;
}

/// The PEM blocks of a text, one after the other.
class pem_reader {
public:
  explicit pem_reader(const secret_text& text)
      : bio_(BIO_new_mem_buf(text.bytes.data(), static_cast<int>(text.bytes.size()))) {}
  ~pem_reader() {
    drop();
    BIO_free(bio_);
    ERR_clear_error();
  }
  pem_reader(const pem_reader&) = delete;
  pem_reader& operator=(const pem_reader&) = delete;

  bool next() {
    drop();
    // A block that is broken is passed over, as Go does; the text always gets shorter.
    while (BIO_pending(bio_) > 0) {
      if (PEM_read_bio(bio_, &name_, &header_, &data_, &size_) == 1) return true;
      drop();
    }
    return false;
  }
  std::string_view type() const { return name_; }
  const unsigned char* data() const { return data_; }
  long size() const { return size_; }

private:
  void drop() {
    OPENSSL_free(name_);
    OPENSSL_free(header_);
    if (data_) OPENSSL_clear_free(data_, static_cast<size_t>(size_));
    name_ = header_ = nullptr;
    data_ = nullptr;
    size_ = 0;
  }

  BIO* bio_;
  char* name_ = nullptr;
  char* header_ = nullptr;
  unsigned char* data_ = nullptr;
  long size_ = 0;
};

std::string list_of(const std::vector<std::string>& types) {
  std::string out = "[";
  for (auto& type : types) out += (out.size() > 1 ? " " : "") + type;
  return out + "]";
}

x509_ptr certificate_from(const pem_reader& pem) {
  const unsigned char* at = pem.data();
  x509_ptr out(d2i_X509(nullptr, &at, pem.size()));
  return at == pem.data() + pem.size() ? std::move(out) : nullptr;
}

result<std::vector<x509_ptr>> parse_certificates(const secret_text& text) {
  std::vector<x509_ptr> out;
  std::vector<std::string> skipped;
  pem_reader pem(text);
  while (pem.next()) {
    if (pem.type() != "CERTIFICATE") {
      skipped.emplace_back(pem.type());
      continue;
    }
    x509_ptr one = certificate_from(pem);
    if (!one) return bad("x509: malformed certificate");
    out.push_back(std::move(one));
  }
  if (!out.empty()) return out;
  if (skipped.empty()) return bad("tls: failed to find any PEM data in certificate input");
  if (skipped.size() == 1 && skipped[0].ends_with("PRIVATE KEY"))
    return bad("tls: failed to find certificate PEM data in certificate input, but did find a "
               "private key; PEM inputs may have been switched");
  return bad("tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping "
             "PEM blocks of the following types: " + list_of(skipped));
}

result<pkey_ptr> parse_key(const secret_text& text) {
  std::vector<std::string> skipped;
  pem_reader pem(text);
  while (pem.next()) {
    if (pem.type() != "PRIVATE KEY" && !pem.type().ends_with(" PRIVATE KEY")) {
      skipped.emplace_back(pem.type());
      continue;
    }
    const unsigned char* at = pem.data();
    // An encrypted one fails here: nobody is asked for a password.
    pkey_ptr key(d2i_AutoPrivateKey(nullptr, &at, pem.size()));
    if (!key) return bad("tls: failed to parse private key");
    return key;
  }
  if (skipped.empty()) return bad("tls: failed to find any PEM data in key input");
  if (skipped.size() == 1 && skipped[0] == "CERTIFICATE")
    return bad("tls: found a certificate rather than a key in the PEM for the private key");
  return bad("tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after "
             "skipping PEM blocks of the following types: " + list_of(skipped));
}

} // namespace

result<certificate_chain> load_certificate_chain(const std::string& cert_file,
                                                 const std::string& key_file) {
  auto cert_text = read_file(cert_file);
  if (!cert_text) return cert_text.error();
  auto key_text = read_file(key_file);
  if (!key_text) return key_text.error();
  auto certs = parse_certificates(*cert_text);
  if (!certs) return certs.error();
  auto key = parse_key(*key_text);
  if (!key) return key.error();
  EVP_PKEY* publics = X509_get0_pubkey(certs->front().get());
  if (!publics) return bad("tls: unknown public key algorithm");
  if (EVP_PKEY_get_base_id(publics) != EVP_PKEY_get_base_id(key->get()))
    return bad("tls: private key type does not match public key type");
  if (EVP_PKEY_eq(publics, key->get()) != 1)
    return bad("tls: private key does not match public key");
  return certificate_chain{std::move(*certs), std::move(*key)};
}

result<std::vector<x509_ptr>> load_authorities(const std::string& ca_file) {
  auto text = read_file(ca_file);
  if (!text) return text.error();
  std::vector<x509_ptr> out;
  pem_reader pem(*text);
  while (pem.next())
    if (pem.type() == "CERTIFICATE")
      if (auto one = certificate_from(pem)) out.push_back(std::move(one));
  if (out.empty()) return bad("failed to parse root ca certificate");
  return out;
}

} // namespace troupe
