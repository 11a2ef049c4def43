#include "actors/reactor/tls_transport.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// A key and a certificate for it in files that go away.
class files {
public:
  files() {
    char name[] = "/tmp/troupe-tls-XXXXXX";
    REQUIRE(::mkdtemp(name));
    dir_ = name;
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME* subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("unit"), -1, -1, 0);
    X509_set_issuer_name(cert, subject);
    REQUIRE(X509_sign(cert, key, EVP_sha256()) > 0);
    write("cert", [&](std::FILE* f) { PEM_write_X509(f, cert); });
    write("key", [&](std::FILE* f) {
      PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    X509_free(cert);
    EVP_PKEY_free(key);
  }
  ~files() { std::filesystem::remove_all(dir_); }

  config::tls_options options() const {
    config::tls_options o;
    o.certs = {{dir_ + "/cert", dir_ + "/key"}};
    return o;
  }

private:
  template <class Writer>
  void write(const char* name, Writer writer) {
    std::FILE* f = std::fopen((dir_ + "/" + name).c_str(), "wb");
    REQUIRE(f);
    writer(f);
    std::fclose(f);
  }
  std::string dir_;
};

/// What lies between the two sides; moves at most `step` bytes a call and blocks every other time.
struct wire {
  std::string to_server, to_client;
  size_t step = SIZE_MAX;
  bool stutters = false;
  bool ended = false;   // the client has closed its side
  bool closed = false;  // the server has
  int calls = 0;
};

class wire_transport final : public transport {
public:
  explicit wire_transport(wire& w) : w_(w) {}
  io_result read(const iovec* iov, int) override {
    if (w_.to_server.empty() && w_.ended) return {io_status::closed, 0, 0};
    if (w_.to_server.empty() || stutter()) return {io_status::would_block, 0, 0};
    const size_t n = std::min({w_.to_server.size(), iov->iov_len, w_.step});
    std::copy_n(w_.to_server.data(), n, static_cast<char*>(iov->iov_base));
    w_.to_server.erase(0, n);
    return {io_status::ok, n, 0};
  }
  io_result write(const iovec* iov, int count) override {
    if (count == 0) return {};
    if (stutter()) return {io_status::would_block, 0, 0};
    const size_t n = std::min(iov->iov_len, w_.step);
    w_.to_client.append(static_cast<const char*>(iov->iov_base), n);
    return {io_status::ok, n, 0};
  }
  void close() override { w_.closed = true; }
  int fd() const override { return -1; }

private:
  bool stutter() { return w_.stutters && ++w_.calls % 2 == 0; }
  wire& w_;
};

/// The client's side: OpenSSL over memory.
class peer {
public:
  explicit peer(wire& w) : w_(w), ctx_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(ctx_)) {
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
  }
  void show(const config::cert_pair& own) {
    REQUIRE(SSL_use_certificate_file(ssl_, own.cert_file.c_str(), SSL_FILETYPE_PEM) == 1);
    REQUIRE(SSL_use_PrivateKey_file(ssl_, own.key_file.c_str(), SSL_FILETYPE_PEM) == 1);
  }
  ~peer() {
    SSL_free(ssl_);
    SSL_CTX_free(ctx_);
  }
  bool handshake() {
    take();
    const bool done = SSL_do_handshake(ssl_) == 1;
    give();
    return done;
  }
  void send(const std::string& text) {
    REQUIRE(SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0);
    give();
  }
  std::string receive() {
    take();
    std::string out;
    char piece[4096];
    for (int n; (n = SSL_read(ssl_, piece, sizeof piece)) > 0;)
      out.append(piece, static_cast<size_t>(n));
    give();
    return out;
  }
  bool told_goodbye() const { return SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN; }
  void goodbye() {
    SSL_shutdown(ssl_);
    give();
  }

private:
  void take() {
    BIO_write(SSL_get_rbio(ssl_), w_.to_client.data(), static_cast<int>(w_.to_client.size()));
    w_.to_client.clear();
  }
  void give() {
    char piece[4096];
    for (int n; (n = BIO_read(SSL_get_wbio(ssl_), piece, sizeof piece)) > 0;)
      w_.to_server.append(piece, static_cast<size_t>(n));
  }
  wire& w_;
  SSL_CTX* ctx_;
  SSL* ssl_;
};

tls_context_ptr context_of(const config::tls_options& o) {
  auto made = make_tls_context(o);
  REQUIRE(made);
  return *made;
}

void shake(transport& server, peer& client) {
  bool done = false;
  for (int i = 0; i < 100'000 && !done; ++i) {
    const bool ours = client.handshake();
    io_result r = server.handshake();
    REQUIRE((r.status == io_status::ok || r.status == io_status::would_block));
    if (server.wants()) server.write(nullptr, 0);
    done = ours && r.status == io_status::ok;
  }
  REQUIRE(done);
}

/// All that can be read now, with room for `room` bytes a call.
std::string read_all(transport& server, size_t room, io_status& last) {
  std::string out, piece(room, 0);
  for (int idle = 0; idle < 2;) {
    iovec iov{piece.data(), room};
    io_result r = server.read(&iov, 1);
    last = r.status;
    if (r.status == io_status::ok) {
      REQUIRE(r.bytes > 0);
      out.append(piece.data(), r.bytes);
      idle = 0;
    } else if (r.status == io_status::would_block) {
      CHECK_FALSE(server.has_input());
      ++idle;
    } else {
      break;
    }
  }
  return out;
}

std::string pattern(size_t size) {
  std::string out(size, 0);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 + (i >> 8));
  return out;
}

} // namespace

TEST_CASE("tls transport: what goes in comes out, however little moves at a time", "[reactor]") {
  files f;
  auto [step, stutters, room] = GENERATE(table<size_t, bool, size_t>(
    {{1, false, 7}, {3, true, 100'000}, {1000, true, 1}, {SIZE_MAX, false, 64 * 1024}}));
  wire w;
  auto server = make_tls_transport(context_of(f.options()), std::make_unique<wire_transport>(w));
  w.step = step;
  w.stutters = stutters;
  peer client(w);
  shake(*server, client);
  REQUIRE(server->tls());
  CHECK(server->tls()->version == "1.3");
  CHECK(server->tls()->cipher_suite == "TLS_AES_128_GCM_SHA256");
  CHECK(server->tls()->peers.empty());

  const std::string up = pattern(step < 10 ? 40'000 : 300'000), down = pattern(200'000);
  std::string got_up, got_down;
  size_t sent = 0;
  io_status last{};
  client.send(up);
  while (got_up.size() < up.size()) got_up += read_all(*server, room, last);
  CHECK(got_up == up);
  while (got_down.size() < down.size()) {
    // In pieces of odd sizes, as an outbox has them.
    iovec iov[3];
    size_t at = sent;
    int count = 0;
    for (size_t size : {13, 50'000, 1}) {
      const size_t n = std::min<size_t>(size, down.size() - at);
      if (n > 0) iov[count++] = {const_cast<char*>(down.data()) + at, n};
      at += n;
    }
    io_result r = server->write(iov, count);
    REQUIRE((r.status == io_status::ok || r.status == io_status::would_block));
    sent += r.bytes;
    got_down += client.receive();
  }
  CHECK(got_down == down);
  CHECK(server->wants() == 0);
}

TEST_CASE("tls transport: a handshake's steps may be done by another thread", "[reactor]") {
  files f;
  wire w;
  auto server = make_tls_transport(context_of(f.options()), std::make_unique<wire_transport>(w), tls_steps::elsewhere);
  peer client(w);
  CHECK_FALSE(server->take_step());
  int steps = 0;
  io_result r{io_status::would_block, 0, 0};
  for (int i = 0; i < 100 && r.status == io_status::would_block; ++i) {
    client.handshake();
    r = server->handshake();
    if (auto step = server->take_step()) {
      CHECK(server->handshake().status == io_status::would_block);  // it is under way
      CHECK_FALSE(server->take_step());
      std::thread(step.run).join();
      ++steps;
    }
  }
  CHECK(r.status == io_status::ok);
  CHECK(steps >= 2);
  REQUIRE(server->tls());
  client.send("hello");
  io_status last{};
  CHECK(read_all(*server, 100, last) == "hello");
}

namespace {

class fake_verifier final : public peer_verifier {
public:
  peer_verdict verify(const std::vector<X509*>& chain, const config::ocsp_peer_options& o) override {
    CHECK(chain.size() == 1);
    CHECK(o.ca_timeout == 7s);
    if (throws) throw std::runtime_error("broken");
    peer_verdict out;
    out.good = good;
    out.reason = "because";
    return out;
  }
  void run(std::function<void()> step) override { std::thread(step).join(); }
  std::optional<observe::ocsp_cache_snapshot> cache_counts() override { return std::nullopt; }
  bool good = true, throws = false;
};

/// As far as the server comes, by steps; its failure.
std::string judged(const tls_context_ptr& tls, const config::cert_pair& own, peer_verdict_ptr& verdict) {
  wire w;
  auto server = make_tls_transport(tls, std::make_unique<wire_transport>(w), tls_steps::elsewhere);
  peer client(w);
  client.show(own);
  io_result r{io_status::would_block, 0, 0};
  for (int i = 0; i < 100 && r.status == io_status::would_block; ++i) {
    client.handshake();
    r = server->handshake();
    if (auto step = server->take_step()) {
      CHECK_FALSE(server->take_peer_verdict());
      CHECK((step.waits_for != nullptr) == (i > 0));  // its first message is worked on like any other's
      if (step.waits_for) step.waits_for->run(step.run);
      else step.run();
    }
  }
  verdict = server->take_peer_verdict();
  CHECK_FALSE(server->take_peer_verdict());
  CHECK((r.status == io_status::ok) == server->failure().empty());
  return server->failure();
}

} // namespace

TEST_CASE("tls transport: a verifier's word decides about a client", "[reactor][ocsp]") {
  files f;
  config::tls_options o = f.options();
  o.ca_file = o.certs[0].cert_file;
  o.verify = true;
  o.ocsp_peer = config::ocsp_peer_options{};
  o.ocsp_peer->verify = true;
  o.ocsp_peer->ca_timeout = 7s;
  auto verifier = std::make_shared<fake_verifier>();
  auto tls = make_tls_context(o, tls_purpose::clients, verifier);
  REQUIRE(tls);
  peer_verdict_ptr verdict;
  CHECK(judged(*tls, o.certs[0], verdict).empty());
  REQUIRE(verdict);
  CHECK(verdict->good);
  verifier->good = false;
  CHECK(judged(*tls, o.certs[0], verdict) == "client not OCSP valid");
  REQUIRE(verdict);
  CHECK(verdict->reason == "because");
  verifier->throws = true;
  CHECK_FALSE(judged(*tls, o.certs[0], verdict).empty());
  CHECK_FALSE(verdict);
  // Who is not trusted at all is not asked about.
  files stranger;
  CHECK(judged(*tls, stranger.options().certs[0], verdict).find("unknown authority") != std::string::npos);
  CHECK_FALSE(verdict);
}

TEST_CASE("tls transport: a step may outlive its stage", "[reactor]") {
  files f;
  wire w;
  auto server = make_tls_transport(context_of(f.options()), std::make_unique<wire_transport>(w), tls_steps::elsewhere);
  peer client(w);
  client.handshake();
  CHECK(server->handshake().status == io_status::would_block);
  auto step = server->take_step();
  REQUIRE(step);
  server->close();
  server.reset();
  CHECK(w.closed);
  std::thread(step.run).join();
  CHECK(w.to_client.empty());
}

TEST_CASE("tls transport: the end is told, and what came before it is read first", "[reactor]") {
  files f;
  wire w;
  auto server = make_tls_transport(context_of(f.options()), std::make_unique<wire_transport>(w));
  peer client(w);
  shake(*server, client);
  client.receive();
  client.send("last words");
  client.goodbye();
  io_status last{};
  CHECK(read_all(*server, 100, last) == "last words");
  CHECK(last == io_status::closed);
  server->close();
  CHECK(w.closed);
  client.receive();
  CHECK(client.told_goodbye());
}

TEST_CASE("tls transport: rubbish fails with a reason and an alert", "[reactor]") {
  files f;
  wire w;
  auto server = make_tls_transport(context_of(f.options()), std::make_unique<wire_transport>(w));
  w.to_server = "\x16\x03\x01" + std::string(2, '\x7f') + std::string(1000, 'x');
  io_result r{};
  for (int i = 0; i < 10 && r.status != io_status::failed; ++i) r = server->handshake();
  CHECK(r.status == io_status::failed);
  CHECK(server->failure().starts_with("tls: "));
  CHECK_FALSE(w.to_client.empty());
  char byte;
  iovec iov{&byte, 1};
  CHECK(server->read(&iov, 1).status == io_status::failed);
  CHECK(server->write(&iov, 1).status == io_status::failed);
}

TEST_CASE("tls transport: bytes changed on the way end the connection", "[reactor]") {
  files f;
  wire w;
  auto server = make_tls_transport(context_of(f.options()), std::make_unique<wire_transport>(w));
  peer client(w);
  shake(*server, client);
  client.send("something");
  w.to_server[w.to_server.size() / 2] ^= 1;
  io_status last{};
  CHECK(read_all(*server, 100, last).empty());
  CHECK(last == io_status::failed);
  CHECK_FALSE(server->failure().empty());
}

TEST_CASE("tls context: files that are not there or do not fit", "[reactor]") {
  files f;
  auto o = f.options();
  CHECK(context_of(o)->not_after());
  CHECK_FALSE(context_of({})->not_after());
  auto problem = [](const config::tls_options& options) {
    auto made = make_tls_context(options);
    REQUIRE_FALSE(made);
    return made.error().context;
  };
  o.certs.push_back({"/nowhere", "/nowhere"});
  CHECK(problem(o)
        == "error parsing X509 certificate/key pair 2/2: open /nowhere: no such file or directory");
  o = f.options();
  o.certs[0].key_file.clear();
  CHECK(problem(o) == "missing 'key_file' in TLS configuration");
  o = f.options();
  std::swap(o.certs[0].cert_file, o.certs[0].key_file);
  CHECK(problem(o)
        == "error parsing X509 certificate/key pair: tls: failed to find certificate PEM data in "
           "certificate input, but did find a private key; PEM inputs may have been switched");
  o = f.options();
  o.cipher_suites = {"TLS_RSA_WITH_RC4_128_SHA", "TLS_AES_128_GCM_SHA256"};
  CHECK(make_tls_context(o));  // only TLS 1.3 is left
  o.curve_preferences = {"X25519"};
  CHECK(make_tls_context(o));
}

TEST_CASE("handshake rate: so many a second, over all threads", "[reactor]") {
  handshake_rate none(0), three(3);
  for (int i = 0; i < 100; ++i) CHECK(none.admit(0ns));
  CHECK(none.take_refused() == 0);
  for (int i = 0; i < 3; ++i) CHECK(three.admit(5s));
  CHECK_FALSE(three.admit(5s));
  CHECK_FALSE(three.admit(6s));
  CHECK(three.take_refused() == 2);
  CHECK(three.take_refused() == 0);
  CHECK(three.admit(6s + 1ms));

  handshake_rate shared(1000);
  std::atomic<int> in{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) in += shared.admit(1s);
    });
  for (auto& t : threads) t.join();
  CHECK(in >= 1000);
  CHECK(in <= 2000);  // a thread may stop between beginning the second and counting from zero
}
