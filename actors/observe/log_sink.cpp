#include "actors/observe/log_sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>
#include <vector>

namespace troupe::log {

namespace {

struct label {
  const char* name;
  const char* color;
  int severity; // of syslog
};

constexpr label labels[] = {
    {"TRC", "33", LOG_NOTICE},    {"DBG", "36", LOG_DEBUG}, {"INF", "32", LOG_NOTICE},
    {"WRN", "0;93", LOG_WARNING}, {"ERR", "31", LOG_ERR},   {"FTL", "31", LOG_CRIT},
};

const label& label_of(level l) { return labels[static_cast<size_t>(l)]; }

std::tm broken_down(wall_time at, bool utc) {
  auto seconds = std::chrono::system_clock::to_time_t(at);
  std::tm out{};
  utc ? gmtime_r(&seconds, &out) : localtime_r(&seconds, &out);
  return out;
}

long nanoseconds_of(wall_time at) {
  auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  return static_cast<long>(since % 1'000'000'000);
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return; // a log that cannot be written has nowhere to say so
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

class stderr_sink : public sink {
public:
  explicit stderr_sink(const settings& s) : settings_(s) {
    struct stat st {};
    colors_ = fstat(STDERR_FILENO, &st) == 0 && S_ISCHR(st.st_mode);
  }
  void write(level l, wall_time at, std::string_view text) override {
    write_all(STDERR_FILENO, format_line(l, at, text, settings_, colors_));
  }

private:
  settings settings_;
  bool colors_ = false;
};

/// A file that is renamed when it grows too large.
class file_sink : public sink {
public:
  explicit file_sink(const settings& s) : settings_(s), limit_(s.file_bytes_max) {}
  ~file_sink() override { close_file(); }

  bool open_file() {
    fd_ = ::open(settings_.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    struct stat st {};
    size_ = fd_ >= 0 && fstat(fd_, &st) == 0 ? st.st_size : 0;
    return fd_ >= 0;
  }

  void write(level l, wall_time at, std::string_view text) override {
    if (fd_ < 0 && !open_file()) return;
    auto line = format_line(l, at, text, settings_, false);
    write_all(fd_, line);
    size_ += static_cast<int64_t>(line.size());
    if (limit_ > 0 && size_ > limit_) rotate(at);
  }

  bool reopen() override {
    close_file();
    open_file();
    return true;
  }

private:
  void close_file() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void append(level l, std::string_view text) {
    auto line = format_line(l, std::chrono::system_clock::now(), text, settings_, false);
    write_all(fd_, line);
    size_ += static_cast<int64_t>(line.size());
  }

  void rotate(wall_time at) {
    auto t = broken_down(at, false);
    auto backup = fmt::format("{}.{:04}.{:02}.{:02}.{:02}.{:02}.{:02}.{:09}", settings_.file,
                              t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
                              t.tm_sec, nanoseconds_of(at));
    if (::rename(settings_.file.c_str(), backup.c_str()) != 0) {
      auto why = std::strerror(errno);
      limit_ *= 2; // try again, but not at every line
      append(level::error, fmt::format("Unable to rename logfile for rotation ({}), will attempt "
                                       "next rotation at size {}",
                                       why, limit_));
      return;
    }
    close_file();
    if (!open_file()) return;
    limit_ = settings_.file_bytes_max;
    append(level::info, fmt::format("Rotated log, backup saved as \"{}\"", backup));
    if (settings_.files_max > 0) purge();
  }

  /// True for the part of a backup's name after the log's name: "2006.01.02.15.04.05.000000000".
  static bool is_stamp(std::string_view s) {
    constexpr std::string_view shape = "0000.00.00.00.00.00.";
    if (s.size() <= shape.size()) return false;
    for (size_t i = 0; i < s.size(); ++i) {
      bool digit = s[i] >= '0' && s[i] <= '9';
      if (i < shape.size() && shape[i] == '.' ? s[i] != '.' : !digit) return false;
    }
    return true;
  }

  void purge() {
    auto slash = settings_.file.rfind('/');
    auto folder =
        slash == std::string::npos ? std::string(".") : settings_.file.substr(0, slash + 1);
    auto base = slash == std::string::npos ? settings_.file : settings_.file.substr(slash + 1);
    auto dir = opendir(folder.c_str());
    if (!dir)
      return append(level::error, fmt::format("Unable to read directory \"{}\" for log purge ({}), "
                                              "will attempt next rotation",
                                              folder, std::strerror(errno)));
    std::vector<std::string> backups;
    while (auto entry = readdir(dir)) {
      std::string name = entry->d_name;
      if (name.size() > base.size() + 1 && name.starts_with(base) && name[base.size()] == '.'
          && is_stamp(std::string_view(name).substr(base.size() + 1)))
        backups.push_back(std::move(name));
    }
    closedir(dir);
    std::sort(backups.begin(), backups.end()); // the names sort by age
    auto kept = static_cast<size_t>(settings_.files_max - 1);
    for (size_t i = 0; i + kept < backups.size(); ++i) {
      auto path = slash == std::string::npos ? backups[i] : folder + backups[i];
      if (::unlink(path.c_str()) != 0)
        return append(level::error,
                      fmt::format("Unable to remove backup log file \"{}\" ({}), will "
                                  "attempt next rotation",
                                  backups[i], std::strerror(errno)));
      append(level::info, fmt::format("Purged log file \"{}\"", backups[i]));
    }
  }

  settings settings_;
  int64_t limit_;
  int64_t size_ = 0;
  int fd_ = -1;
};

class local_syslog_sink : public sink {
public:
  local_syslog_sink() { openlog(program_invocation_short_name, LOG_PID, LOG_DAEMON); }
  ~local_syslog_sink() override { closelog(); }
  void write(level l, wall_time, std::string_view text) override {
    ::syslog(label_of(l).severity, "%.*s", static_cast<int>(std::min<size_t>(text.size(), INT_MAX)),
             text.data());
  }
};

/// Lines over a socket, in the form Go's log/syslog sends them.
class remote_syslog_sink : public sink {
public:
  explicit remote_syslog_sink(std::string address) : address_(std::move(address)) {}
  ~remote_syslog_sink() override { close_socket(); }

  result<void> connect_to() {
    auto bad = [](const std::string& why) {
      return troupe::error{errc::unavailable, "error connecting to syslog: \"" + why + "\""};
    };
    auto scheme_end = address_.find("://");
    auto scheme = address_.substr(0, scheme_end);
    if (scheme_end == std::string::npos || (scheme != "udp" && scheme != "tcp" && scheme != "unix"))
      return troupe::error{errc::malformed, "error invalid network type: \"" + scheme + "\""};
    auto rest = address_.substr(scheme_end + 3);
    if (scheme == "unix")
      return connect_unix(rest) ? result<void>{} : bad(rest + ": " + std::strerror(errno));
    stream_ = scheme == "tcp";
    auto colon = rest.rfind(':');
    if (colon == std::string::npos) return bad("address " + rest + ": missing port in address");
    addrinfo hints{};
    hints.ai_socktype = stream_ ? SOCK_STREAM : SOCK_DGRAM;
    addrinfo* found = nullptr;
    auto code =
        getaddrinfo(rest.substr(0, colon).c_str(), rest.substr(colon + 1).c_str(), &hints, &found);
    if (code != 0) return bad(gai_strerror(code));
    for (auto a = found; a && fd_ < 0; a = a->ai_next)
      open_socket(a->ai_family, a->ai_socktype, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return fd_ >= 0 ? result<void>{}
                    : bad("dial " + scheme + " " + rest + ": " + std::strerror(errno));
  }

  void write(level l, wall_time at, std::string_view text) override {
    if (fd_ < 0 && !retry(at)) return;
    auto t = broken_down(at, false);
    char stamp[40];
    auto n = std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S%z", &t);
    std::string_view when(stamp, n);
    auto minutes = when.substr(n - std::min<size_t>(n, 2)); // "+0100" -> "+01:00"
    when.remove_suffix(minutes.size());
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    auto line = fmt::format("<{}>{}:{} {} {}[{}]: {}\n", label_of(l).severity, when, minutes, host,
                            program_invocation_short_name, getpid(), text);
    auto sent = ::send(fd_, line.data(), line.size(), MSG_NOSIGNAL);
    if (sent < 0 && stream_) close_socket();
  }

private:
  bool retry(wall_time at) {
    if (at - last_try_ < std::chrono::seconds{1}) return false;
    last_try_ = at;
    return static_cast<bool>(connect_to());
  }

  void open_socket(int family, int type, const sockaddr* to, socklen_t size) {
    fd_ = ::socket(family, type | SOCK_CLOEXEC, 0);
    timeval patience{1, 0};
    if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd_ >= 0 && ::connect(fd_, to, size) != 0) {
      int why = errno;
      close_socket();
      errno = why;
    }
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

  std::string address_;
  int fd_ = -1;
  bool stream_ = false;
  wall_time last_try_{};
};

} // namespace

std::string format_line(level l, wall_time at, std::string_view text, const settings& s,
                        bool colors) {
  auto& label = label_of(l);
  std::string out = fmt::format("[{}] ", getpid());
  if (s.timestamps) {
    auto t = broken_down(at, s.utc);
    out += fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06} ", t.tm_year + 1900, t.tm_mon + 1,
                       t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, nanoseconds_of(at) / 1000);
  }
  out += colors ? fmt::format("[\x1b[{}m{}\x1b[0m] ", label.color, label.name)
                : fmt::format("[{}] ", label.name);
  out += text;
  if (out.back() != '\n') out.push_back('\n');
  return out;
}

result<std::unique_ptr<sink>> open_sink(const settings& s) {
  if (!s.file.empty()) {
    auto file = std::make_unique<file_sink>(s);
    if (!file->open_file())
      return troupe::error{errc::unavailable,
                           "error opening file: open " + s.file + ": " + std::strerror(errno)};
    return std::unique_ptr<sink>(std::move(file));
  }
  if (!s.remote_syslog.empty()) {
    auto remote = std::make_unique<remote_syslog_sink>(s.remote_syslog);
    if (auto good = remote->connect_to(); !good) return good.error();
    return std::unique_ptr<sink>(std::move(remote));
  }
  if (s.syslog) return std::unique_ptr<sink>(std::make_unique<local_syslog_sink>());
  return std::unique_ptr<sink>(std::make_unique<stderr_sink>(s));
}

} // namespace troupe::log
