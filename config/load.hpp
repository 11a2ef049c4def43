// A parsed file -> checked options, with every problem at once.
//
// Pure except for load_file. Never throws on any input; the options are usable even when there were
// errors, but a caller that starts a node must refuse them.
#pragma once

#include "config/options.hpp"
#include "config/parser.hpp"
#include "config/value.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

struct load_result {
  server_options options;
  std::vector<diagnostic> errors;   // refuse to start
  std::vector<diagnostic> warnings; // the NATS server warns too; with -t it refuses
  std::vector<diagnostic> notices;  // ours: an option is accepted but not built yet

  bool syntax_failure = false;      // the one error says why the file cannot be read

  bool ok() const { return errors.empty(); }
  /// Warnings, then errors, one a line, each line ended: what the NATS server prints.
  std::string to_string() const;
};

/// Applies a tree to `base`. Problems come sorted by their place. An option that should protect
/// something but is not built is an error, or a notice when `base.allow_unsupported` says so.
/// `env` reads the files that options name; without one there are none.
load_result load(const value& root, server_options base = {},
                 const parse_environment* env = nullptr);

/// Parses and loads a file; broken syntax is a single error. Sets config_file and config_digest.
load_result load_file(const std::string& path, const parse_environment& env,
                      server_options base = {});

struct advertised_address {
  std::string host;
  int port = 0; // 0: that of the listener
};
/// "host", "host:port" or "[v6]:port". An error's context has the words of the NATS server, Go's.
result<advertised_address> parse_advertise(const std::string& text);

/// Whether `name` may stand for clients that present nothing; empty: none does.
result<void> validate_no_auth_user(const server_options& options, const std::string& name);
/// The part of validate() about the WebSocket listener.
result<void> validate_websocket(const server_options& options);
/// The part of validate() about blocks that are not built: a message each.
std::vector<std::string> validate_parts(const server_options& options);
/// The part of validate() about operator mode, for a server of that version.
result<void> validate_operators(const server_options& options, std::string_view version);

/// Checks between options, made before a node starts: an error's context has the server's message
/// for each of them, one a line.
result<void> validate(const server_options& options);

} // namespace troupe::config
