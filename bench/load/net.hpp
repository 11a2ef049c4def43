// Sockets of the load generator: connect to a server on loopback. What is spoken on them is in
// channel.hpp.
//
// Setup is blocking and fails by exception (a broken set-up has no result to report); the measured
// loops use the file descriptors directly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace troupe::bench {

/// A failed run: the text becomes the "error" field of the report.
struct load_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws a load_error that names the failed call and errno.
[[noreturn]] void throw_errno(std::string_view what);

/// Owns one file descriptor.
class unique_fd {
public:
  unique_fd() = default;
  explicit unique_fd(int fd) : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~unique_fd() { reset(); }

  int get() const { return fd_; }
  void reset();

private:
  int fd_ = -1;
};

struct endpoint {
  std::string host = "127.0.0.1";
  uint16_t port = 4222;
  /// How clients speak to it: see channel.
  bool tls = false;
  bool websocket = false;
  /// Who they are; empty: nobody.
  std::string user;
  std::string password;
};

/// A blocking connection with TCP_NODELAY and a receive time-out of 15 seconds. `source` 0 leaves
/// the source address to the kernel; other values use 127.0.x.y, so that a storm of connections
/// does not run out of ports.
unique_fd connect_tcp(const endpoint& server, unsigned source = 0);

/// Sends all of `bytes` on a blocking socket.
void send_all(int fd, std::string_view bytes);

/// Reads one line without its CRLF and nothing behind it (peeks; for set-up only).
std::string read_line(int fd);

void set_nonblocking(int fd);

/// Raises RLIMIT_NOFILE to at least `wanted`; throws when the system does not allow it.
void raise_open_files(uint64_t wanted);

} // namespace troupe::bench
