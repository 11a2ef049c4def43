#include "actors/observe/logger.hpp"

#include "actors/observe/log_sink.hpp"
#include "config/options.hpp"

#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace troupe::log {

namespace detail {
std::atomic<bool> debug_on{false};
std::atomic<bool> trace_on{false};
} // namespace detail

namespace {

constexpr size_t queue_lines = 8192; // a power of two

struct line {
  level l = level::info;
  wall_time at{};
  std::string text;
};

/// Bounded queue of many producers and one consumer (after D. Vyukov). A slot's ticket says whose
/// turn it is: equal to the position when free, one more when filled.
class line_queue {
public:
  line_queue() {
    for (size_t i = 0; i < queue_lines; ++i)
      slots_[i].ticket.store(i, std::memory_order_relaxed);
  }

  bool push(line&& x) {
    auto at = tail_.load(std::memory_order_relaxed);
    for (;;) {
      auto& slot = slots_[at % queue_lines];
      auto ticket = slot.ticket.load(std::memory_order_acquire);
      if (ticket == at) {
        if (!tail_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
        slot.what = std::move(x);
        slot.ticket.store(at + 1, std::memory_order_release);
        return true;
      }
      if (ticket < at) return false; // full
      at = tail_.load(std::memory_order_relaxed);
    }
  }

  bool pop(line& out) {
    auto& slot = slots_[head_ % queue_lines];
    if (slot.ticket.load(std::memory_order_acquire) != head_ + 1) return false;
    out = std::move(slot.what);
    slot.what.text.clear();
    slot.ticket.store(head_ + queue_lines, std::memory_order_release);
    ++head_;
    return true;
  }

private:
  struct slot {
    std::atomic<size_t> ticket{0};
    line what;
  };
  std::array<slot, queue_lines> slots_;
  alignas(64) std::atomic<size_t> tail_{0};
  alignas(64) size_t head_ = 0; // the consumer's
};

/// The thread, its queue and its sink. `control_` guards what callers other than loggers do.
class writer {
public:
  result<void> start(const settings& s) {
    std::unique_lock lock(control_);
    auto opened = open_sink(s);
    if (!opened) return opened.error();
    set_levels(s);
    if (thread_.joinable()) {
      next_sink_ = std::move(*opened);
      wake();
      done_.wait(lock, [this] { return !next_sink_; });
      return {};
    }
    sink_ = std::move(*opened);
    stopping_ = false;
    running_.store(true, std::memory_order_release);
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void log(level l, std::string text) {
    line x{l, std::chrono::system_clock::now(), std::move(text)};
    if (!running_.load(std::memory_order_acquire)) return write_directly(x);
    if (!queue_.push(std::move(x))) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    wake();
  }

  void reopen() {
    std::unique_lock lock(control_);
    if (!thread_.joinable()) return;
    reopen_ = true;
    wake();
    done_.wait(lock, [this] { return !reopen_; });
  }

  void flush() {
    std::unique_lock lock(control_);
    if (!thread_.joinable()) return;
    flush_ = true;
    wake();
    done_.wait(lock, [this] { return !flush_; });
  }

  void stop() {
    {
      std::unique_lock lock(control_);
      if (!thread_.joinable()) return;
      running_.store(false, std::memory_order_release);
      stopping_ = true;
      wake();
    }
    thread_.join();
    thread_ = {};
    sink_.reset();
  }

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

private:
  static void set_levels(const settings& s) {
    detail::debug_on.store(s.debug, std::memory_order_relaxed);
    detail::trace_on.store(s.trace, std::memory_order_relaxed);
  }

  static void write_directly(const line& x) {
    auto text = format_line(x.l, x.at, x.text, settings{}, false);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }

  void wake() {
    signal_.fetch_add(1, std::memory_order_release);
    signal_.notify_one();
  }

  void run() {
    for (;;) {
      auto seen = signal_.load(std::memory_order_acquire);
      drain();
      if (!serve()) return;
      signal_.wait(seen, std::memory_order_acquire);
    }
  }

  void drain() {
    line x;
    while (queue_.pop(x))
      sink_->write(x.l, x.at, x.text);
    auto lost = dropped();
    if (lost == reported_) return;
    sink_->write(level::warn, std::chrono::system_clock::now(),
                 fmt::format("Log queue was full, {} lines were dropped", lost - reported_));
    reported_ = lost;
  }

  /// Does what the other threads asked for. False: end.
  bool serve() {
    std::unique_lock lock(control_);
    drain(); // what was logged before they asked
    if (next_sink_) sink_ = std::move(next_sink_);
    if (reopen_) {
      bool file = sink_->reopen();
      sink_->write(level::info, std::chrono::system_clock::now(),
                   file ? "File log re-opened" : "File log re-open ignored, not a file logger");
    }
    next_sink_.reset();
    reopen_ = flush_ = false;
    done_.notify_all();
    return !stopping_;
  }

  line_queue queue_;
  std::atomic<uint32_t> signal_{0};
  std::atomic<bool> running_{false};
  std::atomic<uint64_t> dropped_{0};
  uint64_t reported_ = 0;
  std::unique_ptr<sink> sink_; // the thread's
  std::thread thread_;

  std::mutex control_;
  std::condition_variable done_;
  std::unique_ptr<sink> next_sink_;
  bool reopen_ = false;
  bool flush_ = false;
  bool stopping_ = false;
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
  s.file = o.log_file;
  s.file_bytes_max = o.logfile_size_limit_bytes;
  s.files_max = o.logfile_max_num;
  s.syslog = o.syslog;
  s.remote_syslog = o.remote_syslog;
  return s;
}

result<void> start(const settings& s) { return the_writer().start(s); }
result<void> reconfigure(const settings& s) { return the_writer().start(s); }
void reopen() { the_writer().reopen(); }
void flush() { the_writer().flush(); }
void stop() { the_writer().stop(); }
uint64_t dropped() { return the_writer().dropped(); }

namespace detail {

void write(level l, fmt::string_view format, fmt::format_args args) {
  std::string text;
  try {
    text = fmt::vformat(format, args);
  } catch (const std::exception& e) {
    text = fmt::format("{} (could not be formatted: {})",
                       std::string_view(format.data(), format.size()), e.what());
  }
  the_writer().log(l, std::move(text));
}

} // namespace detail

} // namespace troupe::log
