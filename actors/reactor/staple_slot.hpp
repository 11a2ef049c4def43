// The OCSP answer that a certificate of ours is shown with. One thread puts a fresh one in from time
// to time; handshakes on all reactors take a copy, and never wait for it or for each other.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

struct staple {
  std::string der;
  std::optional<std::chrono::sys_seconds> next_update;  // not set: good until there is another
};

class staple_slot {
public:
  staple_slot() = default;
  staple_slot(const staple_slot&) = delete;
  staple_slot& operator=(const staple_slot&) = delete;
  ~staple_slot() { delete now_.load(); }

  /// From here on handshakes need a staple that is in its time. Before the first reader.
  void require() { required_.store(true, std::memory_order_relaxed); }
  bool required() const { return required_.load(std::memory_order_relaxed); }

  /// Any thread but a reactor's.
  void put(staple fresh) {
    std::lock_guard lock(writers_);
    auto next = std::make_unique<const staple>(std::move(fresh));
    old_.emplace_back(now_.exchange(next.release()));
    // A reader that came before the exchange is still counted; one that came after has the new one.
    if (readers_.load() == 0) old_.clear();
  }

  /// What may be shown at `now`; a handshake that finds none says that one is wanted.
  std::optional<std::string> take(std::chrono::system_clock::time_point now) const {
    readers_.fetch_add(1);
    const staple* s = now_.load();
    std::optional<std::string> out;
    if (s && (!s->next_update || *s->next_update > now)) out = s->der;
    readers_.fetch_sub(1);
    if (!out) wanted_.store(true, std::memory_order_relaxed);
    return out;
  }
  /// The same without the copy.
  bool has(std::chrono::system_clock::time_point now) const {
    readers_.fetch_add(1);
    const staple* s = now_.load();
    const bool there = s && (!s->next_update || *s->next_update > now);
    readers_.fetch_sub(1);
    if (!there) wanted_.store(true, std::memory_order_relaxed);
    return there;
  }
  /// Whether a handshake has found none since this was last asked.
  bool take_wanted() { return wanted_.exchange(false, std::memory_order_relaxed); }

private:
  mutable std::atomic<uint32_t> readers_{0};
  std::atomic<const staple*> now_{nullptr};
  std::atomic<bool> required_{false};
  mutable std::atomic<bool> wanted_{false};
  std::mutex writers_;
  std::vector<std::unique_ptr<const staple>> old_;  // maybe still read
};

} // namespace troupe
