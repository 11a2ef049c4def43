// Threads for work that waits for others, such as web servers: made as they are needed, so that whoever
// waits holds up nobody while there are fewer than `most_threads` of his kind.
//
// Thread: any. What waits for a thread is bounded. Jobs must not throw; they look at `stopping` to end
// soon.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe {

class wait_pool {
public:
  explicit wait_pool(size_t most_threads = 64, size_t most_waiting = 4096)
      : most_threads_(most_threads), most_waiting_(most_waiting) {}
  ~wait_pool() { stop(); }
  wait_pool(const wait_pool&) = delete;
  wait_pool& operator=(const wait_pool&) = delete;

  /// False: too many wait, there is no thread for it, or it has stopped; the job will not run.
  bool run(std::function<void()> job);
  /// Jobs that wait never run; returns when those under way have ended. Not from a job.
  void stop();
  const std::atomic<bool>& stopping() const { return stopping_; }

private:
  void work();

  const size_t most_threads_, most_waiting_;
  std::mutex mutex_;  // of what follows
  std::condition_variable work_there_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  std::atomic<bool> stopping_{false};
};

} // namespace troupe
