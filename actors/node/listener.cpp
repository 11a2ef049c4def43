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

#include "actors/observe/logger.hpp"

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

error listen_error(const std::string& host, int port, const char* cause) {
  return {errc::unavailable,
          "listen tcp " + host + ":" + std::to_string(port) + ": bind: " + as_cause(cause)};
}

} // namespace

result<bound_socket> listen_on(const std::string& host, int port) {
  auto bound = bind_socket(host, port);
  if (bound) return bound;
  const int shown = port == -1 ? 0 : port;
  return error{bound.error().code, "Error listening on port: " + host + ":" + std::to_string(shown)
                                     + ", \"" + bound.error().context + "\""};
}

result<bound_socket> bind_socket(const std::string& host, int port) {
  int wanted = port == -1 ? 0 : port;
  // The system's resolver would take it modulo 65536.
  if (wanted < 0 || wanted > 65535)
    return error{errc::unavailable, "listen tcp: address " + std::to_string(port) + ": invalid port"};
  addrinfo hints{};
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

  int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return listen_error(host, wanted, std::strerror(errno));
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, backlog) != 0) {
    error e = listen_error(host, wanted, std::strerror(errno));
    ::close(fd);
    return e;
  }
  sockaddr_storage at{};
  socklen_t len = sizeof at;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &len);
  bound_socket bound{fd, host, 0, listener_kind::client};
  ip_of(at, bound.port);
  return bound;
}

listener_actor::listener_actor(caf::actor_config& cfg, bound_socket socket,
                               std::vector<hub_handle> hubs)
    : pinned(cfg),
      socket_(std::move(socket)),
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
      answer->name = socket_.host + ":" + std::to_string(socket_.port);
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
  log::error("Temporary {} Accept Error(accept tcp {}:{}: accept4: {}), sleeping {}ms", kind,
             socket_.host, socket_.port, as_cause(last_error_), delay.count());
  home().rewatch(slot_, 0);
  home().timers().arm(retry_, home().now() + delay);
}

void listener_actor::retry(void* self, nanos) {
  auto& l = *static_cast<listener_actor*>(self);
  if (l.socket_.fd >= 0) l.home().rewatch(l.slot_, EPOLLIN);
}

} // namespace troupe
