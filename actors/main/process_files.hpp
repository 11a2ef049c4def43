// Files by which others find the process: the pid file and the ports file.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace troupe {

/// What the ports file lists, one URL each; empty: not listening.
struct process_ports {
  std::string host;
  int client = 0;
  bool client_tls = false; // required
  std::string monitoring_host;
  int monitoring = 0;
  bool monitoring_tls = false;
  int profile = 0; // at `host`
  std::string websocket_host;
  int websocket = 0;
  bool websocket_tls = false;
};

/// Writes `path` with the decimal pid. The error names the path and the cause.
result<void> write_pid_file(const std::string& path);

/// `<dir>/<executable>_<pid>.ports`, JSON as the Go server writes it; removed when destroyed.
class ports_file {
public:
  ports_file() = default;
  ~ports_file() { remove(); }
  ports_file(const ports_file&) = delete;
  ports_file& operator=(const ports_file&) = delete;

  result<void> write(const std::string& dir, const process_ports& ports);
  void remove();

private:
  std::string path_;
};

} // namespace troupe
