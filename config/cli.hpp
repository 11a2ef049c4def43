// The command line: what the process is asked to do, and with which options.
//
// Pure apart from the callbacks it is given. Flags follow Go's flag package: one dash or two,
// "-name value" or "-name=value", "-name" alone for booleans. Precedence: flags, file, defaults.
// Nothing here prints, sends a signal or exits; actors/main does, from the result.
#pragma once

#include "config/load.hpp"
#include "config/options.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::config {

enum class cli_action : uint8_t {
  run,
  print_version,     // text in `output`
  print_help,        // text in `output`
  print_unsupported, // text in `output`
  test_config,       // -t, and the file is valid: text in `diagnostics`, but see `reload_file`
  send_signal,       // see `signal`
  fail,              // text in `diagnostics`
};

enum class signal_command : uint8_t { stop, quit, term, reopen, reload, lame_duck };

/// Whom to signal: one process id, or every server whose id starts with `pid_prefix`.
struct signal_request {
  signal_command command = signal_command::quit;
  std::string name;       // as typed, for messages
  int number = 0;         // SIGKILL, SIGINT, ...
  std::string pid;        // empty: the only running server
  bool is_prefix = false; // the text ended with '*'
};

/// Flags given explicitly, in order; kept so that a reload can put them over a new file.
using flag_values = std::vector<std::pair<std::string, std::string>>;

struct cli_result {
  cli_action action = cli_action::run;
  int exit_code = 0;
  std::string output;      // for standard output
  std::string diagnostics; // for standard error, lines ended
  server_options options;
  signal_request signal;
  flag_values flags;
  /// With -t and --test_reload: the file that a server with `options` should be able to reload, and
  /// what it says, valid and under the same flags. Whether it can is for the caller to find out.
  std::string reload_file;
  server_options reload_options;
  std::vector<diagnostic> notices; // options accepted but not built; to be logged at start
};

/// `args` without the program's name. Reads the configuration file through `env`.
cli_result parse_command_line(std::span<const std::string> args, const parse_environment& env);

/// Puts flags over options that came from a file. Used at start and at reload.
void apply_flags(const flag_values& flags, server_options& options);

/// For a reload: the file named on the command line again, with the same flags over it. Not yet
/// validated. Without a file the options are the defaults under the flags.
load_result read_again(const flag_values& flags, const parse_environment& env);

/// Reads "ldm|stop|quit|term|reopen|reload[=pid|pidfile|prefix*]".
result<signal_request> parse_signal(const std::string& text, const parse_environment& env);

/// The arguments with secrets replaced by [REDACTED], for logs and /varz.
std::vector<std::string> redact_arguments(std::span<const std::string> args);

std::string_view help_text();
std::string_view help_tls_text();
std::string version_text();

} // namespace troupe::config
