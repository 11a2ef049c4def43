#include "actors/main/process_files.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "protocol/host_port.hpp"
#include "protocol/json/writer.hpp"

namespace troupe {

namespace {

/// Addresses a wildcard listener is reached at, as the Go server lists them.
std::vector<std::string> reachable_hosts(const std::string& host) {
  if (!is_every_address(host)) return {host};
  std::vector<std::string> hosts;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {"127.0.0.1"};
  for (ifaddrs* i = all; i; i = i->ifa_next) {
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP)) continue;
    const int family = i->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const void* at = family == AF_INET
                         ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(i->ifa_addr)->sin_addr)
                         : &reinterpret_cast<sockaddr_in6*>(i->ifa_addr)->sin6_addr;
    char text[INET6_ADDRSTRLEN];
    ::inet_ntop(family, at, text, sizeof text);
    hosts.emplace_back(text);
  }
  ::freeifaddrs(all);
  return hosts;
}

/// The cause in Go's words: "open /x/y: no such file or directory".
std::string why_not_open(const std::string& path) {
  std::string why = std::strerror(errno);
  why[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(why[0])));
  return "open " + path + ": " + why;
}

} // namespace

result<void> write_pid_file(const std::string& path) {
  std::ofstream out(path, std::ios::trunc);
  out << ::getpid();
  out.close();
  if (!out) return error{errc::io_failed, "Could not write pidfile: " + why_not_open(path)};
  return {};
}

result<void> ports_file::write(const std::string& dir, const process_ports& ports) {
  // Who starts it by a link called nats-server looks for that name.
  std::string path = dir + "/" + program_invocation_short_name + "_" + std::to_string(::getpid()) + ".ports";

  std::string text;
  json_writer json(text, json_layout::compact);
  json.begin_object();
  auto list = [&](const char* name, const char* scheme, const std::string& host_given, int port) {
    if (port == 0) return;
    std::vector<std::string> urls;
    for (const std::string& host : reachable_hosts(host_given))
      urls.push_back(std::string(scheme) + "://" + join_host_port(host, port));
    json.member(name, urls);
  };
  list("nats", ports.client_tls ? "tls" : "nats", ports.host, ports.client);
  list("monitoring", ports.monitoring_tls ? "https" : "http", ports.monitoring_host, ports.monitoring);
  list("profile", "http", ports.host, ports.profile);
  list("websocket", ports.websocket_tls ? "wss" : "ws", ports.websocket_host, ports.websocket);
  json.end_object();

  std::ofstream out(path, std::ios::trunc);
  out << text;
  out.close();
  if (!out)
    return error{errc::io_failed, "Error writing ports file (" + path + "): " + why_not_open(path)};
  path_ = path;
  return {};
}

void ports_file::remove() {
  if (path_.empty()) return;
  std::error_code ec;
  std::filesystem::remove(path_, ec);
  path_.clear();
}

} // namespace troupe
