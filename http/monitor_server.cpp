#include "http/monitor_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <openssl/ssl.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <exception>
#include <list>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "actors/observe/logger.hpp"
#include "http/judged_handshake.hpp"
#include "protocol/host_port.hpp"

namespace troupe::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using error_code = boost::system::error_code;

std::string http_date() {
  std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char buffer[64];
  auto n = std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {buffer, n};
}

/// What the server does with a connection, whatever it runs over.
class session_base {
public:
  session_base() = default;
  session_base(const session_base&) = delete;
  session_base& operator=(const session_base&) = delete;
  virtual ~session_base() = default;
  virtual void close() = 0;
};

struct session_list {
  std::list<session_base*> all; // the one without traffic for the longest time first
  size_t answer_bytes = 0;      // in answers that are being written
};

using plain_stream = beast::tcp_stream;

/// One connection. Lives as long as an operation is under way.
template <class Stream>
class session final : public session_base, public std::enable_shared_from_this<session<Stream>> {
public:
  session(Stream stream, const monitor_server::handler& handle, const monitor_config& limits,
          session_list& peers, tls_context_ptr tls = nullptr)
      : tls_(std::move(tls)), stream_(std::move(stream)), handle_(handle), limits_(limits),
        peers_(peers), place_(peers.all.insert(peers.all.end(), this)), deadline_(stream_.get_executor()) {}
  ~session() override {
    release();
    peers_.all.erase(place_);
  }

  void shake_hands() {
    lowest().expires_after(limits_.request_timeout);
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [self = this->shared_from_this()](error_code ec) {
                              ec ? self->close() : self->run();
                            });
  }

  /// Once there is nothing between it and the requests.
  void run() { read_first(); }

  void close() override {
    error_code ignored;
    deadline_.cancel();
    lowest().cancel();
    lowest().socket().shutdown(tcp::socket::shutdown_both, ignored);
    lowest().socket().close(ignored);
  }

private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  void touch() { peers_.all.splice(peers_.all.end(), peers_.all, place_); }

  void release() { peers_.answer_bytes -= std::exchange(my_answer_bytes_, 0); }

  /// Takes a request within the time for it. The timer is not the stream's, which would close the
  /// socket: whoever sends too slowly is told so.
  void read_first() {
    lowest().expires_never();
    late_ = false;
    deadline_.expires_after(limits_.request_timeout);
    deadline_.async_wait([self = this->shared_from_this(), turn = ++turn_](error_code stopped) {
      if (stopped || turn != self->turn_) return;
      self->late_ = true;
      self->lowest().cancel();
    });
    read();
  }

  /// Waits for the next request's first byte with the idle timeout, then for the rest of it.
  void read_next() {
    if (buffer_.size() > 0) return read_first();
    lowest().expires_after(limits_.idle_timeout);
    stream_.async_read_some(buffer_.prepare(4096), [self = this->shared_from_this()](auto ec, auto n) {
      if (ec) return self->close();
      self->buffer_.commit(n);
      self->read_first();
    });
  }

  void read() {
    touch();
    parser_.emplace();
    parser_->header_limit(limits_.header_bytes_max);
    parser_->body_limit(limits_.body_bytes_max);
    beast::http::async_read(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](auto ec, auto) { self->on_read(ec); });
  }

  void on_read(error_code ec) {
    ++turn_;
    deadline_.cancel();
    auto refused = [](int status, const char* text) {
      return response{status, "text/plain; charset=utf-8", text, false, false, {}};
    };
    if (ec && late_ && (parser_->got_some() || buffer_.size() > 0))
      return answer(refused(408, "408 Request Timeout"), false);
    if (!ec) {
      auto& request = parser_->get();
      auto target = request.target();
      return answer(handle_({target.data(), target.size()}), request.keep_alive());
    }
    bool broken_request =
        ec.category() == beast::http::make_error_code(beast::http::error::end_of_stream).category()
        && ec != beast::http::error::end_of_stream && ec != beast::http::error::partial_message;
    if (!broken_request) return close();
    if (ec == beast::http::error::header_limit || ec == beast::http::error::buffer_overflow)
      return answer(refused(431, "431 Request Header Fields Too Large"), false);
    if (ec == beast::http::error::body_limit)
      return answer(refused(413, "413 Request Entity Too Large"), false);
    answer(refused(400, "400 Bad Request"), false);
  }

  void answer(response page, bool keep_alive) {
    using field = beast::http::field;
    if (page.body.size() > limits_.answer_bytes_max - std::min(peers_.answer_bytes, limits_.answer_bytes_max))
      page = {503, "text/plain; charset=utf-8", "too many answers are waiting to be read\n", false, false, {}};
    bool head = parser_->get().method() == beast::http::verb::head;
    message_ = {};
    message_.version(parser_->get().version() == 10 ? 10 : 11);
    message_.result(static_cast<unsigned>(page.status));
    if (page.allow_any_origin) message_.set(field::access_control_allow_origin, "*");
    message_.set(field::content_type, page.content_type);
    if (!page.location.empty()) message_.set(field::location, page.location);
    if (page.no_sniff) message_.set("X-Content-Type-Options", "nosniff");
    if (!page.security_policy.empty()) {
      message_.set("Content-Security-Policy",
                   {page.security_policy.data(), page.security_policy.size()});
      message_.set("Referrer-Policy", "no-referrer");
      message_.set(field::cache_control, "no-cache");
    }
    message_.set(field::date, http_date());
    message_.content_length(page.body.size());
    message_.keep_alive(keep_alive);
    if (!head) message_.body() = std::move(page.body);
    my_answer_bytes_ = message_.body().size();
    peers_.answer_bytes += my_answer_bytes_;
    touch();
    lowest().expires_after(limits_.write_timeout);
    beast::http::async_write(stream_, message_,
                             [self = this->shared_from_this(), keep_alive](auto ec, auto) {
                               self->release();
                               if (ec || !keep_alive) return self->close();
                               self->message_ = {};
                               self->read_next();
                             });
  }

  tls_context_ptr tls_; // what the stream was made of
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  beast::http::response<beast::http::string_body> message_;
  const monitor_server::handler& handle_;
  const monitor_config& limits_;
  session_list& peers_;
  std::list<session_base*>::iterator place_;
  size_t my_answer_bytes_ = 0;
  asio::steady_timer deadline_; // of the request being read
  uint64_t turn_ = 0;           // tells a timer that came too late
  bool late_ = false;
};

} // namespace

struct monitor_server::impl {
  impl(monitor_config c, handler h)
      : config(std::move(c)),
        answer(std::move(h)),
        judged(context, config.connections_max,
               [this](tls_stream stream, tls_context_ptr tls) {
                 std::make_shared<session<tls_stream>>(std::move(stream), answer, config, sessions, std::move(tls))
                   ->run();
               },
               config.on_verdict),
        acceptor(context),
        retry(context) {}

  result<void> listen();
  /// Who listens on every address of IPv6 does so on those of IPv4.
  void open_on(const tcp::endpoint& at, error_code& ec);
  void accept();
  void admit(tcp::socket socket);
  void run();

  monitor_config config;
  handler answer;
  session_list sessions; // outlives the context, whose handlers own the sessions
  asio::io_context context{1};
  judged_handshakes judged;
  tcp::acceptor acceptor;
  asio::steady_timer retry;
  std::thread thread;
  int port = 0;
};

result<void> monitor_server::impl::listen() {
  auto shown = join_host_port(config.host, config.port);
  auto failed = [&](const error_code& ec, const char* step) {
    std::string why = ec.message(); // begins with a capital, Go's do not
    if (!why.empty()) why[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(why[0])));
    return troupe::error{errc::unavailable, "listen tcp " + shown + ": " + step + why};
  };
  if (config.port < -1 || config.port > 65535)
    return troupe::error{errc::unavailable, "listen tcp: address " + std::to_string(config.port)
                                              + ": invalid port"};
  error_code ec;
  auto port_text = std::to_string(config.port < 0 ? 0 : config.port);
  tcp::resolver resolver(context);
  auto found = resolver.resolve(config.host, port_text, tcp::resolver::passive, ec);
  if (ec == asio::error::host_not_found)
    return troupe::error{errc::unavailable, "listen tcp: lookup " + config.host + ": no such host"};
  if (ec || found.empty()) return failed(ec, "");
  const tcp::endpoint wanted = found.begin()->endpoint();
  const bool every = is_every_address(config.host);
  open_on(every ? tcp::endpoint{tcp::v6(), wanted.port()} : wanted, ec);
  const bool without_ipv6 = ec == asio::error::address_family_not_supported || ec.value() == EADDRNOTAVAIL;
  if (every && without_ipv6) open_on(wanted, ec);
  if (ec) return failed(ec, "bind: ");
  port = acceptor.local_endpoint(ec).port();
  return {};
}

void monitor_server::impl::open_on(const tcp::endpoint& at, error_code& ec) {
  acceptor.open(at.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec && at.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), ec);
  if (!ec) acceptor.bind(at, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  error_code ignored;
  if (ec) acceptor.close(ignored);
}

void monitor_server::impl::accept() {
  acceptor.async_accept([this](error_code ec, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (!ec) {
      accept(); // first, for what the new one throws ends its own connection only
      return admit(std::move(socket));
    }
    // Out of descriptors, most likely: look again a little later.
    retry.expires_after(std::chrono::milliseconds{100});
    retry.async_wait([this](error_code stopped) {
      if (!stopped) accept();
    });
  });
}

/// What a page or a connection throws ends that connection; the monitor goes on.
void monitor_server::impl::run() {
  for (;;) {
    std::string why = "unknown exception";
    try {
      context.run();
      return;
    } catch (const std::exception& e) {
      why = e.what();
    } catch (...) {
    }
    log::error("Monitoring: a request failed: {}", why);
    if (config.on_failure) config.on_failure(why);
  }
}

void monitor_server::impl::admit(tcp::socket socket) {
  auto& all = sessions.all;
  if (all.size() >= config.connections_max && !all.empty()) {
    auto idle = all.front();
    // Its handlers run later; until then it must not be chosen again.
    all.splice(all.end(), all, all.begin());
    idle->close();
    if (all.size() >= config.connections_max * 2) return;
  }
  if (!config.tls) {
    std::make_shared<session<plain_stream>>(plain_stream(std::move(socket)), answer, config, sessions)->run();
    return;
  }
  auto tls = config.tls();
  if (!tls) return; // the socket closes
  if (tls->judges_peers()) return judged.begin(std::move(socket), std::move(tls), config.request_timeout);
  ::SSL_CTX_up_ref(tls->get());
  asio::ssl::context shared(tls->get()); // takes the reference; the stream takes one of its own
  std::make_shared<session<tls_stream>>(tls_stream(plain_stream(std::move(socket)), shared), answer,
                                        config, sessions, tls)
      ->shake_hands();
}

monitor_server::monitor_server(monitor_config config, pages& from) {
  auto routes = std::make_shared<router>(from, config.base_path);
  impl_ = std::make_unique<impl>(std::move(config),
                                 [routes](std::string_view target) { return routes->handle(target); });
}

monitor_server::monitor_server(monitor_config config, handler answer)
    : impl_(std::make_unique<impl>(std::move(config), std::move(answer))) {}

monitor_server::~monitor_server() { stop(); }

result<void> monitor_server::start() {
  if (auto good = impl_->listen(); !good) return good;
  impl_->accept();
  impl_->thread = std::thread([this] { impl_->run(); });
  return {};
}

int monitor_server::port() const { return impl_->port; }

void monitor_server::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->context, [this] {
    error_code ignored;
    impl_->acceptor.close(ignored);
    impl_->retry.cancel();
    impl_->judged.close_all();
    for (auto s : impl_->sessions.all)
      s->close();
  });
  impl_->thread.join();
}

} // namespace troupe::http
