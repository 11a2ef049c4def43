#include "actors/observe/log_sink.hpp"

#include "protocol/json/writer.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::log {

std::atomic<bool> hurry{false};

namespace {

struct label {
  const char* name;
  const char* color;
  const char* word; // in JSON
};

constexpr label labels[] = {
    {"TRC", "33", "trace"},   {"DBG", "36", "debug"}, {"INF", "32", "info"},
    {"WRN", "0;93", "warn"}, {"ERR", "31", "error"}, {"FTL", "31", "fatal"},
};

const label& label_of(level l) { return labels[static_cast<size_t>(l)]; }

std::tm broken_down(wall_time at, bool utc) {
  auto seconds = std::chrono::system_clock::to_time_t(at);
  std::tm out{};
  utc ? gmtime_r(&seconds, &out) : localtime_r(&seconds, &out);
  return out;
}

long microseconds_of(wall_time at) {
  auto since = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
  return static_cast<long>(since % 1'000'000);
}

bool steers_terminals(char c) {
  auto u = static_cast<unsigned char>(c);
  return (u < 0x20 && c != '\n' && c != '\t') || u == 0x7f;
}

void append_shown(std::string& out, std::string_view text) {
  for (char c : text) {
    if (steers_terminals(c)) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else out.push_back(c);
  }
}

std::string json_line(const record& r, const settings& s) {
  std::string out;
  json_writer json(out);
  json.begin_object();
  if (s.timestamps) {
    auto t = broken_down(r.at, s.utc);
    auto hours = s.utc ? 0 : t.tm_gmtoff / 3600;
    auto minutes = s.utc ? 0 : std::labs(t.tm_gmtoff) / 60 % 60;
    auto zone = s.utc ? std::string("Z") : fmt::format("{:+03}:{:02}", hours, minutes);
    json.member("time", fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}{}", t.tm_year + 1900,
                                    t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                                    microseconds_of(r.at), zone));
  }
  json.member("level", label_of(r.l).word);
  json.member("pid", getpid());
  json.member("subsystem", config::log_subsystems[static_cast<size_t>(r.from)]);
  json.member("message", std::string_view(r.text));
  json.end_object();
  out.push_back('\n');
  return out;
}

class stderr_sink : public sink {
public:
  explicit stderr_sink(const settings& s) : settings_(s), colors_(isatty(STDERR_FILENO) == 1) {}
  void write(const record& r) override {
    size_t written = 0; // standard error that cannot be written has nowhere to say so
    write_all(STDERR_FILENO, format_line(r, settings_, colors_), written);
  }

private:
  settings settings_;
  bool colors_;
};

} // namespace

std::string format_line(const record& r, const settings& s, bool colors) {
  if (s.json) return json_line(r, s);
  auto& label = label_of(r.l);
  std::string out = fmt::format("[{}] ", getpid());
  if (s.timestamps) {
    auto t = broken_down(r.at, s.utc);
    out += fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06} ", t.tm_year + 1900, t.tm_mon + 1,
                       t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, microseconds_of(r.at));
  }
  out += colors ? fmt::format("[\x1b[{}m{}\x1b[0m] ", label.color, label.name)
                : fmt::format("[{}] ", label.name);
  append_shown(out, r.text);
  if (out.back() != '\n') out.push_back('\n');
  return out;
}

int write_all(int fd, std::string_view bytes, size_t& written) {
  // A pipe takes this much without waiting once it is ready, so only poll waits.
  constexpr size_t at_once = 4096;
  constexpr int patience_ms = 100;
  struct stat st {};
  const bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  written = 0;
  while (written < bytes.size()) {
    if (!regular) {
      pollfd p{fd, POLLOUT, 0};
      if (::poll(&p, 1, patience_ms) <= 0) {
        if (hurry.load(std::memory_order_relaxed)) return EAGAIN;
        continue;
      }
    }
    auto left = bytes.size() - written;
    auto n = ::write(fd, bytes.data() + written, regular ? left : std::min(left, at_once));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return n < 0 ? errno : EIO;
    written += static_cast<size_t>(n);
  }
  return 0;
}

std::string why(int error_number) {
  std::string text = std::strerror(error_number);
  text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

record own_record(level l, std::string text) {
  return {l, subsystem_of("actors/observe/"), std::chrono::system_clock::now(), std::move(text)};
}

void complain(const std::string& text) {
  size_t written = 0;
  write_all(STDERR_FILENO, format_line(own_record(level::error, text), settings{}, false), written);
}

result<std::unique_ptr<sink>> open_sink(const settings& s) {
  if (!s.file.empty()) return open_file_sink(s);
  if (!s.remote_syslog.empty() || s.syslog) return open_syslog_sink(s);
  return std::unique_ptr<sink>(std::make_unique<stderr_sink>(s));
}

} // namespace troupe::log
