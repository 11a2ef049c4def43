// On any bytes: what was set is found, what was removed is gone, the rest stays, every view lies
// inside its block, and a built block reads back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/headers.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

bool inside(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

std::string as_value(std::string_view text) {
  std::string value;
  for (const char c : text)
    value += c == '\r' || c == '\n' ? ' ' : c;
  return value.substr(std::min(value.find_first_not_of(' '), value.size()));
}

void check_reading(std::string_view block) {
  header_cursor cursor{block};
  size_t bytes = 0;
  while (const auto field = cursor.next()) {
    require(inside(field->key, block) && inside(field->value, block));
    require(field->key.find("\r\n") == std::string_view::npos);
    if (!field->key.empty()) require(find_header(block, field->key).has_value());
    bytes += field->key.size() + field->value.size() + 1;
  }
  require(bytes <= block.size());
  if (const auto status = parse_header_status(block)) {
    require(status->code <= 999 && inside(status->description, block));
  }
}

void check_editing(std::string_view block, std::string_view key, std::string_view value) {
  const std::string set = set_header(block, key, value);
  require(find_header(set, key) == as_value(value));
  const std::string added = add_header(block, key, value);
  require(find_header(added, key).has_value());
  if (!find_header(block, key)) require(find_header(added, key) == as_value(value));

  const std::string removed = remove_header(set, key);
  require(removed.size() <= set.size());
  // A line that does not end is none, and stays.
  if (set.ends_with("\r\n")) require(removed.size() < set.size() && !find_header(removed, key));
  require(remove_headers_with_prefix(set, key).size() <= set.size());
  require(remove_header_status(block).size() <= block.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view all{reinterpret_cast<const char*>(data) + 1, size - 1};
  const size_t cut = std::min<size_t>(data[0] % 16, all.size());
  const std::string value{all.substr(0, cut)};
  const std::string block{all.substr(cut)};
  check_reading(block);
  for (const std::string_view key : {"A", "Nats-Msg-Id"})
    check_editing(block, key, value);

  header_builder builder{503, value};
  builder.add("A", value).add("B", block);
  const std::string built = builder.finish();
  require(find_header(built, "A") == as_value(value) && find_header(built, "B") == as_value(block));
  const auto status = parse_header_status(built);
  require(status && status->code == 503);
  return 0;
}
