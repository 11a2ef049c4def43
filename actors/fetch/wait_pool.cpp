#include "actors/fetch/wait_pool.hpp"

#include <system_error>
#include <utility>

namespace troupe {

bool wait_pool::run(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  if (stopping_ || waiting_.size() >= most_waiting_) return false;
  waiting_.push_back(std::move(job));
  if (idle_ < waiting_.size() && threads_.size() < most_threads_) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system has no more: those that there are take it on.
      if (threads_.empty()) {
        waiting_.pop_back();
        return false;
      }
    }
  }
  work_there_.notify_one();
  return true;
}

void wait_pool::stop() {
  std::vector<std::thread> threads;
  std::deque<std::function<void()>> dropped;  // with what they hold, not under the lock
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    dropped.swap(waiting_);
  }
  work_there_.notify_all();
  for (std::thread& t : threads) t.join();
}

void wait_pool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    work_there_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    --idle_;
    if (stopping_) return;
    std::function<void()> job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

} // namespace troupe
