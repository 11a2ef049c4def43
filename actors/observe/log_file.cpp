// The log file: renamed when it grows too large, opened again on demand, and on a full disk said to
// be so once instead of at every line.
#include "actors/observe/log_sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace troupe::log {

namespace {

/// "2006.01.02.15.04.05.000000000", after which backups are named; they sort by age.
std::string stamp_of(wall_time at) {
  auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  auto seconds = std::chrono::system_clock::to_time_t(at);
  std::tm t{};
  localtime_r(&seconds, &t);
  return fmt::format("{:04}.{:02}.{:02}.{:02}.{:02}.{:02}.{:09}", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, ns % 1'000'000'000);
}

bool is_stamp(std::string_view s) {
  constexpr std::string_view shape = "0000.00.00.00.00.00.";
  if (s.size() <= shape.size()) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    bool digit = s[i] >= '0' && s[i] <= '9';
    if (i < shape.size() && shape[i] == '.' ? s[i] != '.' : !digit) return false;
  }
  return true;
}

class file_sink : public sink {
public:
  explicit file_sink(const settings& s) : settings_(s), limit_(s.file_bytes_max) {}
  ~file_sink() override { close_file(fd_); }

  /// 0, or the errno. The file that was open before stays when the new one cannot be opened.
  int open_file() {
    int fd = ::open(settings_.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return errno;
    close_file(fd_);
    fd_ = fd;
    struct stat st {};
    size_ = fstat(fd_, &st) == 0 ? st.st_size : 0;
    return 0;
  }

  void rotate_if_large(wall_time at) {
    if (limit_ <= 0 || size_ <= limit_) return;
    append(level::info, "Rotating logfile...");
    rotate(at);
  }

  void write(const record& r) override {
    put(format_line(r, settings_, false));
    if (limit_ > 0 && size_ > limit_) rotate(r.at);
  }

  bool reopen() override {
    limit_ = settings_.file_bytes_max;
    if (int bad = open_file(); bad != 0)
      complain(fmt::format("Log file \"{}\" could not be opened again ({}), going on with the one "
                           "that is open",
                           settings_.file, why(bad)));
    return true;
  }

private:
  static void close_file(int fd) {
    if (fd >= 0) ::close(fd);
  }

  void put(std::string line) {
    if (failing_ && !torn_) line.insert(0, after_gap());
    else if (torn_) line.insert(0, "\n" + after_gap());
    size_t written = 0;
    int bad = write_all(fd_, line, written);
    size_ += static_cast<int64_t>(written);
    if (bad == 0) {
      failing_ = torn_ = false;
      lost_ = 0;
      return;
    }
    torn_ = torn_ || (written > 0 && written < line.size());
    ++lost_;
    if (failing_) return;
    failing_ = true;
    cause_ = why(bad);
    complain(fmt::format("Log file \"{}\" cannot be written ({}), lines are lost until it can",
                         settings_.file, cause_));
  }

  /// What stands in the file where lines are missing.
  std::string after_gap() const {
    if (!failing_) return {};
    auto text = fmt::format("Log file could not be written ({}), {} lines were lost", cause_, lost_);
    return format_line(own_record(level::error, text), settings_, false);
  }

  void append(level l, std::string text) {
    put(format_line(own_record(l, std::move(text)), settings_, false));
  }

  void rotate(wall_time at) {
    auto backup = settings_.file + "." + stamp_of(at);
    if (::rename(settings_.file.c_str(), backup.c_str()) != 0) return put_off_rotation(errno);
    if (int bad = open_file(); bad != 0) return put_off_rotation(bad);
    limit_ = settings_.file_bytes_max;
    append(level::info, fmt::format("Rotated log, backup saved as \"{}\"", backup));
    if (settings_.files_max > 0) purge();
  }

  void put_off_rotation(int cause) {
    limit_ = size_ * 2; // again, but not at every line
    append(level::error, fmt::format("Unable to rename logfile for rotation ({}), will attempt "
                                     "next rotation at size {}",
                                     why(cause), limit_));
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
                                              folder, why(errno)));
    std::vector<std::string> backups;
    while (auto entry = readdir(dir)) {
      std::string name = entry->d_name;
      if (name.size() > base.size() + 1 && name.starts_with(base) && name[base.size()] == '.'
          && is_stamp(std::string_view(name).substr(base.size() + 1)))
        backups.push_back(std::move(name));
    }
    closedir(dir);
    std::sort(backups.begin(), backups.end());
    auto kept = static_cast<size_t>(settings_.files_max - 1);
    for (size_t i = 0; i + kept < backups.size(); ++i) {
      auto path = slash == std::string::npos ? backups[i] : folder + backups[i];
      if (::unlink(path.c_str()) != 0)
        return append(level::error,
                      fmt::format("Unable to remove backup log file \"{}\" ({}), will "
                                  "attempt next rotation",
                                  backups[i], why(errno)));
      append(level::info, fmt::format("Purged log file \"{}\"", backups[i]));
    }
  }

  settings settings_;
  int64_t limit_;
  int64_t size_ = 0;
  int fd_ = -1;
  bool failing_ = false; // the last write failed, and that has been said
  bool torn_ = false;    // the file ends in the middle of a line
  uint64_t lost_ = 0;
  std::string cause_;
};

} // namespace

result<std::unique_ptr<sink>> open_file_sink(const settings& s) {
  auto file = std::make_unique<file_sink>(s);
  if (int bad = file->open_file(); bad != 0)
    return troupe::error{errc::unavailable,
                         "error opening file: open " + s.file + ": " + why(bad)};
  file->rotate_if_large(std::chrono::system_clock::now());
  return std::unique_ptr<sink>(std::move(file));
}

} // namespace troupe::log
