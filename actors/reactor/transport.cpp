#include "actors/reactor/transport.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace troupe {

namespace {

io_result from_errno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
    return {io_status::would_block, 0, 0};
  return {io_status::failed, 0, errno};
}

io_result from_received(ssize_t n) {
  if (n > 0) return {io_status::ok, static_cast<size_t>(n), 0};
  if (n == 0) return {io_status::closed, 0, 0};
  return from_errno();
}

class tcp_transport final : public transport {
public:
  explicit tcp_transport(int fd) : fd_(fd) {}
  ~tcp_transport() override { close(); }

  io_result read(const iovec* iov, int count) override {
    return from_received(::readv(fd_, iov, count));
  }

  io_result write(const iovec* iov, int count) override {
    msghdr msg{};
    msg.msg_iov = const_cast<iovec*>(iov);
    msg.msg_iovlen = static_cast<size_t>(count);
    ssize_t n = ::sendmsg(fd_, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return {io_status::ok, static_cast<size_t>(n), 0};
    return from_errno();
  }

  void close() override {
    if (fd_ < 0) return;
    // Unread bytes would turn the close into a reset, which may overtake a last -ERR on its way
    // to the client: end our side first and drop a bounded part of what it still sends.
    ::shutdown(fd_, SHUT_WR);
    char scrap[16 * 1024];
    for (int i = 0; i < 16 && ::recv(fd_, scrap, sizeof scrap, MSG_DONTWAIT) > 0; ++i) {
    }
    ::close(fd_);
    fd_ = -1;
  }

  int fd() const override { return fd_; }

private:
  int fd_;
};

} // namespace

std::unique_ptr<transport> make_tcp_transport(int fd) {
  return std::make_unique<tcp_transport>(fd);
}

io_result peek_byte(int fd, unsigned char& byte) {
  return from_received(::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
}

} // namespace troupe
