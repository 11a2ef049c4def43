#include "bench/load/channel.hpp"

#include <cerrno>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

namespace troupe::bench {

namespace {

constexpr size_t tls_read_bytes = 128 * 1024;

// One for all channels. Both servers would choose this suite and this curve by themselves.
SSL_CTX* client_context() {
  static SSL_CTX* const context = [] {
    SSL_CTX* c = SSL_CTX_new(TLS_client_method());
    if (c == nullptr) throw load_error("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(c, "X25519");
    SSL_CTX_set_verify(c, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                            | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_default_read_buffer_len(c, tls_read_bytes);
    return c;
  }();
  return context;
}

[[noreturn]] void throw_tls(const char* what) {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  throw load_error(std::string(what) + ": " + (reason ? reason : "closed by the server"));
}

std::string connect_line(const endpoint& server) {
  std::string line = R"(CONNECT {"verbose":false,"pedantic":false)";
  if (!server.user.empty())
    line += R"(,"user":")" + server.user + R"(","pass":")" + server.password + '"';
  return line + "}\r\n";
}

} // namespace

void channel::ssl_free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

channel::~channel() = default;

channel::channel(const endpoint& server, unsigned source) : fd_(connect_tcp(server, source)) {
  std::string info;
  if (server.websocket) {
    if (server.tls) start_tls();
    start_websocket(server);
  } else if (server.tls) {
    // INFO ends where TLS begins: nothing is read behind it.
    info = bench::read_line(fd_.get());
    start_tls();
  }
  if (info.empty()) info = read_line();
  if (info.rfind("INFO ", 0) != 0) throw load_error("expected INFO, got: " + info);
  send_all(connect_line(server) + "PING\r\n");
  while (true) {
    const std::string line = read_line();
    if (line == "PONG") return;
    if (line.rfind("-ERR", 0) == 0) throw load_error("server said " + line);
  }
}

void channel::start_tls() {
  ssl_.reset(SSL_new(client_context()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd_.get()) != 1) throw load_error("SSL_new");
  ERR_clear_error();
  if (SSL_connect(ssl_.get()) != 1) throw_tls("TLS handshake");
}

void channel::start_websocket(const endpoint& server) {
  send_all(upgrade_request(server));
  std::string answer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    char byte = 0; // one at a time: frames follow
    if (receive_raw(&byte, 1) == 0) throw load_error("no answer to the upgrade");
    answer += byte;
  }
  if (answer.rfind("HTTP/1.1 101", 0) != 0) throw load_error("no upgrade: " + answer);
  websocket_ = std::make_unique<frame_stripper>();
}

size_t channel::send_some(const char* data, size_t size) {
  if (!ssl_) {
    const ssize_t n = ::send(fd_.get(), data, size, MSG_NOSIGNAL);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno == EINTR || errno == EAGAIN) return 0;
    throw_errno("closed by the server: send");
  }
  ERR_clear_error();
  size_t sent = 0;
  const int ok = SSL_write_ex(ssl_.get(), data, size, &sent);
  if (ok == 1) return sent;
  const int why = SSL_get_error(ssl_.get(), ok);
  if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) throw_tls("SSL_write");
  return 0;
}

void channel::send_all(std::string_view text) {
  const std::string frames = websocket_ ? masked_frames(text) : std::string();
  std::string_view bytes = websocket_ ? std::string_view(frames) : text;
  while (!bytes.empty()) {
    const size_t n = send_some(bytes.data(), bytes.size());
    bytes.remove_prefix(n);
    if (n > 0) continue;
    pollfd ready{fd_.get(), POLLOUT, 0};
    ::poll(&ready, 1, 1000);
  }
}

size_t channel::receive_raw(char* buffer, size_t room) {
  if (ssl_) return receive_tls(buffer, room);
  const ssize_t n = ::recv(fd_.get(), buffer, room, 0);
  if (n > 0) return static_cast<size_t>(n);
  if (n == 0) throw load_error("closed by the server");
  if (errno == EAGAIN || errno == EINTR) return 0;
  throw_errno("closed by the server: recv");
}

size_t channel::receive_tls(char* buffer, size_t room) {
  size_t total = 0;
  ERR_clear_error();
  while (total < room) {
    size_t got = 0;
    const int ok = SSL_read_ex(ssl_.get(), buffer + total, room - total, &got);
    if (ok != 1) {
      const int why = SSL_get_error(ssl_.get(), ok);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) break;
      throw_tls("SSL_read");
    }
    total += got;
    if (SSL_has_pending(ssl_.get()) == 0) break; // do not ask the socket once more
  }
  return total;
}

bool channel::pending() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

std::string channel::read_line() {
  char chunk[4096];
  size_t end = 0;
  while ((end = held_.find("\r\n")) == std::string::npos) {
    const size_t n = receive_raw(chunk, sizeof chunk);
    if (n == 0) throw load_error("no answer during set-up");
    const auto keep = [this](const char* data, size_t size) { held_.append(data, size); };
    if (websocket_) websocket_->feed(chunk, n, keep);
    else keep(chunk, n);
  }
  std::string line = held_.substr(0, end);
  held_.erase(0, end + 2);
  return line;
}

void channel::ping_pong() {
  send_all("PING\r\n");
  for (;;) {
    const std::string line = read_line();
    if (line == "PONG") return;
    if (line == "PING") send_all("PONG\r\n");
    if (line.rfind("-ERR", 0) == 0) throw load_error("server said " + line);
  }
}

} // namespace troupe::bench
