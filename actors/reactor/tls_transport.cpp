#include "actors/reactor/tls_transport.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace troupe {

namespace {

/// Plain text of one record, and how many are encrypted before they are handed down together.
constexpr size_t record_bytes = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr size_t batch_bytes = 4 * record_bytes;
/// What answers to the peer's own messages (key updates) may pile up while it does not read.
constexpr size_t max_waiting_answers = 256 * 1024;

/// What a handshake takes from the socket at once.
constexpr size_t flight_bytes = 16 * 1024;

/// What the connection at work has encrypted and not handed down yet; empty between calls.
thread_local std::vector<char> encrypted;

// -- what OpenSSL sees as its socket ---------------------------------------------------------------

struct source {
  std::string given;     // comes first
  transport* below = nullptr;  // during a handshake there is none
  int fetches_left = 0;  // a call of ours takes from the socket at most so often
  io_result last{};      // of the last fetch
};

int bio_read(BIO* bio, char* to, size_t size, size_t* got) {
  auto& s = *static_cast<source*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (!s.given.empty()) {
    *got = std::min(size, s.given.size());
    std::memcpy(to, s.given.data(), *got);
    s.given.erase(0, *got);
    if (s.given.empty()) s.given = std::string();
    return 1;
  }
  // What waits in the stage below is no matter for epoll, so it is fetched in any case.
  if (!s.below || (s.fetches_left == 0 && !s.below->has_input())) {
    BIO_set_retry_read(bio);
    return 0;
  }
  if (s.fetches_left > 0) --s.fetches_left;
  iovec piece{to, size};
  s.last = s.below->read(&piece, 1);
  if (s.last.status == io_status::ok) {
    *got = s.last.bytes;
    return 1;
  }
  if (s.last.status == io_status::would_block) BIO_set_retry_read(bio);
  return 0;
}

int bio_write(BIO*, const char* from, size_t size, size_t* put) {
  encrypted.insert(encrypted.end(), from, from + size);
  *put = size;
  return 1;
}

long bio_ctrl(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF:
      return static_cast<source*>(BIO_get_data(bio))->last.status == io_status::closed;
    default: return 0;
  }
}

BIO_METHOD* make_bio_method() {
  BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "troupe transport");
  if (!m) throw std::bad_alloc();
  BIO_meth_set_read_ex(m, bio_read);
  BIO_meth_set_write_ex(m, bio_write);
  BIO_meth_set_ctrl(m, bio_ctrl);
  return m;
}

BIO* make_bio(source& s) {
  static BIO_METHOD* const method = make_bio_method();  // lives as long as the process
  BIO* bio = BIO_new(method);
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio, &s);
  BIO_set_init(bio, 1);
  return bio;
}

// -- texts -----------------------------------------------------------------------------------------

std::string verification_problem(long code) {
  switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "x509: certificate signed by unknown authority";
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "x509: certificate has expired or is not yet valid";
    case X509_V_ERR_INVALID_PURPOSE:
      return "x509: certificate specifies an incompatible key usage";
    default: return std::string("x509: ") + X509_verify_cert_error_string(code);
  }
}

/// What the log says about a handshake that failed; in Go's words where it has such.
std::string handshake_problem(SSL* ssl, unsigned long code) {
  const int reason = ERR_GET_REASON(code);
  const long verified = SSL_get_verify_result(ssl);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    std::string text = "tls: failed to verify certificate: " + verification_problem(verified);
    // A session has no peer before its certificate is found good.
    if (STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl); sk_X509_num(chain) > 0)
      text += " (" + describe_certificate(sk_X509_value(chain, 0)) + ")";
    return text;
  }
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "tls: client didn't provide a certificate";
    case SSL_R_NO_SHARED_CIPHER:
      return SSL_get_certificate(ssl) ? "tls: no cipher suite supported by both client and server"
                                      : "tls: no certificates configured";
    case SSL_R_UNSUPPORTED_PROTOCOL: return "tls: client offered only unsupported versions";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST: return "tls: first record does not look like a TLS handshake";
    default: break;
  }
  const char* text = ERR_reason_error_string(code);
  if (!text) return "tls: handshake failed";
  std::string_view words = text;
  if (const size_t at = words.find("alert "); at != std::string_view::npos)
    return "remote error: tls: " + std::string(words.substr(at + 6));
  return "tls: " + std::string(words);
}

// -- a connection's OpenSSL ------------------------------------------------------------------------

/// Shared with the step under way, which may outlive the stage.
struct engine {
  explicit engine(tls_context_ptr context) : tls(std::move(context)), ssl(SSL_new(tls->get())) {
    if (!ssl) throw std::bad_alloc();
    BIO* bio = make_bio(input);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    if (tls->judges_peers()) keep_verdict_in(ssl, &verdict);
  }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  ~engine() { SSL_free(ssl); }

  /// Goes on with the handshake as far as `input.given` goes. Any thread.
  void step() {
    ERR_clear_error();
    const int ok = SSL_do_handshake(ssl);
    outcome = ok == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, ok);
    if (outcome == SSL_ERROR_SSL)
      failure = verdict && !verdict->good ? "client not OCSP valid"
                                          : handshake_problem(ssl, ERR_peek_error());
    ERR_clear_error();
    output.assign(encrypted.begin(), encrypted.end());
    encrypted.clear();
    taken.store(true, std::memory_order_release);
  }

  tls_context_ptr tls;
  source input;
  SSL* ssl;
  // Of the last step:
  std::string output, failure;
  peer_verdict_ptr verdict;
  int outcome = SSL_ERROR_NONE;
  std::atomic<bool> taken{false};  // it has ended
};

// -- the stage -------------------------------------------------------------------------------------

class tls_transport final : public transport {
public:
  tls_transport(tls_context_ptr tls, std::unique_ptr<transport> below, tls_steps steps)
      : engine_(std::make_shared<engine>(std::move(tls))), below_(std::move(below)),
        ssl_(engine_->ssl), steps_(steps) {}
  ~tls_transport() override { close(); }

  io_result handshake() override {
    if (!below_is_up_) {
      io_result r = below_->handshake();
      if (r.status != io_status::ok) return r;
      below_is_up_ = true;
    }
    if (session_) return {};
    if (broken_) return {io_status::failed, 0, 0};
    if (at_work_) {
      if (!engine_->taken.load(std::memory_order_acquire)) return {io_status::would_block, 0, 0};
      at_work_ = false;
      return settle();
    }
    if (step_due_) return {io_status::would_block, 0, 0};
    static thread_local std::array<char, flight_bytes> flight;
    do {
      iovec piece{flight.data(), flight.size()};
      const io_result r = below_->read(&piece, 1);
      if (r.status != io_status::ok && engine_->input.given.empty()) return r;
      if (r.status != io_status::ok) break;
      engine_->input.given.append(flight.data(), r.bytes);
    } while (below_->has_input());
    if (steps_ == tls_steps::elsewhere) {
      step_due_ = true;
      return {io_status::would_block, 0, 0};
    }
    engine_->step();
    return settle();
  }

  handshake_step take_step() override {
    if (!step_due_) return {};
    step_due_ = false;
    at_work_ = true;
    engine_->taken.store(false, std::memory_order_relaxed);
    // The client's certificate never comes with its first message.
    const bool may_wait = engine_->tls->judges_peers() && !SSL_in_before(ssl_);
    return {[e = engine_] { e->step(); }, may_wait ? engine_->tls->verifier() : nullptr};
  }

  peer_verdict_ptr take_peer_verdict() override {
    return at_work_ ? nullptr : std::exchange(engine_->verdict, nullptr);
  }

  std::string failure() const override {
    return failure_.empty() ? below_->failure() : failure_;
  }

  uint32_t wants() const override { return below_->wants() | (waiting_.empty() ? 0u : wants_out); }
  bool has_input() const override { return has_input_ || below_->has_input(); }

  io_result read(const iovec* iov, int count) override {
    if (broken_) return {io_status::failed, 0, 0};
    engine_->input.fetches_left = has_input_ ? 0 : 1;
    has_input_ = false;
    size_t total = 0;
    int stopped = 0;
    ERR_clear_error();
    for (int i = 0; i < count && stopped == 0; ++i) {
      char* to = static_cast<char*>(iov[i].iov_base);
      size_t room = iov[i].iov_len;
      while (room > 0) {
        size_t got = 0;
        const int ok = SSL_read_ex(ssl_, to, room, &got);
        if (ok != 1) {
          stopped = SSL_get_error(ssl_, ok);
          break;
        }
        to += got;
        room -= got;
        total += got;
        // Asking for more than there is would make a buffer for nothing.
        if (SSL_has_pending(ssl_) == 0) return finish_read(total, 0);
      }
    }
    return finish_read(total, stopped);
  }

  io_result write(const iovec* iov, int count) override {
    if (broken_) return {io_status::failed, 0, 0};
    io_result moved = move_waiting();
    if (moved.status != io_status::ok || count == 0) return moved;
    // Before the handshake is done OpenSSL may be at work on another thread.
    if (!session_) return {io_status::would_block, 0, 0};
    ERR_clear_error();
    gather at{iov, count};
    size_t taken = 0;
    while (waiting_.empty() && !at.done()) {
      while (encrypted.size() < batch_bytes && !at.done()) {
        const std::string_view plain = at.next();
        size_t put = 0;
        if (SSL_write_ex(ssl_, plain.data(), plain.size(), &put) != 1) return break_off();
        taken += put;
      }
      if (hand_down().status == io_status::failed) return failed_below();
    }
    return {io_status::ok, taken, 0};
  }

  const tls_session* tls() const override { return session_.get(); }

  void close() override {
    if (closed_) return;
    closed_ = true;
    if (session_ && !broken_) {
      SSL_shutdown(ssl_);  // our close_notify; nobody waits for the peer's
      hand_down();
      ERR_clear_error();
    }
    below_->close();
  }

  int fd() const override { return below_->fd(); }

private:
  static constexpr uint32_t wants_out = 0x004;  // EPOLLOUT

  /// Pieces of the session's output, joined to records of full size.
  class gather {
  public:
    gather(const iovec* iov, int count) : iov_(iov), left_(count) { skip(); }
    bool done() const { return left_ == 0; }
    /// At most a record; a large piece as it lies, small ones copied together.
    std::string_view next() {
      std::string_view first = piece(record_bytes);
      if (first.size() == record_bytes || left_ == 1) {
        advance(first.size());
        return first;
      }
      static thread_local std::array<char, record_bytes> joined;
      size_t n = 0;
      while (left_ > 0 && n < joined.size()) {
        std::string_view part = piece(joined.size() - n);
        std::memcpy(joined.data() + n, part.data(), part.size());
        n += part.size();
        advance(part.size());
      }
      return {joined.data(), n};
    }

  private:
    std::string_view piece(size_t most) const {
      return {static_cast<const char*>(iov_->iov_base) + at_, std::min(iov_->iov_len - at_, most)};
    }
    void advance(size_t n) {
      at_ += n;
      skip();
    }
    void skip() {
      while (left_ > 0 && at_ == iov_->iov_len) {
        ++iov_;
        --left_;
        at_ = 0;
      }
    }
    const iovec* iov_;
    int left_;
    size_t at_ = 0;
  };

  /// What a step of the handshake came to.
  io_result settle() {
    engine& e = *engine_;
    encrypted.assign(e.output.begin(), e.output.end());
    e.output = std::string();
    if (e.outcome == SSL_ERROR_SSL) {
      failure_ = std::move(e.failure);
      broken_ = true;
      hand_down();  // an alert says why
      return {io_status::failed, 0, 0};
    }
    if (hand_down().status == io_status::failed) return failed_below();
    if (e.outcome != SSL_ERROR_NONE) return ended(e.outcome);
    e.input.below = below_.get();
    has_input_ = SSL_has_pending(ssl_) == 1 || !e.input.given.empty();
    return finish_handshake();
  }

  io_result finish_handshake() {
    auto session = std::make_unique<tls_session>(describe_session(ssl_));
    const std::string key = session->peers.empty() ? std::string() : session->peers[0].spki_sha256;
    if (!engine_->tls->accepts_key(key)) {
      failure_ = "certificate not pinned";
      broken_ = true;
      return {io_status::failed, 0, 0};
    }
    // A ticket outlives the check of the certificate it was given for.
    X509* cert = SSL_get0_peer_certificate(ssl_);
    if (session->resumed && cert && X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0) {
      failure_ = "tls: failed to verify certificate: " + verification_problem(X509_V_ERR_CERT_HAS_EXPIRED);
      broken_ = true;
      return {io_status::failed, 0, 0};
    }
    session_ = std::move(session);
    return {};
  }

  /// Without bytes: what stopped SSL says.
  io_result ended(int why) {
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
      return {io_status::would_block, 0, 0};
    if (why == SSL_ERROR_ZERO_RETURN || engine_->input.last.status == io_status::closed)
      return {io_status::closed, 0, 0};
    if (engine_->input.last.status == io_status::failed) return failed_below();
    return break_off();
  }

  io_result finish_read(size_t total, int stopped) {
    if (stopped == 0) has_input_ = SSL_has_pending(ssl_) == 1;
    // What ends the stream is told by the next read, after these bytes.
    else if (total > 0 && stopped != SSL_ERROR_WANT_READ) has_input_ = true;
    if (!encrypted.empty() && hand_down().status == io_status::failed) return failed_below();
    if (waiting_.size() > max_waiting_answers) {
      failure_ = "tls: the peer does not read what it asks for";
      broken_ = true;
      return {io_status::failed, 0, 0};
    }
    if (total > 0) return {io_status::ok, total, 0};
    return stopped == 0 ? io_result{io_status::would_block, 0, 0} : ended(stopped);
  }

  io_result break_off() {
    if (failure_.empty()) {
      const char* text = ERR_reason_error_string(ERR_peek_error());
      failure_ = std::string("tls: ") + (text ? text : "broken connection");
    }
    ERR_clear_error();
    broken_ = true;
    hand_down();
    return {io_status::failed, 0, 0};
  }

  io_result failed_below() {
    broken_ = true;
    encrypted.clear();
    return {io_status::failed, 0, engine_->input.last.error};
  }

  /// Gives what is encrypted to the stage below; what it does not take waits.
  io_result hand_down() {
    if (encrypted.empty()) return {};
    io_result r{};
    size_t sent = 0;
    if (waiting_.empty()) r = send_below(encrypted.data(), encrypted.size(), sent);
    if (r.status != io_status::failed)
      waiting_.append(encrypted.data() + sent, encrypted.size() - sent);
    encrypted.clear();
    if (encrypted.capacity() > 4 * batch_bytes) encrypted.shrink_to_fit();
    return r;
  }

  /// ok: nothing of ours waits any more, here or below.
  io_result move_waiting() {
    if (!waiting_.empty()) {
      size_t sent = 0;
      io_result r = send_below(waiting_.data(), waiting_.size(), sent);
      if (r.status == io_status::failed) return failed_below();
      if (sent < waiting_.size()) {
        waiting_.erase(0, sent);
        return {io_status::would_block, 0, 0};
      }
      waiting_ = std::string();
    }
    return below_->wants() == 0 ? io_result{} : below_->write(nullptr, 0);
  }

  /// failed, or ok with `sent` bytes taken.
  io_result send_below(const char* data, size_t size, size_t& sent) {
    while (sent < size) {
      iovec piece{const_cast<char*>(data) + sent, size - sent};
      io_result r = below_->write(&piece, 1);
      if (r.status == io_status::would_block) break;
      if (r.status != io_status::ok) {
        engine_->input.last = {io_status::failed, 0, r.error};
        return engine_->input.last;
      }
      sent += r.bytes;
    }
    return {};
  }

  std::shared_ptr<engine> engine_;
  std::unique_ptr<transport> below_;
  SSL* ssl_;  // engine_'s; a step of the handshake has it for itself
  std::string waiting_;  // encrypted, for the stage below
  std::string failure_;
  std::unique_ptr<tls_session> session_;
  tls_steps steps_;
  bool below_is_up_ = false;
  bool step_due_ = false;  // there is input for a step that nobody has taken
  bool at_work_ = false;   // somebody has
  bool has_input_ = false;  // taken from the socket and not read yet
  bool broken_ = false;     // no more of the protocol
  bool closed_ = false;
};

} // namespace

std::unique_ptr<transport> make_tls_transport(tls_context_ptr tls, std::unique_ptr<transport> below,
                                              tls_steps steps) {
  return std::make_unique<tls_transport>(std::move(tls), std::move(below), steps);
}

} // namespace troupe
