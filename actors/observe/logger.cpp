#include "actors/observe/logger.hpp"

#include "actors/observe/log_queue.hpp"
#include "config/options.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

namespace troupe::log {

namespace {

using namespace std::chrono_literals;

constexpr auto flush_patience = 5s;
constexpr auto stop_patience = 2s;
constexpr int tick_ms = 500;

constexpr uint8_t bit(level l) { return static_cast<uint8_t>(1u << static_cast<unsigned>(l)); }
constexpr uint8_t from_level(level l) {
  return static_cast<uint8_t>(0x3f & ~(bit(l) - 1));
}
constexpr uint8_t usual = from_level(level::info);

constexpr auto usual_masks() {
  return []<size_t... i>(std::index_sequence<i...>) {
    return std::array<std::atomic<uint8_t>, sizeof...(i)>{((void)i, usual)...};
  }(std::make_index_sequence<config::log_subsystems.size()>());
}

} // namespace

namespace detail {
constinit std::array<std::atomic<uint8_t>, config::log_subsystems.size()> masks = usual_masks();
constinit std::atomic<bool> any_debug{false};
} // namespace detail

namespace {

/// Wakes the log's thread; signalling never waits.
class doorbell {
public:
  doorbell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  /// After a push. Only the first one since the thread went to sleep makes a system call.
  void ring() {
    if (sleeping_.exchange(false, std::memory_order_acq_rel)) ring_now();
  }
  void ring_now() {
    uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(fd_, &one, sizeof one);
  }

  /// Announces the sleep: whoever pushes from here on rings. Look at the queue once more after it.
  void going_to_sleep() { sleeping_.exchange(true, std::memory_order_acq_rel); }
  void awake() { sleeping_.exchange(false, std::memory_order_acq_rel); }
  void sleep(int at_most_ms) {
    pollfd p{fd_, POLLIN, 0};
    ::poll(&p, 1, at_most_ms);
    uint64_t rings;
    [[maybe_unused]] auto n = ::read(fd_, &rings, sizeof rings);
    awake();
  }

private:
  int fd_;
  std::atomic<bool> sleeping_{false};
};

/// The thread, its queue and its sink. `control_` is held by those who start, change and stop it.
class writer {
public:
  result<void> configure(const settings& s) {
    std::lock_guard lock(control_);
    auto opened = open_sink(s);
    if (!opened) return opened.error();
    if (thread_.joinable()) {
      auto ask = std::make_unique<command>();
      ask->next = std::move(*opened);
      if (auto sent = send(std::move(ask)); !sent) return sent.error();
      set_levels(s);
      return {};
    }
    set_levels(s);
    sink_ = std::move(*opened);
    hurry = false;
    stopping_.store(false, std::memory_order_relaxed);
    running_.store(true, std::memory_order_release);
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& e) {
      running_.store(false, std::memory_order_release);
      sink_.reset();
      return troupe::error{errc::unavailable, std::string("no thread for the log: ") + e.what()};
    }
    return {};
  }

  void log(level l, subsystem from, std::string text) {
    line x{{l, from, std::chrono::system_clock::now(), std::move(text)}, nullptr};
    if (!running_.load(std::memory_order_acquire)) return write_directly(x.what);
    if (queue_.push(std::move(x))) return bell_.ring();
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }

  void reopen() {
    std::lock_guard lock(control_);
    if (!thread_.joinable()) return;
    auto ask = std::make_unique<command>();
    ask->reopen = true;
    if (auto sent = send(std::move(ask)); !sent) complain(sent.error().context);
  }

  void flush() {
    std::lock_guard lock(control_);
    if (!thread_.joinable()) return;
    auto ask = std::make_unique<command>();
    auto done = ask->done.get_future();
    if (send(std::move(ask))) done.wait_for(flush_patience);
  }

  void stop() {
    std::lock_guard lock(control_);
    if (!thread_.joinable()) return;
    running_.store(false, std::memory_order_release);
    stop_at_ = std::chrono::steady_clock::now() + stop_patience;
    stopping_.store(true, std::memory_order_release);
    bell_.ring_now();
    // A reader of a pipe that does not read holds the thread up: after a while it gives up.
    if (ended_.get_future().wait_for(stop_patience) != std::future_status::ready) hurry = true;
    thread_.join();
    thread_ = {};
    ended_ = {};
    sink_.reset();
  }

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

private:
  static void set_levels(const settings& s) {
    auto rest = static_cast<uint8_t>(usual | (s.debug ? bit(level::debug) : 0)
                                     | (s.trace ? bit(level::trace) : 0));
    std::array<uint8_t, config::log_subsystems.size()> masks;
    masks.fill(rest);
    for (auto [index, least] : s.overrides) masks[index] = from_level(least);
    bool any_debug = false;
    for (size_t i = 0; i < masks.size(); ++i) {
      detail::masks[i].store(masks[i], std::memory_order_relaxed);
      any_debug = any_debug || (masks[i] & bit(level::debug));
    }
    detail::any_debug.store(any_debug, std::memory_order_relaxed);
  }

  static void write_directly(const record& x) {
    auto text = format_line(x, settings{}, false);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }

  /// Queued like a line, so that it stands between those before and after it.
  result<void> send(std::unique_ptr<command> ask) {
    line x{{}, std::move(ask)};
    auto until = std::chrono::steady_clock::now() + flush_patience;
    while (!queue_.push(std::move(x))) {
      if (std::chrono::steady_clock::now() > until)
        return troupe::error{errc::unavailable,
                             "the log is not being written: its queue has been full for seconds"};
      std::this_thread::sleep_for(1ms);
    }
    bell_.ring();
    return {};
  }

  void run() {
    line x;
    for (;;) {
      bool stopping = stopping_.load(std::memory_order_acquire);
      while (queue_.pop(x)) {
        if (stopping && std::chrono::steady_clock::now() > stop_at_) hurry = true;
        if (!hurry || x.ask) take(x); // else it could not be written in the time there was
      }
      report_lost();
      if (stopping) break;
      if (sink_->wants_tick()) sink_->tick();
      bell_.going_to_sleep();
      if (queue_.pop(x)) {
        bell_.awake();
        take(x);
        continue;
      }
      bell_.sleep(sink_->wants_tick() ? tick_ms : -1);
    }
    ended_.set_value();
  }

  void take(line& x) {
    if (!x.ask) return sink_->write(x.what);
    report_lost();
    if (x.ask->next) sink_ = std::move(x.ask->next);
    if (x.ask->reopen) {
      bool file = sink_->reopen();
      sink_->write(own_record(level::info, file ? "File log re-opened"
                                                : "File log re-open ignored, not a file logger"));
    }
    x.ask->done.set_value();
    x.ask.reset();
  }

  void report_lost() {
    auto lost = dropped();
    if (lost == reported_) return;
    sink_->write(own_record(level::warn, fmt::format("Log queue was full, {} lines were dropped",
                                                     lost - reported_)));
    reported_ = lost;
  }

  line_queue queue_;
  doorbell bell_;
  std::atomic<bool> running_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> dropped_{0};
  std::chrono::steady_clock::time_point stop_at_; // written before stopping_, read after it

  uint64_t reported_ = 0;      // the thread's
  std::unique_ptr<sink> sink_; // the thread's while it runs

  std::mutex control_;
  std::thread thread_;
  std::promise<void> ended_;
};

/// Never destroyed: a thread may log while the process ends.
writer& the_writer() {
  static auto* instance = new writer;
  return *instance;
}

} // namespace

settings settings_of(const config::server_options& o) {
  settings s;
  s.debug = o.debug;
  s.trace = o.trace;
  s.timestamps = o.logtime;
  s.utc = o.logtime_utc;
  if (auto json = config::parse_log_format(o.log_format)) s.json = *json;
  if (auto levels = config::parse_log_level_override(o.log_level_override)) s.overrides = *levels;
  s.file = o.log_file;
  s.file_bytes_max = o.logfile_size_limit_bytes;
  s.files_max = o.logfile_max_num;
  s.syslog = o.syslog;
  s.remote_syslog = o.remote_syslog;
  return s;
}

result<void> start(const settings& s) { return the_writer().configure(s); }
result<void> configure(const settings& s) { return the_writer().configure(s); }
void reopen() { the_writer().reopen(); }
void flush() { the_writer().flush(); }
void stop() { the_writer().stop(); }
uint64_t dropped() { return the_writer().dropped(); }

namespace detail {

void write(level l, subsystem from, fmt::string_view format, fmt::format_args args) {
  std::string text;
  try {
    text = fmt::vformat(format, args);
  } catch (const std::exception& e) {
    text = fmt::format("{} (could not be formatted: {})",
                       std::string_view(format.data(), format.size()), e.what());
  }
  the_writer().log(l, from, std::move(text));
}

} // namespace detail

} // namespace troupe::log
