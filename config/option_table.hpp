// Every option the configuration file may hold: one row each.
//
// The rows drive loading (load.cpp), the check for unknown names, the reload diff, `--unsupported`
// and the reference page. An option the NATS server knows but Troupe has not built yet is a row
// too: such a file loads, with a notice that names the option.
#pragma once

#include "config/options.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::config {

enum class option_type : uint8_t { boolean, integer, text, duration, number, list, map, any };

/// What a reload does with a changed value.
enum class apply : uint8_t { live, restart };

enum class support : uint8_t {
  built,
  unbuilt,          // accepted, has no effect yet
  unbuilt_security, // accepted, and what it should protect is not protected
  ignored,          // has no effect in the NATS server either, or none is wanted here
};

using target =
    std::variant<std::monostate, bool server_options::*, int server_options::*,
                 int64_t server_options::*, uint8_t server_options::*, unsigned server_options::*,
                 std::string server_options::*, nanoseconds server_options::*,
                 std::vector<std::string> server_options::*,
                 std::map<std::string, std::string> server_options::*,
                 std::map<std::string, bool> server_options::*>;

struct option_row {
  std::string_view block; // "" at the top; else the block's name, as "cluster" or "tls"
  std::string_view names; // first the canonical one, then aliases, separated by spaces
  option_type type = option_type::any;
  std::string_view default_text;
  apply reload = apply::restart;
  support state = support::unbuilt;
  std::string_view doc;
  std::string_view nested = {}; // block that a map (or each map of a list) holds; empty: any keys
  target field = {};            // none: load.cpp has a handler of its own
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();

  std::string_view name() const { return names.substr(0, names.find(' ')); }
};

std::span<const option_row> top_level_options();
std::span<const option_row> block_options();

/// The row of a key (case does not matter) in a block, or null when nobody knows it. The blocks
/// "*" and "" stand for "any key" (null) and the top.
const option_row* find_option(std::string_view block, std::string_view key);

/// Rows accepted but not built, in table order: what `troupe --unsupported` prints.
std::vector<const option_row*> unsupported_options();
std::string unsupported_text();

/// One option whose value differs between two loaded configurations.
struct option_change {
  const option_row* row = nullptr;
  bool live = false; // false: a reload must be refused, "config reload not supported for <name>"
};

/// Compares every top-level option that is built. Pure.
std::vector<option_change> diff(const server_options& before, const server_options& after);

} // namespace troupe::config
