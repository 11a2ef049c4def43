// Tells systemd (Type=notify) how the node is: ready, alive, reloading, stopping.
//
// One datagram per event to the socket named by $NOTIFY_SOCKET; without it nothing happens. With
// $WATCHDOG_USEC a thread says WATCHDOG=1 twice in that span, but only after the node has answered:
// a node that hangs goes silent and is restarted.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace troupe {

class service_notify {
public:
  /// Reads the environment and removes the variables, so that children do not answer for us.
  service_notify();
  ~service_notify(); // stops the watchdog

  service_notify(const service_notify&) = delete;
  service_notify& operator=(const service_notify&) = delete;

  /// READY=1, and from now on the watchdog. `is_alive` runs on the watchdog's thread and may block
  /// a while; `is_leaving` tells that the node lets its clients go, so STOPPING=1 is due.
  void ready(std::function<bool()> is_alive, std::function<bool()> is_leaving);

  /// RELOADING=1: the configuration is read anew; `reloaded` follows, whatever came of it. Any
  /// thread.
  void reloading();
  void reloaded();

  /// STOPPING=1, once. The watchdog goes on meanwhile.
  void stopping();

  /// Ends the watchdog: no call into the node is under way or comes after this.
  void stop_watchdog();

private:
  void send(std::string_view text) const;
  void watch(const std::function<bool()>& is_alive, const std::function<bool()>& is_leaving);

  std::string socket_;                       // empty: nobody listens
  std::chrono::microseconds watchdog_{0};    // 0: not wanted
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
  bool said_stopping_ = false;
  std::thread thread_;
};

} // namespace troupe
