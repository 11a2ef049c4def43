// troupe-ideal: the cheapest thing that the load generator takes for a server, to find the
// generator's own ceiling. NOT a NATS server: one thread, one subject, one message length; it
// believes that every client speaks as troupe-load does.
//
// It takes nats-server's -a and -p, so bench/compare can run it. Scenarios: pub, 1to1, fan16.
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <vector>

#include "bench/load/net.hpp"

namespace {

using namespace troupe::bench;

constexpr size_t receive_bytes = 256 * 1024;
constexpr std::string_view info_line =
    "INFO {\"server_id\":\"IDEAL\",\"version\":\"0\",\"proto\":1,\"max_payload\":1048576}\r\n";

struct connection {
  explicit connection(int socket) : fd(socket) {}
  unique_fd fd;
  std::string held;         // bytes of an operation that is not whole yet
  size_t publish_bytes = 0; // length of its PUB operations, 0 before the first
  size_t payload_at = 0;
};

class ideal_server {
public:
  explicit ideal_server(uint16_t port)
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)), epoll_(::epoll_create1(0)),
        buffer_(std::make_unique<char[]>(2 * receive_bytes)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw_errno("bind");
    if (::listen(listener_.get(), 1024) != 0) throw_errno("listen");
    watch(listener_.get());
  }

  void run() {
    epoll_event events[64];
    for (;;) {
      const int n = ::epoll_wait(epoll_.get(), events, 64, -1);
      for (int i = 0; i < n; ++i) {
        if (events[i].data.fd == listener_.get()) accept_one();
        else receive(events[i].data.fd);
      }
    }
  }

private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
  }

  void accept_one() {
    const int fd = ::accept(listener_.get(), nullptr, nullptr);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections_.emplace(fd, connection(fd));
    watch(fd);
    send_all(fd, info_line);
  }

  void drop(int fd) {
    std::erase(subscribers_, fd);
    connections_.erase(fd);
  }

  void receive(int fd) {
    connection& c = connections_.at(fd);
    std::memcpy(buffer_.get(), c.held.data(), c.held.size());
    char* start = buffer_.get() + c.held.size();
    const ssize_t n = ::recv(fd, start, receive_bytes, 0);
    if (n <= 0) return drop(fd);
    const std::string_view bytes(buffer_.get(), c.held.size() + static_cast<size_t>(n));
    size_t at = 0;
    while (const size_t taken = take_operation(c, bytes.substr(at))) at += taken;
    c.held.assign(bytes.substr(at));
    flush();
  }

  // Returns the bytes taken from the front, 0 when the operation is not whole.
  size_t take_operation(connection& c, std::string_view bytes) {
    if (bytes.empty()) return 0;
    if (bytes[0] == 'P' && bytes.size() > 1 && bytes[1] == 'U') return take_publish(c, bytes);
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return 0;
    if (bytes.substr(0, 4) == "PING") {
      flush();
      send_all(c.fd.get(), "PONG\r\n");
    }
    if (bytes.substr(0, 3) == "SUB") subscribers_.push_back(c.fd.get());
    return end + 1;
  }

  size_t take_publish(connection& c, std::string_view bytes) {
    if (c.publish_bytes == 0 && !learn(c, bytes)) return 0;
    if (bytes.size() < c.publish_bytes) return 0;
    if (!subscribers_.empty()) {
      out_ += header_;
      out_ += bytes.substr(c.payload_at, c.publish_bytes - c.payload_at);
    }
    return c.publish_bytes;
  }

  // Reads the first PUB line: all others look the same.
  bool learn(connection& c, std::string_view bytes) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return false;
    char subject[256];
    unsigned size = 0;
    const std::string line(bytes.substr(0, end));
    if (std::sscanf(line.c_str(), "PUB %255s %u", subject, &size) != 2)
      throw load_error("cannot read: " + line);
    c.payload_at = end + 1;
    c.publish_bytes = end + 1 + size + 2;
    header_ = "MSG " + std::string(subject) + " 1 " + std::to_string(size) + "\r\n";
    return true;
  }

  void flush() {
    if (out_.empty()) return;
    for (const int fd : subscribers_) send_all(fd, out_);
    out_.clear();
  }

  unique_fd listener_;
  unique_fd epoll_;
  std::unique_ptr<char[]> buffer_;
  std::map<int, connection> connections_;
  std::vector<int> subscribers_;
  std::string header_;
  std::string out_;
};

} // namespace

int main(int argc, char** argv) {
  uint16_t port = 4222;
  for (int i = 1; i + 1 < argc; ++i)
    if (std::string_view(argv[i]) == "-p") port = static_cast<uint16_t>(std::stoul(argv[i + 1]));
  try {
    ideal_server(port).run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "troupe-ideal: %s\n", e.what());
    return 1;
  }
}
