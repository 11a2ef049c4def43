// The monitoring pages as functions of their options: for HTTP, which reads the options from a
// query, and for the system account, which reads them from JSON (page_request.hpp).
//
// Each returns a document laid out as the NATS server's page. An error's context is what the NATS
// server says; its code tells whose fault it is: `unavailable` the node did not answer (503),
// `not_found` there is no such thing, everything else: the options are bad (400).
//
// Any thread but a reactor's and CAF's workers: a page waits until the reactors have answered, for a
// few seconds at most.
#pragma once

#include "http/endpoints/accounts.hpp"
#include "http/endpoints/connz.hpp"
#include "http/endpoints/subsz.hpp"
#include "http/endpoints/unbuilt.hpp"
#include "http/monitor_source.hpp"
#include "http/process_usage.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace troupe::http {

class pages {
public:
  using clock = std::function<observe::wall_time()>;

  /// The source must outlive the pages.
  explicit pages(monitor_source& source, clock now = observe::wall_now);

  result<std::string> varz();
  /// `options` as parse_connz or check_connz returned them; subsz alike.
  result<std::string> connz(const connz_options& options);
  result<std::string> subsz(const subsz_options& options);
  result<std::string> accountz(const accountz_options& options);
  result<std::string> accstatz(const accstatz_options& options);
  result<std::string> routez(const routez_options& options);
  result<std::string> gatewayz(const gatewayz_options& options);
  result<std::string> leafz(const leafz_options& options);
  result<std::string> jsz(const jsz_options& options);
  result<std::string> raftz(const raftz_options& options);
  result<std::string> ipqueuesz(const ipqueuesz_options& options);
  result<std::string> actorz();
  /// OpenMetrics text.
  result<std::string> metrics();
  /// Health is never an error: the page says what is wrong, with a status code of HTTP.
  observe::health_snapshot healthz(const health_request& request);
  /// Memory and command line, in the shape of Go's expvar.
  std::string expvarz();
  /// What every thread of the process is doing, as text.
  std::string stacksz();

  /// Counts a request for varz' http_req_stats; `path` is the page's main name, "/connz".
  void count(const std::string& path);
  std::map<std::string, uint64_t> request_counts() const;

private:
  process_usage measure();

  monitor_source& source_;
  clock now_;
  mutable std::mutex mutex_; // of what follows
  usage_meter usage_;
  std::map<std::string, uint64_t> counts_;
};

} // namespace troupe::http
