// Permissions agree with a search of plain lists, whatever the rules, and let no denied message
// through; what a session remembers does not change an answer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "actors/auth/permission_core.hpp"
#include "test/actors/auth_permission_model.hpp"

namespace {

using namespace troupe;

class choices {
public:
  choices(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  uint8_t below(uint8_t n) {
    if (left_ == 0) return 0;
    --left_;
    return *data_++ % n;
  }
  std::string filter() {
    std::string s;
    const int tokens = 1 + below(4);
    for (int i = 0; i < tokens; ++i) {
      const char token = "ab*>"[below(4)];
      if (i > 0) s += '.';
      s += token;
      if (token == '>') break;
    }
    return s;
  }
  std::string queue() {
    static const char* const names[] = {"", "q", "q.a", "q.*", "*", "q.>"};
    return names[below(6)];
  }

private:
  const uint8_t* data_;
  size_t left_;
};

const std::vector<std::string>& literals() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> list{"a", "b"};
    for (size_t i = 0; i < 30; ++i) {
      list.push_back(list[i] + ".a");
      list.push_back(list[i] + ".b");
    }
    return list;
  }();
  return all;
}

void require(const std::string& bad) {
  if (bad.empty()) return;
  std::fprintf(stderr, "differs from the model: %s\n", bad.c_str());
  __builtin_trap();
}

/// Rules as they come: nothing may crash, and the memory of a session never changes an answer.
void check_any_text(std::string_view text) {
  config::permissions p;
  p.publish.emplace();
  p.subscribe.emplace();
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    auto& list = i % 2 == 0 ? *p.publish : *p.subscribe;
    (i % 4 < 2 ? list.allow : list.deny).push_back(lines[i]);
  }
  permission_state state(permission_set::make(p));
  for (int round = 0; round < 2; ++round) {
    for (const std::string& line : lines) {
      if (state.may_publish(line, {}) != state.rules().publishes(line)) require("publish " + line);
      if (state.may_deliver(line, {}) != state.rules().delivers(line, {})) require("deliver " + line);
      if (state.may_subscribe(line, {}) && !state.rules().delivers(line, {}))
        require("subscribes but does not deliver " + line);
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  check_any_text({reinterpret_cast<const char*>(data), size});
  choices c(data, size);
  test::permission_model model;
  for (int n = c.below(5); n > 0; --n)
    model.allow.emplace_back(c.filter(), c.queue());
  for (int n = c.below(5); n > 0; --n)
    model.deny.emplace_back(c.filter(), c.queue());
  const auto rules = permission_set::make(model.as_subscribe());
  do {
    const std::string subject = c.filter();
    const std::string queue = c.queue();
    require(test::differs(model, *rules, subject, queue, literals()));
  } while (!c.empty());
  std::erase_if(model.allow, [](const auto& rule) { return !rule.second.empty(); });
  const auto publish = permission_set::make(model.as_publish());
  for (const std::string& literal : literals()) {
    if (publish->publishes(literal) != model.publishes(literal)) require("publish " + literal);
  }
  return 0;
}
