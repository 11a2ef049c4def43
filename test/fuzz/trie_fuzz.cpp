// Whatever the order of SUB, UNSUB, bulk removal, peers' interest, restarts of peers and matches, a
// shard answers as a search of plain lists from end to end does, and holds nothing in the end.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "actors/routing/shard_core.hpp"
#include "test/actors/routing_model.hpp"

namespace {

using troupe::routing::test::pair_of_shards;

/// Reads choices from the input; zeros when it is used up.
class choices {
public:
  choices(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool empty() const { return left_ == 0; }
  uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  size_t below(size_t n) { return byte() % n; }

  /// A byte ends the subject if its top bit is set; the rest chooses a token.
  std::string subject() {
    static const char* const tokens[] = {
        "a", "b", "*", ">", "", "c*", "*>", ">>", "a-token-with-more-than-24-bytes", "abc", "a b"};
    std::string s;
    for (int n = 0; n < 12; ++n) {
      const uint8_t b = byte();
      if (n > 0) s += '.';
      s += tokens[(b & 0x7f) % 11];
      if (b >= 0x80 || left_ == 0) break;
    }
    return s;
  }
  std::string queue() {
    static const char* const names[] = {"", "", "q", "r", "a-queue-group-with-a-long-name"};
    return names[below(5)];
  }
  std::string sid() {
    const uint8_t b = byte();
    return std::string(b % 40, static_cast<char>('0' + b % 10));
  }

private:
  const uint8_t* data_;
  size_t left_;
};

std::string step(pair_of_shards& p, choices& c) {
  auto& subs = p.expected.subs;
  const auto reactor = [&] { return static_cast<troupe::reactor_index>(c.below(5)); };
  switch (c.below(14)) {
  case 0:
  case 1:
  case 2: {
    const std::string subject = c.subject();
    const std::string queue = c.queue();
    return p.subscribe(subject, queue, c.sid());
  }
  case 3:
    return subs.empty() ? "" : p.unsubscribe(c.below(subs.size()));
  case 4:
    return p.unsubscribe_every(1 + c.below(4), c.below(2));
  case 5:
  case 6: {
    const auto from = reactor();
    const std::string subject = c.subject();
    const std::string queue = c.queue();
    return p.apply(from, subject, queue, c.byte() % 4);
  }
  case 7:
    return p.forget(reactor());
  case 8:
    return p.take_changes(c.below(2) == 0 ? c.below(4) : SIZE_MAX);
  case 9:
    return p.reverse_match(c.subject());
  case 10: {
    const std::string subject = c.subject();
    const std::string queue = c.queue();
    if (p.watches(subject, queue)) return p.unwatch(subject, queue);
    p.watch(subject, queue);
    return {};
  }
  case 11:
    return p.check_all();
  default:
    return p.match(c.subject());
  }
}

void require(const std::string& bad) {
  if (bad.empty()) return;
  std::fprintf(stderr, "differs from the model: %s\n", bad.c_str());
  __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  choices c(data, size);
  pair_of_shards p(c.byte() % 4 != 0);
  while (!c.empty())
    require(step(p, c));
  require(p.check_all());
  require(p.clear());
  return 0;
}
