// Sockets as the listener gives them away.
#include "actors/node/listener.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <fstream>

#include "test/catch.hpp"

using namespace troupe;

namespace {

/// Both ends of a connection over `host`, and the accepted end's idea of its peer.
struct connection {
  explicit connection(const std::string& host) : listener(bind_socket(host, -1)) {
    REQUIRE(listener);
    sockaddr_storage at{};
    socklen_t bytes = sizeof at;
    ::getsockname(listener->fd, reinterpret_cast<sockaddr*>(&at), &bytes);
    client = ::socket(at.ss_family, SOCK_STREAM, 0);
    REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&at), bytes) == 0);
    bytes = sizeof from;
    server = ::accept(listener->fd, reinterpret_cast<sockaddr*>(&from), &bytes);
    REQUIRE(server >= 0);
  }
  connection(const connection&) = delete;
  ~connection() {
    for (int fd : {client, server, listener->fd}) ::close(fd);
  }

  result<bound_socket> listener;
  int client = -1, server = -1;
  sockaddr_storage from{};
};

bool take(int fd, const std::string& control) {
  return ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control.data(), static_cast<socklen_t>(control.size())) == 0;
}

std::string control_of(int fd) {
  char name[16] = {};
  socklen_t bytes = sizeof name;
  ::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &bytes);
  return name;
}

/// A control of this kernel other than the one for local peers; empty when it has no other.
std::string another_control() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_available_congestion_control");
  for (std::string name; file >> name;)
    if (name != "reno") return name;
  return {};
}

/// An address of this machine that is not of the loopback network; empty when it has none.
std::string own_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string found;
  for (auto* i = all; i && found.empty(); i = i->ifa_next) {
    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK)) continue;
    char text[INET_ADDRSTRLEN];
    found = ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(i->ifa_addr)->sin_addr, text, sizeof text);
  }
  ::freeifaddrs(all);
  return found;
}

sockaddr_storage address(int family, const char* ip) {
  sockaddr_storage a{};
  a.ss_family = static_cast<sa_family_t>(family);
  void* to = family == AF_INET ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(a).sin_addr)
                               : &reinterpret_cast<sockaddr_in6&>(a).sin6_addr;
  REQUIRE(::inet_pton(family, ip, to) == 1);
  return a;
}

} // namespace

TEST_CASE("listener: a connection within the machine is not paced, others keep the operator's choice", "[node]") {
  const std::string other = another_control();
  if (other.empty()) {
    WARN("this kernel has one congestion control only");
    return;
  }
  const char* host = GENERATE("127.0.0.1", "0.0.0.0");
  connection c(host);
  REQUIRE(take(c.server, other));

  for (const auto& remote : {address(AF_INET, "192.0.2.7"), address(AF_INET, "128.0.0.1"),
                             address(AF_INET6, "2001:db8::1"), address(AF_INET6, "::ffff:192.0.2.7")}) {
    unpace_local(c.server, remote);
    CHECK(control_of(c.server) == other);
  }

  for (const auto& local : {c.from, address(AF_INET, "127.8.9.10"), address(AF_INET6, "::1"),
                            address(AF_INET6, "::ffff:127.0.0.1")}) {
    REQUIRE(take(c.server, other));
    unpace_local(c.server, local);
    CHECK(control_of(c.server) == "reno");
  }
}

TEST_CASE("listener: who comes by the machine's own address is local as well", "[node]") {
  const std::string other = another_control(), own = own_address();
  if (other.empty() || own.empty()) {
    WARN("no other congestion control or no address beside loopback");
    return;
  }
  connection c(own);
  REQUIRE(take(c.server, other));
  unpace_local(c.server, c.from);
  CHECK(control_of(c.server) == "reno");
}

TEST_CASE("listener: only a control that sends by a clock is replaced", "[node]") {
  connection c("127.0.0.1");
  REQUIRE(take(c.listener->fd, "reno"));
  CHECK_FALSE(paces(c.listener->fd));
  if (take(c.listener->fd, "bbr"))
    CHECK(paces(c.listener->fd));
  else
    WARN("this kernel has no BBR");
  CHECK_FALSE(paces(-1));
}
