// CONNECT documents: any bytes are read or refused; what was read survives being written and read
// again; what a log shows of them holds no secret. And laying JSON out anew changes nothing but its
// white space.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/client/connect.hpp"
#include "protocol/client/redact.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/json/writer.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

std::string minified(std::string_view json) {
  std::string out(json.size(), ' ');
  size_t n = 0;
  require(simdjson::minify(json.data(), json.size(), out.data(), n) == simdjson::SUCCESS);
  out.resize(n);
  return out;
}

void check_redaction(std::string_view json) {
  const auto shown = parse_connect(redact_connect(json));
  if (!shown) return; // cut off, since nobody could tell what the rest is
  for (const std::string* secret : {&shown->pass, &shown->auth_token, &shown->jwt, &shown->sig,
                                    &shown->proxy_sig, &shown->nkey})
    require(secret->empty() || *secret == "[REDACTED]");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json{reinterpret_cast<const char*>(data), size};
  const auto options = parse_connect(json);
  check_redaction(json);
  if (options) {
    const auto again = parse_connect(encode_connect(*options));
    require(again && *again == *options);
    const auto on_top = parse_connect(json, *options);
    require(on_top && *on_top == *options);
  }
  json_reader reader;
  if (!reader.read(json) || !simdjson::validate_utf8(json.data(), json.size())) return 0;
  std::string pretty;
  append_json_indented(pretty, json, 0);
  require(static_cast<bool>(reader.read(pretty)));
  require(minified(pretty) == minified(json));
  return 0;
}
