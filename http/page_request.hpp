// Pages for the system account: `$SYS.REQ.SERVER.<id>.VARZ` and its kind, whose options are JSON.
//
// Whoever sits above http/ (main) hands this to the system services as a function; they know
// nothing of http/.
#pragma once

#include "http/pages.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace troupe::http {

/// What goes into the answer beside "server".
struct page_answer {
  std::string data; // compact JSON for "data"; empty: there is none, see below
  int error_code = 0;
  std::string error; // for "error", with the code
  bool silent = false; // no answer at all: a filter of the request excludes this server
};

/// `page` is the last token of the subject: VARZ, CONNZ, SUBSZ, ROUTEZ, GATEWAYZ, LEAFZ, ACCOUNTZ,
/// STATZ (of accounts), JSZ, HEALTHZ, EXPVARZ, IPQUEUESZ, RAFTZ; and ACTORZ. `options` is the payload, empty for
/// none; members that are not the page's (server_name, cluster, tags, ...) are left to the caller.
/// Error 400: the options are no JSON or of a wrong type; 500: what the page says of them, or the
/// node did not answer. Threads: as `pages`.
page_answer answer_page(pages& from, std::string_view page, std::string_view options);

/// A thread that answers such requests one after the other, so that actors can ask and go on.
class page_worker {
public:
  using done = std::function<void(page_answer)>;
  static constexpr size_t waiting_max = 1024;

  /// The pages must outlive the worker. The thread starts with the first request.
  explicit page_worker(pages& from) : pages_(from) {}
  ~page_worker() { stop(); }
  page_worker(const page_worker&) = delete;
  page_worker& operator=(const page_worker&) = delete;

  /// Any thread; never waits. `then` is called on the worker's thread, or at once with error 503
  /// when too many are waiting or the worker has stopped.
  void ask(std::string page, std::string options, done then);
  /// Answers what waits with error 503 and ends the thread. Not from `then`.
  void stop();

private:
  struct request {
    std::string page, options;
    done then;
  };
  void run();

  pages& pages_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<request> waiting_;
  std::thread thread_;
  bool stopped_ = false;
};

} // namespace troupe::http
