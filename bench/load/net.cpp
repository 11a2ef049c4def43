#include "bench/load/net.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace troupe::bench {

void throw_errno(std::string_view what) {
  throw load_error(std::string(what) + ": " + std::strerror(errno));
}

void unique_fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

namespace {

// Loopback is a /8: spread the clients over 127.0.1.1 .. 127.0.250.250.
void bind_source(int fd, unsigned source) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const uint32_t low = ((source / 250) % 250 + 1) * 256 + source % 250 + 1;
  address.sin_addr.s_addr = htonl(0x7f000000u + low);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw_errno("bind");
}

} // namespace

unique_fd connect_tcp(const endpoint& server, unsigned source) {
  unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) throw_errno("socket");
  if (source != 0) bind_source(fd.get(), source);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port);
  if (::inet_pton(AF_INET, server.host.c_str(), &address.sin_addr) != 1)
    throw load_error("not an IPv4 address: " + server.host);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw_errno("connect");
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval limit{15, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw_errno("send");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string read_line(int fd) {
  std::string line;
  char chunk[4096];
  for (;;) {
    const ssize_t peeked = ::recv(fd, chunk, sizeof chunk, MSG_PEEK);
    if (peeked < 0 && errno == EINTR) continue;
    if (peeked < 0) throw_errno("recv");
    if (peeked == 0) throw load_error("closed by the server during set-up");
    const auto size = static_cast<size_t>(peeked);
    const void* end = std::memchr(chunk, '\n', size);
    const size_t take = end ? static_cast<size_t>(static_cast<const char*>(end) - chunk) + 1 : size;
    const ssize_t taken = ::recv(fd, chunk, take, 0);
    if (taken != static_cast<ssize_t>(take)) throw_errno("recv");
    line.append(chunk, take);
    if (end) break;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL, 0);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) throw_errno("fcntl");
}

void raise_open_files(uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("getrlimit");
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted) limit.rlim_max = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("setrlimit(RLIMIT_NOFILE)");
}

} // namespace troupe::bench
