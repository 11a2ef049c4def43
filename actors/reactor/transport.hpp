// The stage between a session and its socket. Plain TCP moves bytes as they are; TLS and
// WebSocket are further implementations that sit on another transport.
//
// Non-blocking, on the connection's reactor. Errors are values: `failed` carries errno.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace troupe {

enum class io_status : unsigned char {
  ok,
  would_block,
  closed,  // the peer has ended its side
  failed,
};

struct io_result {
  io_status status = io_status::ok;
  size_t bytes = 0;
  int error = 0;  // errno of `failed`
};

class transport {
public:
  virtual ~transport() = default;
  /// Brings the stage up: called when it is made and at each readiness of the socket until it says
  /// ok. would_block: waiting for the peer. Nothing is read or written by the session before that.
  virtual io_result handshake() { return {}; }
  /// Epoll events that it needs beyond what the session asks for: a handshake or a renegotiation may
  /// have to write before it can read on.
  virtual uint32_t wants() const { return 0; }
  /// Input has been taken from the socket and waits here: epoll will not tell, so read again.
  virtual bool has_input() const { return false; }
  /// Reads into the pieces in order; `bytes` of status ok is at least 1.
  virtual io_result read(const iovec* iov, int count) = 0;
  /// Writes from the pieces in order, maybe only a part.
  virtual io_result write(const iovec* iov, int count) = 0;
  /// Ends the connection: what the kernel has taken is still sent.
  virtual void close() = 0;
  virtual int fd() const = 0;
};

/// Takes over a connected, non-blocking TCP socket.
std::unique_ptr<transport> make_tcp_transport(int fd);

} // namespace troupe
