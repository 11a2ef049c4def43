// On any request target and any options of a system request: an answer of a known kind, JSON where
// JSON is promised, text that OpenMetrics allows on /metrics, and never more entries than asked for.
//
// Input: the target, a zero byte, the page of a system request, a zero byte, its options.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <simdjson.h>

#include "http/page_request.hpp"
#include "http/router.hpp"
#include "test/http/fake_source.hpp"

namespace {

using namespace troupe;
using namespace troupe::http;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

bool is_json(std::string_view text) {
  static simdjson::dom::parser parser;
  return parser.parse(simdjson::padded_string(text)).error() == simdjson::SUCCESS;
}

fake_source& source() {
  static fake_source one = [] {
    fake_source s;
    for (uint64_t cid = 1; cid <= 5; ++cid) {
      s.some_connections.open.push_back(a_connection(cid));
      s.some_connections.open.back().name = "a\"\n\xff<";
      s.some_connections.open.back().subs = {{"", "", "foo.*", "q", "1", 0, 0, cid}};
      s.some_subs.subs.push_back({"$G", "$G", "foo.>", "", "1", 0, 0, cid});
    }
    s.some_connections.closed.push_back(a_connection(9));
    s.some_connections.closed.back().stop = fixed_now();
    return s;
  }();
  return one;
}

std::string_view cut(std::string_view& rest) {
  auto end = std::min(rest.find('\0'), rest.size());
  auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

void check_query(std::string_view target) {
  auto parsed = parse_target(target);
  if (!parsed) return;
  require(parsed->path.starts_with('/') && parsed->path.size() <= target.size());
  if (auto n = parsed->params.get_int("limit"); !n) require(!n.error().context.empty());
  if (auto options = parse_connz(parsed->params))
    require(options->limit > 0 && options->offset >= 0);
  if (auto options = parse_subsz(parsed->params))
    require(options->limit > 0 && options->offset >= 0);
}

void check_page(pages& from, std::string_view target) {
  if (target.find("stacksz") != std::string_view::npos) return; // asks the real threads
  router routes(from, "");
  auto answer = routes.handle(target);
  if (answer.status == 307) { // to a clean path here, and no further
    auto& to = answer.location;
    require(to.starts_with('/') && !to.starts_with("//"));
    require(std::all_of(to.begin(), to.end(), [](char c) { return c > ' ' && c < 0x7f; }));
    answer = routes.handle(to);
  }
  require(answer.status == 200 || answer.status == 400 || answer.status == 404);
  if (answer.content_type == "application/json") require(is_json(answer.body));
  if (answer.status != 200 && answer.content_type != "application/json")
    require(!answer.allow_any_origin);
}

void check_request(pages& from, std::string_view page, std::string_view options) {
  auto answer = answer_page(from, page, options);
  if (answer.silent || answer.error_code != 0) require(answer.data.empty());
  else require(is_json(answer.data) && answer.error.empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto target = cut(rest);
  auto page = cut(rest);
  pages from(source(), fixed_now);
  check_query(target);
  check_page(from, target);
  check_request(from, page, rest);
  return 0;
}
