// The live server on the loopback, with a fake source and raw sockets.
#include "http/monitor_server.hpp"
#include "test/catch.hpp"
#include "test/http/fake_source.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <stdexcept>
#include <vector>

using namespace troupe;
using namespace troupe::http;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A blocking client connection, closed at the end of its scope.
class client {
public:
  explicit client(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    timeval patience{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client() { close(fd_); }

  void send(const std::string& text) { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }

  /// Everything until `end` was seen, or the server closed.
  std::string read_until(const std::string& end) {
    std::string out;
    char buffer[4096];
    while (end.empty() || !contains(out, end)) {
      auto n = recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      out.append(buffer, static_cast<size_t>(n));
    }
    return out;
  }
  std::string read_all() { return read_until(""); }

private:
  int fd_;
};

monitor_config loopback() {
  monitor_config c;
  c.host = "127.0.0.1";
  return c;
}

} // namespace

TEST_CASE("monitor: serves pages over one connection", "[http]") {
  fake_source source;
  pages from(source);
  monitor_server server(loopback(), from);
  REQUIRE(server.start());
  client c(server.port());
  c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  auto first = c.read_until("ok\"}");
  CHECK(contains(first, "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: "
                        "application/json\r\nDate: "));
  CHECK(contains(first, "\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}"));
  c.send("POST /varz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
         "HEAD /connz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  auto rest = c.read_all();
  CHECK(contains(rest, "\"/healthz\": 1"));
  CHECK(rest.ends_with("\r\n\r\n")); // no body after HEAD
}

TEST_CASE("monitor: broken and oversized requests are refused", "[http]") {
  fake_source source;
  auto config = loopback();
  config.header_bytes_max = 1024;
  pages from(source);
  monitor_server server(config, from);
  REQUIRE(server.start());
  client garbage(server.port());
  garbage.send("\x16\x03\x01 hello\r\n\r\n");
  CHECK(contains(garbage.read_all(), "400 Bad Request"));
  client large(server.port());
  large.send("GET / HTTP/1.1\r\nX: " + std::string(4000, 'x') + "\r\n\r\n");
  CHECK(contains(large.read_all(), "431 "));
  client body(server.port());
  body.send("GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n");
  CHECK(contains(body.read_all(), "413 "));
}

TEST_CASE("monitor: a request that comes too slowly is cut off", "[http]") {
  fake_source source;
  auto config = loopback();
  config.request_timeout = 150ms;
  pages from(source);
  monitor_server server(config, from);
  REQUIRE(server.start());
  client slow(server.port());
  slow.send("GET /healthz HTTP/1.1\r\n");
  CHECK(contains(slow.read_all(), "HTTP/1.1 408 "));
  client silent(server.port());
  CHECK(silent.read_all().empty());
}

TEST_CASE("monitor: the connection that was idle longest makes room", "[http]") {
  fake_source source;
  auto config = loopback();
  config.connections_max = 2;
  pages from(source);
  monitor_server server(config, from);
  REQUIRE(server.start());
  client first(server.port());
  first.send("GET /healthz HTTP/1.1\r\n\r\n");
  CHECK(contains(first.read_until("ok\"}"), "200 OK"));
  client second(server.port());
  second.send("GET /healthz HTTP/1.1\r\n\r\n");
  CHECK(contains(second.read_until("ok\"}"), "200 OK"));
  client third(server.port());
  third.send("GET /healthz HTTP/1.1\r\n\r\n");
  CHECK(contains(third.read_until("ok\"}"), "200 OK"));
  CHECK(first.read_all().empty());
  second.send("GET /healthz HTTP/1.1\r\n\r\n");
  CHECK(contains(second.read_until("ok\"}"), "200 OK"));
}

TEST_CASE("monitor: a port in use is an error, and stop is quick", "[http]") {
  fake_source source;
  pages from(source);
  monitor_server server(loopback(), from);
  REQUIRE(server.start());
  auto config = loopback();
  config.port = server.port();
  monitor_server other(config, from);
  auto failed = other.start();
  REQUIRE_FALSE(failed);
  CHECK(contains(failed.error().context, std::to_string(server.port())));
  client idle(server.port());
  server.stop();
  CHECK(idle.read_all().empty());
}

TEST_CASE("monitor: a request that throws is ended and told, the others are served", "[http]") {
  auto config = loopback();
  std::vector<std::string> told;
  std::mutex mutex;
  config.on_failure = [&](const std::string& why) {
    std::lock_guard lock(mutex);
    told.push_back(why);
  };
  monitor_server server(config, [](std::string_view target) -> response {
    if (target == "/bad") throw std::runtime_error("no room");
    if (target == "/worse") throw 42; // NOLINT: what derives from nothing
    return {200, "text/plain", "fine", false, false, {}};
  });
  REQUIRE(server.start());
  client other(server.port());
  for (const char* page : {"/bad", "/worse", "/bad", "/bad", "/bad", "/bad", "/bad"}) {
    client one(server.port());
    one.send(std::string("GET ") + page + " HTTP/1.1\r\n\r\n");
    CHECK(one.read_all().empty());
  }
  other.send("GET /good HTTP/1.1\r\n\r\n");
  CHECK(contains(other.read_until("fine"), "200 OK"));
  server.stop();
  REQUIRE(told.size() == 7);
  CHECK(told[0] == "no room");
  CHECK(told[1] == "unknown exception");
}

TEST_CASE("monitor: answers that nobody takes are bounded", "[http]") {
  fake_source source;
  auto config = loopback();
  config.answer_bytes_max = 40;
  pages from(source);
  monitor_server server(config, from);
  REQUIRE(server.start());
  client one(server.port());
  one.send("GET /varz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
  auto both = one.read_all();
  CHECK(contains(both, "503 Service Unavailable"));
  CHECK(contains(both, "too many answers are waiting to be read"));
  CHECK(contains(both, "200 OK")); // the first answer was taken: its bytes count no more
}
