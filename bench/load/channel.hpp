// A client's connection in any of the ways that a server offers: plain, TLS, WebSocket, both.
//
// Plain connections cost what they cost without it: one system call and a test of two members. One
// thread at a time uses a channel. Failures are load_errors.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bench/load/net.hpp"
#include "bench/load/ws_frames.hpp"

struct ssl_st;

namespace troupe::bench {

class channel {
public:
  /// Connects, upgrades to what `server` says (TLS: a full handshake, nothing is resumed; the
  /// certificate is not checked), reads INFO, sends CONNECT and PING, returns after PONG. Blocking,
  /// with a time-out of 15 seconds. `source`: see connect_tcp.
  explicit channel(const endpoint& server, unsigned source = 0);
  channel(channel&&) noexcept = default;
  channel& operator=(channel&&) noexcept = default;
  ~channel();

  int fd() const { return fd_.get(); }
  void set_nonblocking() { bench::set_nonblocking(fd_.get()); }

  /// What `text` is on the wire before encryption: to be sent by send_some.
  std::string framed(std::string_view text) const {
    return websocket_ ? masked_frames(text) : std::string(text);
  }

  /// Sends what the socket takes of bytes that are framed already; 0 when it is full: then the
  /// next call begins with the same bytes.
  size_t send_some(const char* data, size_t size);

  /// Frames and sends all of `text`, and waits as long as that takes.
  void send_all(std::string_view text);

  /// Receives up to `room` bytes into `buffer` and calls take(data, size) for each piece of the
  /// NATS stream in them. False when there were fewer: a non-blocking channel has no more then.
  template <class Take>
  bool receive(char* buffer, size_t room, Take&& take) {
    if (!held_.empty()) {
      const std::string held = std::exchange(held_, {});
      take(held.data(), held.size());
      return true;
    }
    const size_t n = receive_raw(buffer, room);
    if (n == 0) return false;
    if (websocket_) websocket_->feed(buffer, n, take);
    else take(buffer, n);
    return n == room;
  }

  /// Bytes that epoll does not tell of wait here: receive again.
  bool pending() const;

  /// The next line without its CRLF; for set-up.
  std::string read_line();

  /// Sends PING and reads lines until PONG; a -ERR throws.
  void ping_pong();

private:
  struct ssl_free {
    void operator()(ssl_st* ssl) const;
  };

  void start_tls();
  void start_websocket(const endpoint& server);
  size_t receive_raw(char* buffer, size_t room);
  size_t receive_tls(char* buffer, size_t room);

  unique_fd fd_;
  std::unique_ptr<ssl_st, ssl_free> ssl_;
  std::unique_ptr<frame_stripper> websocket_;
  std::string held_; // received during set-up and not read
};

} // namespace troupe::bench
