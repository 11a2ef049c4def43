// Connects and disconnects, as many as some threads can make.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/options.hpp"

namespace troupe::bench {

/// Threads that connect, shake hands (TLS: in full), log in, PING and close, over and over.
class storm {
public:
  /// Begins at once. Ends after `count` connections if that is not 0, else at `deadline_ns`.
  storm(const options& opt, unsigned threads, uint64_t count, uint64_t deadline_ns);
  ~storm() { stop(); }

  /// Waits for the end.
  void join();
  /// Ends it now.
  void stop();

  /// After the end: how many were made, and how long each took (nanoseconds). Throws when one failed.
  uint64_t done() const;
  std::vector<uint32_t>& samples() { return samples_; }

private:
  void run(unsigned thread);

  const options& opt_;
  const uint64_t count_;
  const uint64_t deadline_ns_;
  std::atomic<uint64_t> begun_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::string error_;
  std::vector<uint32_t> samples_;
  std::vector<std::thread> threads_;
};

} // namespace troupe::bench
