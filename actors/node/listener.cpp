#include "actors/node/listener.hpp"

#include <caf/send.hpp>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "actors/observe/logger.hpp"
#include "protocol/host_port.hpp"

namespace troupe {

namespace {

constexpr int accepts_per_event = 64;
constexpr int backlog = 4096;

std::string ip_of(const sockaddr_storage& a, uint16_t& port) {
  char text[INET6_ADDRSTRLEN] = {};
  if (a.ss_family == AF_INET) {
    auto& v4 = reinterpret_cast<const sockaddr_in&>(a);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    port = ntohs(v4.sin_port);
  } else {
    auto& v6 = reinterpret_cast<const sockaddr_in6&>(a);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    if (mapped)
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
    else
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    port = ntohs(v6.sin6_port);
  }
  return text;
}

/// The system's texts begin with a capital, the Go server's do not.
std::string as_cause(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

error listen_error(const std::string& host, int port, int cause) {
  return {errc::unavailable,
          "listen tcp " + join_host_port(host, port) + ": bind: " + as_cause(std::strerror(cause))};
}

/// 0, or the system's error. Who listens on every address of IPv6 does so on those of IPv4.
int open_on(const sockaddr* at, socklen_t bytes, bound_socket& out) {
  const int fd = ::socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1, off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at->sa_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, at, bytes) != 0 || ::listen(fd, backlog) != 0) {
    const int cause = errno;
    ::close(fd);
    return cause;
  }
  sockaddr_storage got{};
  socklen_t len = sizeof got;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&got), &len);
  out.fd = fd;
  ip_of(got, out.port);
  return 0;
}

bool is_loopback(const sockaddr_storage& a) {
  if (a.ss_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(a).sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  auto& v6 = reinterpret_cast<const sockaddr_in6&>(a).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET);
}

bool same_address(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family) return false;
  if (a.ss_family == AF_INET)
    return reinterpret_cast<const sockaddr_in&>(a).sin_addr.s_addr
           == reinterpret_cast<const sockaddr_in&>(b).sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&reinterpret_cast<const sockaddr_in6&>(a).sin6_addr,
                            &reinterpret_cast<const sockaddr_in6&>(b).sin6_addr);
}

/// Whoever reaches the machine by one of its own addresses has that address too.
bool is_local(int fd, const sockaddr_storage& from) {
  if (is_loopback(from)) return true;
  sockaddr_storage own{};
  socklen_t bytes = sizeof own;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &bytes) == 0 && same_address(own, from);
}

} // namespace

bool paces(int listener) {
  char name[16] = {}; // TCP_CA_NAME_MAX
  socklen_t bytes = sizeof name - 1;
  return ::getsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, name, &bytes) == 0
         && std::strncmp(name, "bbr", 3) == 0;
}

void unpace_local(int fd, const sockaddr_storage& from) {
  // Every kernel has it and lets everybody take it. Where it is refused, the connection is as it was.
  constexpr std::string_view unpaced = "reno";
  if (is_local(fd, from))
    ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, unpaced.data(), unpaced.size());
}

result<bound_socket> listen_on(const std::string& host, int port) {
  auto bound = bind_socket(host, port);
  if (bound) return bound;
  const int shown = port == -1 ? 0 : port;
  return error{bound.error().code, "Error listening on port: " + join_host_port(host, shown)
                                     + ", \"" + bound.error().context + "\""};
}

result<bound_socket> bind_socket(const std::string& host, int port) {
  int wanted = port == -1 ? 0 : port;
  // The system's resolver would take it modulo 65536.
  if (wanted < 0 || wanted > 65535)
    return error{errc::unavailable, "listen tcp: address " + std::to_string(port) + ": invalid port"};
  if (is_every_address(host)) {
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(static_cast<uint16_t>(wanted));
    bound_socket both{-1, host, 0, listener_kind::client};
    const int cause = open_on(reinterpret_cast<sockaddr*>(&any), sizeof any, both);
    if (cause == 0) return both;
    const bool without_ipv6 = cause == EAFNOSUPPORT || cause == EADDRNOTAVAIL;
    if (!without_ipv6 || host == "::") return listen_error(host, wanted, cause);
  }
  addrinfo hints{};
  hints.ai_family = host.empty() ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  int rc = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(wanted).c_str(),
                         &hints, &found);
  if (rc != 0) {
    const std::string why = rc == EAI_NONAME ? "no such host" : as_cause(::gai_strerror(rc));
    return error{errc::unavailable, "listen tcp: lookup " + host + ": " + why};
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, ::freeaddrinfo);
  bound_socket bound{-1, host, 0, listener_kind::client};
  if (const int cause = open_on(found->ai_addr, found->ai_addrlen, bound))
    return listen_error(host, wanted, cause);
  return bound;
}

listener_actor::listener_actor(caf::actor_config& cfg, bound_socket socket,
                               std::vector<hub_handle> hubs)
    : pinned(cfg),
      socket_(std::move(socket)),
      paces_(paces(socket_.fd)),
      hubs_(std::move(hubs)),
      retry_(retry, this),
      started_(steady_now()) {}

listener_actor::~listener_actor() {
  if (socket_.fd >= 0) ::close(socket_.fd);
}

listener_actor::behavior_type listener_actor::make_behavior() {
  slot_ = home().watch(socket_.fd, EPOLLIN, this, this);
  return {
    [this](const stop_listening&) { stop(); },
    [this](const describe_query&) {
      auto answer = std::make_shared<observe::actor_snapshot>();
      answer->kind = "listener";
      answer->name = join_host_port(socket_.host, socket_.port);
      if (socket_.kind == listener_kind::websocket) answer->name = "websocket " + answer->name;
      answer->state = socket_.fd >= 0 ? "running" : "stopped";
      answer->last_error = last_error_;
      answer->uptime = steady_now() - started_;
      return answer;
    },
  };
}

void listener_actor::on_exit() {
  stop();
  hubs_.clear();
}

void listener_actor::stop() {
  if (socket_.fd < 0) return;
  retry_.cancel();
  home().unwatch(slot_);
  ::close(socket_.fd);
  socket_.fd = -1;
}

void listener_actor::on_io(uint32_t) {
  try {
    for (int i = 0; i < accepts_per_event && accept_one(); ++i) {
    }
  } catch (...) {
    // Its address is free when another takes its place.
    stop();
    end_with(error_of(std::current_exception()));
  }
}

bool listener_actor::accept_one() {
  sockaddr_storage from{};
  socklen_t len = sizeof from;
  int fd = ::accept4(socket_.fd, reinterpret_cast<sockaddr*>(&from), &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == EPERM) return true;
    back_off(errno);
    return false;
  }
  backoff_.reset();
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (paces_) unpace_local(fd, from);
  auto socket = std::make_shared<accepted_socket>();
  socket->fd = fd;
  socket->kind = socket_.kind;
  socket->ip = ip_of(from, socket->port);
  caf::anon_send(hubs_[next_hub_], std::move(socket));
  next_hub_ = (next_hub_ + 1) % hubs_.size();
  ++accepted_;
  return true;
}

void listener_actor::back_off(int error) {
  auto delay = backoff_.next();
  last_error_ = std::strerror(error);
  const std::string_view kind =
      socket_.kind == listener_kind::websocket ? "WebSocket" : "Client";
  log::error("Temporary {} Accept Error(accept tcp {}: accept4: {}), sleeping {}ms", kind,
             join_host_port(socket_.host, socket_.port), as_cause(last_error_), delay.count());
  home().rewatch(slot_, 0);
  home().timers().arm(retry_, home().now() + delay);
}

void listener_actor::retry(void* self, nanos) {
  auto& l = *static_cast<listener_actor*>(self);
  if (l.socket_.fd >= 0) l.home().rewatch(l.slot_, EPOLLIN);
}

} // namespace troupe
