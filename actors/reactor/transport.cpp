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
    if (count == 1) return from_received(::recv(fd_, iov->iov_base, iov->iov_len, MSG_DONTWAIT));
    return from_received(::readv(fd_, iov, count));
  }

  io_result write(const iovec* iov, int count) override {
    constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    msghdr msg{};
    msg.msg_iov = const_cast<iovec*>(iov);
    msg.msg_iovlen = static_cast<size_t>(count);
    // One piece needs no list.
    ssize_t n = count == 1 ? ::send(fd_, iov->iov_base, iov->iov_len, flags)
                           : ::sendmsg(fd_, &msg, flags);
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

class replay_transport final : public transport {
public:
  replay_transport(std::string bytes, std::unique_ptr<transport> below)
      : bytes_(std::move(bytes)), below_(std::move(below)) {}

  io_result handshake() override { return below_->handshake(); }
  std::string failure() const override { return below_->failure(); }
  uint32_t wants() const override { return below_->wants(); }
  bool has_input() const override { return !bytes_.empty() || below_->has_input(); }

  io_result read(const iovec* iov, int count) override {
    if (bytes_.empty()) return below_->read(iov, count);
    size_t given = 0;
    for (int i = 0; i < count; ++i)
      given += bytes_.copy(static_cast<char*>(iov[i].iov_base), iov[i].iov_len, given);
    bytes_.erase(0, given);
    return {io_status::ok, given, 0};
  }
  io_result peek(unsigned char& byte) override {
    if (bytes_.empty()) return below_->peek(byte);
    byte = static_cast<unsigned char>(bytes_[0]);
    return {io_status::ok, 1, 0};
  }
  io_result write(const iovec* iov, int count) override { return below_->write(iov, count); }
  const tls_session* tls() const override { return below_->tls(); }
  websocket_stage* websocket() override { return below_->websocket(); }
  void close() override { below_->close(); }
  int fd() const override { return below_->fd(); }

private:
  std::string bytes_;
  std::unique_ptr<transport> below_;
};

} // namespace

io_result transport::peek(unsigned char& byte) {
  return from_received(::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT));
}

std::unique_ptr<transport> make_tcp_transport(int fd) {
  return std::make_unique<tcp_transport>(fd);
}

std::unique_ptr<transport> make_replay_transport(std::string bytes,
                                                 std::unique_ptr<transport> below) {
  return std::make_unique<replay_transport>(std::move(bytes), std::move(below));
}

} // namespace troupe
