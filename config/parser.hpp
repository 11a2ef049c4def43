// Text of a configuration file -> value tree, with variables resolved and includes merged.
//
// Pure: files and environment are reached through callbacks, so a test needs neither. Bounded
// against hostile input: depth of nesting, number of included files, and values after variables are
// expanded. Stops at the first error, because what follows broken syntax means little.
#pragma once

#include "config/value.hpp"
#include "protocol/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::config {

struct option_row;
struct tls_options;

inline constexpr int max_nesting = 128;
inline constexpr int max_includes = 1000;
inline constexpr uint64_t max_values = 4'000'000;

/// What the parser may ask of the world.
struct parse_environment {
  /// Contents of a file. An error's context is ready to be shown.
  std::function<result<std::string>(const std::string& path)> read_file;
  /// An environment variable's text.
  std::function<std::optional<std::string>(const std::string& name)> get_env;
  /// Whether the certificates and keys that a tls block names are there and fit. An error's context
  /// is the NATS server's. None: they are not looked at. Never shows what is in a key.
  std::function<result<void>(const tls_options& tls)> check_tls = {};
  /// For tests: one more option at the top, known by its first name alone, that nothing obeys.
  const option_row* stand_in = nullptr;
};

/// The process's own files and environment.
parse_environment system_environment();

struct parse_outcome {
  value root; // always a map
  std::optional<diagnostic> failure;
};

/// Parses `text` as the contents of `path` (used in positions, and to resolve includes).
parse_outcome parse(std::string_view text, const std::string& path, const parse_environment& env);

/// Reads and parses a file.
parse_outcome parse_file(const std::string& path, const parse_environment& env);

} // namespace troupe::config
