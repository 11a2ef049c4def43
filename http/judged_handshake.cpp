#include "http/judged_handshake.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <mutex>
#include <new>
#include <string>
#include <utility>

namespace troupe::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using error_code = boost::system::error_code;

namespace {

constexpr size_t record_head_bytes = 5;
constexpr size_t record_body_bytes_max = 16384 + 2048;  // of any version of TLS

/// What a step works on; nothing of the socket.
struct engine {
  explicit engine(const tls_context& tls)
      : ssl(SSL_new(tls.get())), in(BIO_new(BIO_s_mem())), out(BIO_new(BIO_s_mem())) {
    if (!ssl || !in || !out) throw std::bad_alloc();
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    keep_verdict_in(ssl, &verdict);
  }
  ~engine() { SSL_free(ssl); }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  void step() {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl);
    state = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, done);
    ERR_clear_error();
  }
  SSL* release() {
    keep_verdict_in(ssl, nullptr);
    return std::exchange(ssl, nullptr);
  }

  SSL* ssl;
  BIO* in;   // ssl owns both
  BIO* out;
  int state = SSL_ERROR_WANT_READ;
  peer_verdict_ptr verdict;  // of the last step
};

} // namespace

/// The way back from a step, as long as there is somebody.
struct judged_handshakes::gate {
  std::mutex mutex;
  asio::io_context* context = nullptr;
};

class judged_handshakes::handshake : public std::enable_shared_from_this<handshake> {
public:
  handshake(judged_handshakes& owner, asio::ip::tcp::socket socket, tls_context_ptr tls)
      : owner_(owner),
        socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        tls_(std::move(tls)),
        engine_(std::make_shared<engine>(*tls_)) {}

  void begin(handshake_list::iterator place, std::chrono::milliseconds within) {
    place_ = place;
    timer_.expires_after(within);
    timer_.async_wait([self = shared_from_this()](error_code stopped) {
      if (!stopped) self->end();
    });
    read_record();
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    error_code ignored;
    timer_.cancel();
    socket_.close(ignored);
    owner_.under_way_.erase(place_);
  }

private:
  /// No byte behind the handshake may be taken: whoever serves the connection reads those.
  void read_record() {
    asio::async_read(socket_, asio::buffer(record_, record_head_bytes), [self = shared_from_this()](error_code ec, size_t) {
      if (ec || self->ended_) return self->end();
      const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(self->record_[i])); };
      const size_t body = byte(3) << 8 | byte(4);
      if (body > record_body_bytes_max) return self->end();
      self->read_body(body);
    });
  }

  void read_body(size_t body) {
    asio::async_read(socket_, asio::buffer(record_.data() + record_head_bytes, body),
                     [self = shared_from_this(), body](error_code ec, size_t) {
                       if (ec || self->ended_) return self->end();
                       BIO_write(self->engine_->in, self->record_.data(), static_cast<int>(record_head_bytes + body));
                       self->step();
                     });
  }

  void step() {
    auto run = [engine = engine_, tls = tls_, gate = owner_.gate_, self = weak_from_this()] {
      engine->step();
      std::lock_guard lock(gate->mutex);
      if (!gate->context) return;
      asio::post(*gate->context, [self] {
        if (auto there = self.lock()) there->stepped();
      });
    };
    if (tls_->verifier()) tls_->verifier()->run(std::move(run));
    else run();
  }

  void stepped() {
    if (auto verdict = std::exchange(engine_->verdict, nullptr); verdict && owner_.heard_)
      owner_.heard_(std::move(verdict));
    if (ended_) return;
    answer_.resize(BIO_pending(engine_->out));
    if (answer_.empty()) return go_on();
    BIO_read(engine_->out, answer_.data(), static_cast<int>(answer_.size()));
    asio::async_write(socket_, asio::buffer(answer_), [self = shared_from_this()](error_code ec, size_t) {
      if (ec || self->ended_) return self->end();
      self->go_on();
    });
  }

  void go_on() {
    if (engine_->state == SSL_ERROR_WANT_READ) return read_record();
    if (engine_->state != SSL_ERROR_NONE) return end();
    ended_ = true;
    timer_.cancel();
    owner_.done_(tls_stream(beast::tcp_stream(std::move(socket_)), engine_->release()), tls_);
    owner_.under_way_.erase(place_);
  }

  judged_handshakes& owner_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  const tls_context_ptr tls_;
  const std::shared_ptr<engine> engine_;
  handshake_list::iterator place_;
  std::array<char, record_head_bytes + record_body_bytes_max> record_{};
  std::string answer_;
  bool ended_ = false;
};

judged_handshakes::judged_handshakes(asio::io_context& context, size_t most, taker done, verdict_taker heard)
    : most_(most), done_(std::move(done)), heard_(std::move(heard)), gate_(std::make_shared<gate>()) {
  gate_->context = &context;
}

judged_handshakes::~judged_handshakes() {
  std::lock_guard lock(gate_->mutex);
  gate_->context = nullptr;
}

void judged_handshakes::begin(asio::ip::tcp::socket socket, tls_context_ptr tls, std::chrono::milliseconds within) {
  if (under_way_.size() >= most_) under_way_.front()->end();
  const auto one = std::make_shared<handshake>(*this, std::move(socket), std::move(tls));
  one->begin(under_way_.insert(under_way_.end(), one), within);
}

void judged_handshakes::close_all() {
  while (!under_way_.empty()) under_way_.front()->end();
}

} // namespace troupe::http
