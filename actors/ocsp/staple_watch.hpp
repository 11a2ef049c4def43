// Keeps the OCSP answers of a configuration's certificates fresh: asks the responders before anybody
// connects, then again from time to time, on a thread of its own.
//
// Made and prepared on the thread that starts or reloads the node, which may wait; started once its
// configuration is in force, stopped when it no longer is. Answers are kept in
// `<store_dir>/ocsp/<hex SHA-256 of the certificate>`, as by the NATS server.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/ocsp/staple_core.hpp"
#include "actors/reactor/tls_context.hpp"
#include "config/options.hpp"

namespace troupe {

class staple_watch {
public:
  /// Asks about the certificates of `contexts` that are to be stapled. nullptr: none is. The error
  /// says why the node must not begin, or not obey a reload. Blocks for up to a minute per responder.
  static result<std::shared_ptr<staple_watch>> prepare(const config::server_options& options,
                                                       const std::vector<tls_context_ptr>& contexts);
  ~staple_watch();
  staple_watch(const staple_watch&) = delete;
  staple_watch& operator=(const staple_watch&) = delete;

  /// `end_node` is called, on the watch's thread, when a certificate must no longer be used.
  void start(std::function<void()> end_node);
  /// Returns within a fraction of a second.
  void stop();

private:
  struct watched;
  staple_watch(const config::server_options& options);
  result<void> take_up(const tls_context& context, const own_certificate& own, bool ends_node);
  result<ocsp_answer> stored(watched& w);
  result<ocsp_answer> ask(watched& w);
  result<ocsp_answer> accept(watched& w, std::string der);
  result<std::string> question_to(const watched& w, std::string url, const std::string& question);
  result<void> store(const watched& w, const std::string& der);
  void run();
  /// False: the node ends.
  bool look_again(watched& w);

  std::string folder_;  // empty: nothing is kept
  std::vector<std::string> urls_;
  std::vector<std::unique_ptr<watched>> watched_;
  std::function<void()> end_node_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

} // namespace troupe
