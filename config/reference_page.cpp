#include "config/reference_page.hpp"

#include "config/option_table.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

constexpr std::string_view intro = R"(# Configuration

All options of the configuration file. This page is written by `troupe --help_config` from the table that the server
reads files with; a test sees that it is up to date.

The grammar is the NATS server's: `name: value`, `name = value` or `name value`; `{ }` around maps, `[ ]` around
lists; commas or new lines between entries; `#` and `//` start comments; `include 'file'`; `$NAME` for a key defined
above or an environment variable. Names do not depend on case. Plain JSON is fine too.

- **Integers** take units: `k m g t p e` are powers of 1000; `kb ki kib` and so on powers of 1024.
- **Durations** are texts: `"500ms"`, `"2m"`, `"1h30m"`. A plain number is seconds, and is warned about.
- **Reload**: `live` takes effect when the file is read again (SIGHUP, `troupe --signal reload`); `restart` makes a
  reload that changes it fail as a whole, and nothing changes.
- **State**: `works`; `not yet`: accepted with a warning and without effect; `not yet, refused`: it should protect
  something, so a server does not start with it (`--allow_unsupported` starts it UNPROTECTED); `no effect`: accepted,
  and nothing is wanted.

`troupe -t -c FILE` checks a file and prints every problem with its place. `troupe --unsupported` lists what is not
built. What a block may hold is in the table of that name.
)";

std::string_view type_text(option_type type) {
  switch (type) {
  case option_type::boolean:
    return "boolean";
  case option_type::integer:
    return "integer";
  case option_type::text:
    return "text";
  case option_type::duration:
    return "duration";
  case option_type::number:
    return "number";
  case option_type::list:
    return "list";
  case option_type::map:
    return "map";
  case option_type::any:
    break;
  }
  return "several";
}

std::string_view state_text(support state) {
  switch (state) {
  case support::built:
    return "works";
  case support::unbuilt:
    return "not yet";
  case support::unbuilt_security:
    return "not yet, refused";
  case support::ignored:
    break;
  }
  return "no effect";
}

std::string code(std::string_view text) {
  return text.empty() ? std::string{} : "`" + std::string(text) + "`";
}

/// "`name` (`alias`, ...)".
std::string names_text(std::string_view names) {
  auto out = code(names.substr(0, names.find(' ')));
  std::string aliases;
  for (auto at = names.find(' '); at != std::string_view::npos;) {
    auto end = names.find(' ', at + 1);
    aliases += (aliases.empty() ? "" : ", ") + code(names.substr(at + 1, end - at - 1));
    at = end;
  }
  return aliases.empty() ? out : out + " (" + aliases + ")";
}

std::string bounds_text(const option_row& row) {
  using limits = std::numeric_limits<int64_t>;
  bool low = row.min != limits::min();
  bool high = row.max != limits::max();
  if (low && high) return std::to_string(row.min) + " to " + std::to_string(row.max);
  if (low) return "at least " + std::to_string(row.min);
  if (high) return "at most " + std::to_string(row.max);
  return {};
}

/// Where to read on: the block of a map, or of each map in it.
std::string nested_text(std::string_view nested) {
  if (nested.empty() || nested == "*") return {};
  bool each = nested[0] == '*';
  std::string block(each ? nested.substr(1) : nested);
  return std::string(each ? " Any names, each with " : " See ") + "[" + block + "](#" + block + ").";
}

std::string row_text(const option_row& row) {
  std::string doc(row.doc);
  for (auto at = doc.find_first_of("|<"); at != std::string::npos;
       at = doc.find_first_of("|<", at + 2))
    doc.insert(at, "\\"); // they would end a cell, or begin a tag
  auto fallback = row.default_text.empty() ? std::string{} : code(row.default_text);
  return "| " + names_text(row.names) + " | " + std::string(type_text(row.type)) + " | " + fallback
         + " | " + bounds_text(row) + " | " + (row.reload == apply::live ? "live" : "restart")
         + " | " + std::string(state_text(row.state)) + " | " + doc + nested_text(row.nested)
         + " |\n";
}

constexpr std::string_view table_head =
    "| option | type | default | bounds | reload | state | |\n|---|---|---|---|---|---|---|\n";

/// "`authorization.users`, `account.users`": the options that hold the block.
std::string holders(std::string_view block) {
  std::string out;
  for (auto rows : {top_level_options(), block_options()})
    for (auto& row : rows) {
      auto nested = row.nested.starts_with('*') ? row.nested.substr(1) : row.nested;
      if (nested != block || row.block == block) continue;
      auto name = row.block.empty() ? std::string(row.name())
                                    : std::string(row.block) + "." + std::string(row.name());
      out += (out.empty() ? "" : ", ") + code(name);
    }
  return out;
}

} // namespace

std::string reference_page() {
  std::string out(intro);
  out += "\n## Top level\n\n" + std::string(table_head);
  for (auto& row : top_level_options())
    out += row_text(row);
  std::vector<std::string_view> blocks;
  for (auto& row : block_options())
    if (std::find(blocks.begin(), blocks.end(), row.block) == blocks.end())
      blocks.push_back(row.block);
  for (auto block : blocks) {
    out += "\n## " + std::string(block) + "\n\n";
    if (auto in = holders(block); !in.empty()) out += "Held by " + in + ".\n\n";
    out += table_head;
    for (auto& row : block_options())
      if (row.block == block) out += row_text(row);
  }
  return out;
}

} // namespace troupe::config
