// What subscribing, matching and unsubscribing cost in one shard, and how much memory they hold.
//
// The memory benchmark counts what the allocator hands out between its start and its end (two
// shards and, as a stand-in for the connections, one pointer-sized entry per subscription).
#include <benchmark/benchmark.h>

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "actors/routing/shard_core.hpp"

namespace {

using namespace troupe::routing;

/// Distinct subjects of 20 bytes, three tokens.
std::string subject_of(size_t n) {
  char text[64];
  std::snprintf(text, sizeof text, "orders.eu%02zu.%08zu", n % 97, n);
  return text;
}

std::vector<std::string> subjects(size_t count) {
  std::vector<std::string> all;
  for (size_t i = 0; i < count; ++i)
    all.push_back(subject_of(i));
  return all;
}

/// 10,000 filters with wildcards in every place, each matched by something.
void add_wildcards(shard_core& shard) {
  for (int i = 0; i < 10000; ++i) {
    const std::string n = std::to_string(i);
    std::string filter;
    switch (i % 4) {
    case 0:
      filter = "fleet." + n + ".*";
      break;
    case 1:
      filter = "fleet.*.speed." + n;
      break;
    case 2:
      filter = "fleet." + n + ".>";
      break;
    default:
      filter = "*.status." + n;
      break;
    }
    shard.subscribe(nullptr, filter, "", n);
  }
}

void insert(benchmark::State& state) {
  const auto names = subjects(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    auto shard = std::make_unique<shard_core>(0);
    state.ResumeTiming();
    for (const std::string& s : names)
      shard->subscribe(nullptr, s, "", "12");
    state.PauseTiming();
    shard.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(insert)->Arg(1000)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);

void remove_one_by_one(benchmark::State& state) {
  const auto names = subjects(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    shard_core shard(0);
    std::vector<subscription*> subs;
    for (const std::string& s : names)
      subs.push_back(shard.subscribe(nullptr, s, "", "12"));
    shard.visit_interest_changes([](auto&&...) {});
    shard.match(names[0]);
    std::shuffle(subs.begin(), subs.end(), std::mt19937(1));
    state.ResumeTiming();
    for (subscription* s : subs)
      shard.unsubscribe(s);
    shard.visit_interest_changes([](auto&&...) {});
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(remove_one_by_one)->Arg(1000)->Arg(1000000)->Unit(benchmark::kMillisecond);

void remove_in_bulk(benchmark::State& state) {
  const auto names = subjects(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    shard_core shard(0);
    std::vector<subscription*> subs;
    for (const std::string& s : names)
      subs.push_back(shard.subscribe(nullptr, s, "", "12"));
    shard.visit_interest_changes([](auto&&...) {});
    shard.match(names[0]);
    std::shuffle(subs.begin(), subs.end(), std::mt19937(1));
    state.ResumeTiming();
    shard.unsubscribe_all(subs);
    shard.visit_interest_changes([](auto&&...) {});
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(remove_in_bulk)->Arg(1000)->Arg(1000000)->Unit(benchmark::kMillisecond);

void remove_thousands_on_one_subject(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    shard_core shard(0);
    std::vector<subscription*> subs;
    const std::string queue = state.range(0) ? "q" : "";
    for (int i = 0; i < 50000; ++i)
      subs.push_back(shard.subscribe(nullptr, "a.b", queue, "1"));
    state.ResumeTiming();
    shard.unsubscribe_all(subs);
  }
  state.SetItemsProcessed(state.iterations() * 50000);
}
BENCHMARK(remove_thousands_on_one_subject)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void subscribe_and_unsubscribe_an_inbox(benchmark::State& state) {
  shard_core shard(0);
  add_wildcards(shard);
  shard.visit_interest_changes([](auto&&...) {});
  shard.match("fleet.1.speed");
  for (auto _ : state) {
    shard.unsubscribe(shard.subscribe(nullptr, "_INBOX.ABCDEFGHIJKLMNOPQRSTUV.*", "", "1"));
    if (shard.has_interest_changes()) shard.visit_interest_changes([](auto&&...) {});
  }
}
BENCHMARK(subscribe_and_unsubscribe_an_inbox);

void match_repeated(benchmark::State& state) {
  shard_core shard(0);
  for (size_t i = 0; i < 1000; ++i)
    shard.subscribe(nullptr, subject_of(i), "", "1");
  const std::string subject = subject_of(7);
  for (auto _ : state)
    benchmark::DoNotOptimize(&shard.match(subject));
}
BENCHMARK(match_repeated);

void match_cached(benchmark::State& state) {
  shard_core shard(0);
  const auto names = subjects(static_cast<size_t>(state.range(0)));
  for (const std::string& s : names)
    shard.subscribe(nullptr, s, "", "1");
  for (int round = 0; round < 20; ++round)
    for (const std::string& s : names)
      shard.match(s);
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(&shard.match(names[at]));
    if (++at == names.size()) at = 0;
  }
  state.counters["hit_rate"] = shard.get_stats().cache_hit_rate;
}
BENCHMARK(match_cached)->Arg(16)->Arg(500)->Arg(2000);

void match_missed_among_wildcards(benchmark::State& state) {
  shard_core shard(0);
  add_wildcards(shard);
  std::vector<std::string> names;
  for (int i = 0; i < 100000; ++i)
    names.push_back("fleet." + std::to_string(i % 10000) + (i % 2 ? ".speed." : ".status.")
                    + std::to_string(i));
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(&shard.match(names[at]));
    if (++at == names.size()) at = 0;
  }
  state.counters["hit_rate"] = shard.get_stats().cache_hit_rate;
}
BENCHMARK(match_missed_among_wildcards);

void match_missed_inboxes(benchmark::State& state) {
  shard_core shard(0);
  std::vector<std::string> names;
  for (size_t i = 0; i < 10000; ++i) {
    char text[64];
    std::snprintf(text, sizeof text, "_INBOX.%022zu", i * 7919);
    shard.subscribe(nullptr, std::string(text) + ".*", "", "1");
    names.push_back(std::string(text) + ".12345678");
  }
  std::shuffle(names.begin(), names.end(), std::mt19937(1));
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(&shard.match(names[at]));
    if (++at == names.size()) at = 0;
  }
}
BENCHMARK(match_missed_inboxes);

void match_missed_of_a_million(benchmark::State& state) {
  shard_core shard(0);
  auto names = subjects(1000000);
  for (const std::string& s : names)
    shard.subscribe(nullptr, s, "", "1");
  std::shuffle(names.begin(), names.end(), std::mt19937(1));
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(&shard.match(names[at]));
    if (++at == names.size()) at = 0;
  }
}
BENCHMARK(match_missed_of_a_million);

void fan_out_of_a_thousand(benchmark::State& state) {
  shard_core shard(0);
  for (int i = 0; i < 1000; ++i)
    shard.subscribe(nullptr, "news.all", "", std::to_string(i));
  for (auto _ : state) {
    if (state.range(0)) { // built anew each time
      state.PauseTiming();
      shard.unsubscribe(shard.subscribe(nullptr, "news.all", "", "x"));
      state.ResumeTiming();
    }
    uint64_t bytes = 0;
    for (subscription* s : shard.match("news.all").plain)
      bytes += s->sid().size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(fan_out_of_a_thousand)->Arg(0)->Arg(1);

void match_queue_groups(benchmark::State& state) {
  shard_core shard(0);
  for (int i = 0; i < 100; ++i) {
    shard.subscribe(nullptr, "jobs.*", "workers", "1");
    shard.subscribe(nullptr, "jobs.>", "workers", "1");
    shard.subscribe(nullptr, "jobs.new", "audit", "1");
  }
  for (auto _ : state)
    benchmark::DoNotOptimize(&shard.match("jobs.new"));
}
BENCHMARK(match_queue_groups);

size_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void memory_of_a_million(benchmark::State& state) {
  constexpr size_t count = 1000000;
  size_t bytes = 0;
  size_t text = 0;
  for (auto _ : state) {
    const size_t before = allocated_bytes();
    shard_core local(0);
    shard_core peer(1);
    text = 0;
    for (size_t i = 0; i < count; ++i) {
      const std::string subject = subject_of(i);
      text += subject.size();
      local.subscribe(nullptr, subject, "", std::to_string(i));
      if (i % 1000 == 999)
        local.visit_interest_changes([&](std::string_view s, std::string_view q, uint32_t weight) {
          peer.apply(0, s, q, weight);
        });
    }
    bytes = allocated_bytes() - before;
    const size_t known = local.usage().bytes + peer.usage().bytes;
    state.counters["known_per_sub"] = static_cast<double>(known) / count;
  }
  state.counters["bytes_per_sub"] = static_cast<double>(bytes) / count;
  state.counters["beyond_text"] = static_cast<double>(bytes - text) / count;
}
BENCHMARK(memory_of_a_million)->Iterations(1)->Unit(benchmark::kMillisecond);

} // namespace
