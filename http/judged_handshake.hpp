// TLS handshakes of the monitor that ask web servers about the client's certificate (peer_verifier.hpp).
//
// A step that asks waits, so steps run on threads of the verifier, one record of the client at a time; the
// socket stays with the monitor's thread, which goes on with everybody else.
//
// Thread: the io_context's, but for the destructor, which may run when that has ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <chrono>
#include <functional>
#include <list>
#include <memory>

#include "actors/reactor/tls_context.hpp"

namespace troupe::http {

using tls_stream = boost::asio::ssl::stream<boost::beast::tcp_stream>;

class judged_handshakes {
public:
  using taker = std::function<void(tls_stream, tls_context_ptr)>;
  using verdict_taker = std::function<void(peer_verdict_ptr)>;

  /// `done` gets each connection whose handshake has succeeded, `heard` (if there is one) what was found about its
  /// client, or one that is refused. At most `most` are under way: the oldest makes room.
  judged_handshakes(boost::asio::io_context& context, size_t most, taker done, verdict_taker heard);
  ~judged_handshakes();
  judged_handshakes(const judged_handshakes&) = delete;
  judged_handshakes& operator=(const judged_handshakes&) = delete;

  void begin(boost::asio::ip::tcp::socket socket, tls_context_ptr tls, std::chrono::milliseconds within);
  void close_all();

private:
  struct gate;
  class handshake;
  using handshake_list = std::list<std::shared_ptr<handshake>>;

  const size_t most_;
  const taker done_;
  const verdict_taker heard_;
  const std::shared_ptr<gate> gate_;
  handshake_list under_way_;
};

} // namespace troupe::http
