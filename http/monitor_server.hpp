// The monitoring listener: HTTP or HTTPS on one thread of its own.
//
// Bounded against hostile peers: header size, body size, time to send a request, time to take the
// answer, and number of connections (the one that was idle longest makes room). The pages
// are rendered on the monitor's thread, so a slow answer delays other monitoring requests and
// nothing else.
#pragma once

#include "actors/reactor/tls_context.hpp"
#include "http/router.hpp"
#include "protocol/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::http {

struct monitor_config {
  std::string host = "0.0.0.0";
  int port = -1; // -1: any free port
  std::string base_path;
  std::function<tls_context_ptr()> tls; // asked for each connection; none: plain HTTP
  std::function<void(const std::string& why)> on_failure = {}; // a request threw, and was ended
  std::function<void(peer_verdict_ptr)> on_verdict = {}; // a client's certificate was asked about
  std::chrono::milliseconds request_timeout{5000}; // from connect, or the last answer, see below
  std::chrono::milliseconds idle_timeout{60000};   // between requests of one connection
  std::chrono::milliseconds write_timeout{30000};
  uint32_t header_bytes_max = 32 * 1024;
  uint64_t body_bytes_max = 64 * 1024; // bodies are read and ignored
  size_t connections_max = 256;
  size_t answer_bytes_max = 256 * 1024 * 1024; // of all answers not yet taken; beyond it: 503
};

class monitor_server {
public:
  /// Answers a request line's target, on the server's thread.
  using handler = std::function<response(std::string_view target)>;

  /// Serves the monitoring pages, which must outlive the server.
  monitor_server(monitor_config config, pages& from);
  /// Serves whatever the handler answers; `base_path` is the handler's business.
  monitor_server(monitor_config config, handler answer);
  ~monitor_server(); // stops

  monitor_server(const monitor_server&) = delete;
  monitor_server& operator=(const monitor_server&) = delete;

  /// Binds, listens and starts the thread. Errors: `unavailable`, with the address in the context.
  result<void> start();

  /// The port in use; valid after start.
  int port() const;

  /// Closes everything and joins the thread. Any thread but the monitor's; twice is fine.
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::http
