// What a reload changes: two sets of options -> a plan, or a refusal in the NATS server's words.
//
// Driven by the option table: a row that says `restart` refuses, one that says `live` is applied.
// All or nothing: a refusal leaves the node as it was. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/options.hpp"
#include "protocol/result.hpp"

namespace troupe {

struct reload_plan {
  config::server_options options; // to be in force afterwards
  std::vector<std::string> lines; // for the log, one for each change: "Reloaded: debug = true"
  bool logging = false;           // where and what is logged
  bool client_listener = false;   // host or port of clients
  bool websocket_listener = false; // the same of WebSocket clients
  bool monitor = false;           // monitoring address or base path
  bool pid_file = false;
  bool ports_file = false;        // its folder, or a port in it
  bool max_connections = false;   // lowered, maybe: the excess is closed

  bool changes_anything() const { return !lines.empty(); }
};

/// `next` comes from the file with the flags over it, and is valid. Errors: `refused` with the
/// server's message, "config reload not supported for Port: old=1, new=2".
result<reload_plan> plan_reload(const config::server_options& current,
                                config::server_options next);

} // namespace troupe
