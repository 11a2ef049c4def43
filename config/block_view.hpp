// One block of a file, read by the names of its options' rows. Private to config/.
#pragma once

#include "config/declared_parts.hpp"
#include "config/duration.hpp"
#include "config/load_context.hpp"

namespace troupe::config {

/// The options of one block by the names of their rows. What has the wrong type is none: it has been
/// refused elsewhere.
class block_view {
public:
  block_view(const value* block, std::string_view name) : name_(name) {
    map_ = block ? block->get<map>() : nullptr;
  }
  const value* at(std::string_view option) const {
    if (!map_) return nullptr;
    for (auto& [key, field] : *map_)
      if (auto row = find_option(name_, key); row && row->name() == option) return &field;
    return nullptr;
  }
  block_view block(std::string_view option, std::string_view name) const { return {at(option), name}; }
  bool has(std::string_view option) const { return at(option) != nullptr; }
  std::string text(std::string_view option) const {
    const value* v = at(option);
    auto s = v ? v->get<std::string>() : nullptr;
    return s ? *s : std::string();
  }
  int64_t integer(std::string_view option) const {
    const value* v = at(option);
    auto n = v ? v->get<int64_t>() : nullptr;
    return n ? *n : 0;
  }
  nanoseconds duration(std::string_view option) const {
    const value* v = at(option);
    if (auto s = v ? v->get<std::string>() : nullptr)
      if (auto d = parse_duration(*s)) return *d;
    return seconds_of(integer(option));
  }
  /// A list, or one that stands for it.
  std::vector<std::string> texts(std::string_view option) const {
    std::vector<std::string> out;
    const value* v = at(option);
    if (auto s = v ? v->get<std::string>() : nullptr) out.push_back(*s);
    if (auto list = v ? v->get<array>() : nullptr)
      for (const value& one : *list)
        if (auto s = one.get<std::string>()) out.push_back(*s);
    return out;
  }
  std::vector<block_view> blocks(std::string_view option, std::string_view name) const {
    std::vector<block_view> out;
    const value* v = at(option);
    if (auto list = v ? v->get<array>() : nullptr)
      for (const value& one : *list)
        if (one.get<map>()) out.emplace_back(&one, name);
    return out;
  }
  int64_t port() const {
    if (const value* listen = at("listen"))
      if (auto hp = parse_listen(*listen)) return hp->port;
    return integer("port");
  }
  compression_wish compression() const {
    compression_wish out;
    const value* v = at("compression");
    if (auto b = v ? v->get<bool>() : nullptr) out.mode = *b ? "on" : "off";
    else out.mode = text("compression");
    const block_view more(v, "compression");
    if (auto mode = more.text("mode"); !mode.empty()) out.mode = mode;
    for (const std::string& one : more.texts("rtt_thresholds"))
      if (auto d = parse_duration(one)) out.round_trips.push_back(*d);
    return out;
  }

private:
  const map* map_;
  std::string_view name_;
};

/// A leaf node's remote as messages name it, without secrets; URLs without a port get this one, 0: none.
std::string shown_leaf_remote(const block_view& remote, int default_port);

} // namespace troupe::config
