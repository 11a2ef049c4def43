// Lines to a syslog server: the machine's own, or one over UDP, TCP or a named socket, in the form
// the NATS server sends them. A stream that breaks is opened again, later and later; meanwhile lines
// are kept up to a bound and the oldest are lost, counted.
#include "actors/observe/log_sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>

namespace troupe::log {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr size_t kept_bytes_max = 1024 * 1024;
constexpr auto first_pause = 500ms;
constexpr auto longest_pause = 30s;
constexpr timeval io_patience{1, 0};

constexpr int severities[] = {LOG_NOTICE, LOG_DEBUG, LOG_NOTICE, LOG_WARNING, LOG_ERR, LOG_CRIT};

class syslog_sink : public sink {
public:
  explicit syslog_sink(const settings& s)
      : settings_(s),
        remote_(s.remote_syslog),
        local_(remote_.empty() || remote_.starts_with("unix:")) {
    if (gethostname(host_, sizeof host_ - 1) != 0) std::strcpy(host_, "localhost");
  }
  ~syslog_sink() override {
    tick();
    close_socket();
  }

  /// Connects anew. The error has the NATS server's text.
  result<void> open() {
    if (remote_.empty()) {
      for (auto& path : settings_.local_syslogs)
        if (connect_unix(path)) return {};
      return bad("Unix syslog delivery error");
    }
    auto scheme_end = remote_.find("://");
    auto scheme = remote_.substr(0, scheme_end);
    if (scheme_end == std::string::npos || (scheme != "udp" && scheme != "tcp" && scheme != "unix"))
      return troupe::error{errc::malformed, "error invalid network type: \"" + scheme + "\""};
    auto rest = remote_.substr(scheme_end + 3);
    if (auto user_end = rest.rfind('@'); user_end != std::string::npos)
      rest = rest.substr(user_end + 1); // syslog has no passwords, and errors show none
    if (scheme == "unix")
      return connect_unix(rest) ? result<void>{} : bad("dial unix " + rest + ": " + why(errno));
    return connect_inet(scheme, rest);
  }

  void write(const record& r) override {
    keep(packet(r));
    tick();
  }

  bool wants_tick() const override { return !kept_.empty(); }

  /// Sends what is kept, opening the connection again when its time has come.
  void tick() override {
    if (fd_ < 0 && !reopen_due()) return;
    while (!kept_.empty()) {
      if (!send(kept_.front())) return failed();
      forget_front();
    }
    pause_ = first_pause;
    if (lost_ == 0) return;
    auto lost = std::exchange(lost_, 0);
    auto text = fmt::format("Syslog server could not be reached, {} lines were lost", lost);
    if (!send(packet(own_record(level::warn, text)))) {
      lost_ = lost;
      failed();
    }
  }

private:
  static troupe::error bad(const std::string& text) {
    return {errc::unavailable, "error connecting to syslog: \"" + text + "\""};
  }

  void keep(std::string packet) {
    kept_bytes_ += packet.size();
    kept_.push_back(std::move(packet));
    while (kept_bytes_ > kept_bytes_max) {
      forget_front();
      ++lost_;
    }
  }

  void forget_front() {
    kept_bytes_ -= kept_.front().size();
    kept_.pop_front();
  }

  bool reopen_due() {
    if (clock::now() < next_try_ || hurry) return false;
    if (open()) return true;
    put_off();
    return false;
  }

  void put_off() {
    next_try_ = clock::now() + pause_;
    pause_ = std::min<clock::duration>(pause_ * 2, longest_pause);
  }

  void failed() {
    close_socket();
    put_off();
    if (!complained_) complain("Syslog server cannot be reached (" + cause_ + "), lines wait for it");
    complained_ = true;
  }

  /// A datagram that is refused tells of an earlier one, so it is sent a second time.
  bool send(const std::string& packet) {
    for (int attempt = 0; attempt < (stream_ ? 1 : 2); ++attempt) {
      auto sent = ::send(fd_, packet.data(), packet.size(), MSG_NOSIGNAL);
      if (sent == static_cast<ssize_t>(packet.size())) return true;
      // Too large for a datagram: cut, since it would never go.
      if (sent < 0 && errno == EMSGSIZE)
        return ::send(fd_, packet.data(), 1024, MSG_NOSIGNAL) >= 0;
    }
    cause_ = why(errno);
    return remote_.starts_with("udp:"); // nobody listens, and this sender does not wait
  }

  std::string packet(const record& r) {
    auto pri = severities[static_cast<size_t>(r.l)];
    auto text = r.text;
    if (settings_.json) {
      text = format_line(r, settings_, false);
      text.pop_back();
    }
    std::replace(text.begin(), text.end(), '\0', ' ');
    auto tail = fmt::format("{}[{}]: {}\n", program_invocation_short_name, getpid(), text);
    auto seconds = std::chrono::system_clock::to_time_t(r.at);
    std::tm t{};
    localtime_r(&seconds, &t);
    char stamp[40];
    if (local_) {
      std::strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &t);
      return fmt::format("<{}>{} {}", pri | (remote_.empty() ? LOG_DAEMON : 0), stamp, tail);
    }
    auto n = std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S%z", &t);
    std::string when(stamp, n);
    if (when.ends_with("+0000")) when.replace(when.size() - 5, 5, "Z");
    else when.insert(when.size() - 2, ":"); // "+0100" -> "+01:00"
    return fmt::format("<{}>{} {} {}", pri, when, host_, tail);
  }

  // -- sockets -------------------------------------------------------------------------------------

  result<void> connect_inet(const std::string& scheme, const std::string& address) {
    stream_ = scheme == "tcp";
    auto colon = address.rfind(':');
    if (colon == std::string::npos)
      return bad("dial " + scheme + ": address " + address + ": missing port in address");
    auto host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    addrinfo hints{};
    hints.ai_socktype = stream_ ? SOCK_STREAM : SOCK_DGRAM;
    addrinfo* found = nullptr;
    auto code = getaddrinfo(host.empty() ? "localhost" : host.c_str(),
                            address.substr(colon + 1).c_str(), &hints, &found);
    if (code != 0) return bad("dial " + scheme + ": " + gai_strerror(code));
    for (auto a = found; a && fd_ < 0; a = a->ai_next)
      open_socket(a->ai_family, a->ai_socktype, a->ai_addr, a->ai_addrlen);
    int cause = errno;
    freeaddrinfo(found);
    if (fd_ >= 0) return {};
    return bad("dial " + scheme + " " + address + ": connect: " + why(cause));
  }

  void open_socket(int family, int type, const sockaddr* to, socklen_t size) {
    fd_ = ::socket(family, type | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return;
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &io_patience, sizeof io_patience);
    if (::connect(fd_, to, size) == 0) return;
    int cause = errno;
    close_socket();
    errno = cause;
  }

  bool connect_unix(const std::string& path) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path.size() >= sizeof to.sun_path) {
      errno = ENAMETOOLONG;
      return false;
    }
    std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
    for (int type : {SOCK_DGRAM, SOCK_STREAM}) {
      stream_ = type == SOCK_STREAM;
      if (fd_ < 0) open_socket(AF_UNIX, type, reinterpret_cast<sockaddr*>(&to), sizeof to);
    }
    return fd_ >= 0;
  }

  void close_socket() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  settings settings_;
  std::string remote_;
  bool local_; // the short form, without a host
  char host_[256] = {};
  int fd_ = -1;
  bool stream_ = false;
  std::deque<std::string> kept_;
  size_t kept_bytes_ = 0;
  uint64_t lost_ = 0;
  clock::time_point next_try_{};
  clock::duration pause_ = first_pause;
  std::string cause_;
  bool complained_ = false;
};

} // namespace

result<std::unique_ptr<sink>> open_syslog_sink(const settings& s) {
  auto log = std::make_unique<syslog_sink>(s);
  if (auto good = log->open(); !good) return good.error();
  return std::unique_ptr<sink>(std::move(log));
}

} // namespace troupe::log
