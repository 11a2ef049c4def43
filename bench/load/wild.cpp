// Scenario "wild": 10,000 subscriptions of four shapes on a few connections, and a publisher whose
// subjects match one or a few of them. Its own matcher says how many deliveries to expect.
//
// Subjects look like w.aaa.bbb.ccc with 100 values per token. Every published subject comes from a
// random subscription with its wildcards filled in; there are far more of them than a match cache
// of 1,024 entries holds.
#include <algorithm>
#include <array>
#include <random>
#include <unordered_map>

#include "bench/load/topology.hpp"

namespace troupe::bench {

namespace {

constexpr unsigned subscription_count = 10'000;
constexpr unsigned default_connections = 4;
constexpr unsigned token_values = 100;
constexpr size_t block_bytes = 128 * 1024;
constexpr size_t distinct_subjects = 16 * 1024;
constexpr size_t pool_bytes = 16 * 1024 * 1024; // bounds the pool of large payloads
constexpr uint32_t any = ~0u; // the token is a wildcard

using tokens = std::array<uint32_t, 3>;

// Draws by remainder: the standard distributions differ between libraries, and the same seed has
// to give the same load everywhere.
uint32_t draw(std::mt19937_64& random, uint32_t bound) {
  return static_cast<uint32_t>(random() % bound);
}

std::string token(uint32_t value) { return std::to_string(100 + value); }

std::string literal_subject(const tokens& t) {
  return "w." + token(t[0]) + "." + token(t[1]) + "." + token(t[2]);
}

std::string pattern(const tokens& t) {
  if (t[2] == any) return "w." + token(t[0]) + "." + token(t[1]) + ".>";
  std::string text = "w";
  for (const uint32_t value : t) text += "." + (value == any ? std::string("*") : token(value));
  return text;
}

// 40% literal, 30% a.*.c, 20% a.b.>, 10% *.b.c
tokens random_pattern(std::mt19937_64& random) {
  tokens t{draw(random, token_values), draw(random, token_values), draw(random, token_values)};
  const uint32_t shape = draw(random, 10);
  if (shape >= 4 && shape < 7) t[1] = any;
  if (shape >= 7 && shape < 9) t[2] = any;
  if (shape == 9) t[0] = any;
  return t;
}

uint64_t key_of(const tokens& t) {
  return (static_cast<uint64_t>(t[0] & 0xffff) << 32) | ((t[1] & 0xffff) << 16) | (t[2] & 0xffff);
}

// How many subscriptions a literal subject matches: one look-up per shape.
class matcher {
public:
  void add(const tokens& pattern) { ++count_[key_of(pattern)]; }

  uint64_t matches(const tokens& t) const {
    return at({t[0], t[1], t[2]}) + at({t[0], any, t[2]}) + at({t[0], t[1], any})
           + at({any, t[1], t[2]});
  }

private:
  uint64_t at(const tokens& t) const {
    const auto found = count_.find(key_of(t));
    return found == count_.end() ? 0 : found->second;
  }
  std::unordered_map<uint64_t, uint64_t> count_;
};

message_pool make_wild_pool(const options& opt, const std::vector<tokens>& patterns,
                            const matcher& match, std::mt19937_64& random) {
  message_pool pool;
  const size_t count = std::min(distinct_subjects, pool_bytes / opt.size);
  for (size_t n = 0; n < count; ++n) {
    tokens t = patterns[draw(random, subscription_count)];
    for (uint32_t& value : t)
      if (value == any) value = draw(random, token_values);
    if (pool.blocks.empty() || pool.blocks.back().bytes.size() >= block_bytes)
      pool.blocks.emplace_back();
    publish_block& block = pool.blocks.back();
    pool.subjects.push_back(literal_subject(t));
    append_publish(block.bytes, pool.subjects.back(), opt.size, pool.message_count++);
    if (block.messages++ == 0) block.round_at = block.bytes.size() - opt.size - 2 + 8;
    block.deliveries += match.matches(t);
  }
  return pool;
}

} // namespace

topology make_wild_topology(const options& opt) {
  const unsigned connections = opt.connections ? opt.connections : default_connections;
  std::mt19937_64 random(opt.seed);
  topology t;
  t.subscribers.resize(connections);
  std::vector<tokens> patterns;
  matcher match;
  for (unsigned i = 0; i < subscription_count; ++i) {
    patterns.push_back(random_pattern(random));
    match.add(patterns.back());
    const std::string sid = std::to_string(10'000 + i);
    subscriber_plan& plan = t.subscribers[i % connections];
    plan.subscribe += "SUB " + pattern(patterns.back()) + " " + sid + "\r\n";
    plan.sid_width = sid.size();
    plan.in_order = false;
  }
  t.pools.push_back(make_wild_pool(opt, patterns, match, random));
  t.window_bytes = opt.window ? opt.window : 32u * 1024 * 1024;
  set_delivery_length(t, t.pools[0].subjects[0].size(), t.subscribers[0].sid_width, opt.size);
  return t;
}

} // namespace troupe::bench
