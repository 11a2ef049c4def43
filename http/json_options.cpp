#include "http/json_options.hpp"

namespace troupe::http {

namespace {

namespace dom = simdjson::dom;
constexpr size_t options_bytes_max = 64 * 1024;

const char* kind_of(dom::element e) {
  switch (e.type()) {
  case dom::element_type::ARRAY:
    return "array";
  case dom::element_type::OBJECT:
    return "object";
  case dom::element_type::STRING:
    return "string";
  case dom::element_type::BOOL:
    return "bool";
  default:
    return "number";
  }
}

} // namespace

json_options::json_options(std::string_view json) {
  if (json.empty()) return;
  if (json.size() > options_bytes_max) {
    problem_ = troupe::error{errc::limit_exceeded, "options are larger than 64 KiB"};
    return;
  }
  auto root = reader_.read(json);
  if (!root) {
    problem_ = root.error();
    return;
  }
  dom::object members;
  if (root->get(members) == simdjson::SUCCESS) members_ = members;
  else if (!root->is_null())
    problem_ = troupe::error{errc::malformed, std::string("json: cannot unmarshal ") + kind_of(*root)
                                                  + " into Go value of type options"};
}

std::optional<dom::element> json_options::find(std::string_view name) {
  std::optional<dom::element> found; // the last one counts
  if (!members_) return found;
  for (auto [key, value] : *members_)
    if (same_field_name(key, name) && !value.is_null()) found = value;
  return found;
}

void json_options::wrong_type(std::string_view name, dom::element found, const char* wanted) {
  if (problem_) return;
  problem_ = troupe::error{errc::malformed, std::string("json: cannot unmarshal ") + kind_of(found)
                                                + " into Go struct field ." + std::string(name)
                                                + " of type " + wanted};
}

bool json_options::flag(std::string_view name) {
  bool out = false;
  if (auto e = find(name); e && e->get(out) != simdjson::SUCCESS) wrong_type(name, *e, "bool");
  return out;
}

int64_t json_options::integer(std::string_view name) {
  int64_t out = 0;
  if (auto e = find(name); e && e->get(out) != simdjson::SUCCESS) wrong_type(name, *e, "int");
  return out;
}

uint64_t json_options::unsigned_integer(std::string_view name) {
  uint64_t out = 0;
  if (auto e = find(name); e && e->get(out) != simdjson::SUCCESS) wrong_type(name, *e, "uint64");
  return out;
}

std::string json_options::text(std::string_view name) {
  std::string_view out;
  if (auto e = find(name); e && e->get(out) != simdjson::SUCCESS) wrong_type(name, *e, "string");
  return std::string(out);
}

std::vector<std::string> json_options::texts(std::string_view name) {
  std::vector<std::string> out;
  auto e = find(name);
  dom::array items;
  if (!e) return out;
  if (e->get(items) != simdjson::SUCCESS) {
    wrong_type(name, *e, "[]string");
    return out;
  }
  for (dom::element item : items) {
    std::string_view one;
    if (item.get(one) == simdjson::SUCCESS) out.emplace_back(one);
    else wrong_type(name, item, "string");
  }
  return out;
}

} // namespace troupe::http
