// The stage between a session and its socket. Plain TCP moves bytes as they are; TLS and
// WebSocket are further implementations that sit on another transport.
//
// A stage owns the one below it and gives it the same calls that it gets: `handshake` brings up the
// lower stage first and begins its own part when that says ok; `wants` and `has_input` add what is
// its own to what the lower one answers; `close` ends its own protocol, then the lower stage.
// The session does not know how many there are. `session/stages.hpp` puts them together.
//
// Non-blocking, on the connection's reactor. Errors are values: `failed` carries errno, or `text`.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

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

class peer_verifier;
struct peer_verdict;
struct tls_session;
class websocket_stage;

/// A step of a handshake that takes its time and may run on any thread but a reactor's.
struct handshake_step {
  std::function<void()> run;  // empty: none is due
  /// It may wait for web servers, so this one runs it on its threads; nullptr: it only computes.
  std::shared_ptr<peer_verifier> waits_for;
  explicit operator bool() const { return run != nullptr; }
};

class transport {
public:
  virtual ~transport() = default;
  /// Brings the stage up: called when it is made and at each readiness of the socket until it says
  /// ok. would_block: waiting for the peer. Nothing is read or written by the session before that.
  virtual io_result handshake() { return {}; }
  /// Taken after a would_block. While it runs, whoever took it does not wait for the socket to become
  /// readable, and may still do anything else, even close and destroy the stage. Then `handshake`
  /// is called again.
  virtual handshake_step take_step() { return {}; }
  /// What was found out about the peer's certificate, after `handshake` ended; nullptr: nobody was
  /// asked. Told once.
  virtual std::shared_ptr<const peer_verdict> take_peer_verdict() { return nullptr; }
  /// Why `handshake`, `read` or `write` failed, where errno does not say; for logs.
  virtual std::string failure() const { return {}; }
  /// Epoll events that it needs beyond what the session asks for: EPOLLOUT while bytes that it has
  /// taken wait here for the socket. A write of no pieces then moves them on.
  virtual uint32_t wants() const { return 0; }
  /// Input has been taken from the socket and waits here: epoll will not tell, so read again. While
  /// it is so, `read` takes no more from the socket, so that reading again comes to an end.
  virtual bool has_input() const { return false; }
  /// Reads into the pieces in order; `bytes` of status ok is at least 1.
  virtual io_result read(const iovec* iov, int count) = 0;
  /// Writes from the pieces in order, maybe only a part.
  virtual io_result write(const iovec* iov, int count) = 0;
  /// What TLS agreed upon and who the peer is; nullptr without TLS or before its handshake is done.
  virtual const tls_session* tls() const { return nullptr; }
  /// Looks at the next byte and leaves it there: would_block, closed, failed, or ok with it in
  /// `byte`.
  virtual io_result peek(unsigned char& byte);
  /// Itself, if it is the stage that speaks WebSocket.
  virtual websocket_stage* websocket() { return nullptr; }
  /// Ends the connection: what the kernel has taken is still sent.
  virtual void close() = 0;
  virtual int fd() const = 0;
};

/// Takes over a connected, non-blocking TCP socket.
std::unique_ptr<transport> make_tcp_transport(int fd);

/// Gives `bytes`, which were read from `below` by someone they were not meant for, before what
/// follows there.
std::unique_ptr<transport> make_replay_transport(std::string bytes,
                                                 std::unique_ptr<transport> below);

} // namespace troupe
