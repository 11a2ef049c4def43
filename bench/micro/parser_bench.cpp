// What reading one operation costs: protocol/client/parser.hpp over a socket read's worth of bytes.
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "protocol/client/parser.hpp"

namespace {

using namespace troupe;

constexpr size_t read_bytes = 128 * 1024; // what a reactor reads at once

// `line` again and again, as many whole times as fit into one read.
std::string one_read(std::string_view line) {
  std::string bytes;
  do bytes += line;
  while (bytes.size() + line.size() <= read_bytes);
  return bytes;
}

std::string publish(std::string_view subject_and_reply, size_t size) {
  std::string line = "PUB " + std::string(subject_and_reply) + " " + std::to_string(size) + "\r\n";
  return line.append(size, 'x').append("\r\n");
}

// Parses everything in `bytes` once per iteration; reports operations and bytes per second.
void parse_all(benchmark::State& state, const std::string& bytes, op_kind expected) {
  const parser_limits limits;
  int64_t operations = 0;
  for (auto _ : state) {
    std::string_view rest = bytes;
    op found;
    while (!rest.empty()) {
      next_op(rest, limits, found);
      if (found.kind != expected) {
        state.SkipWithError("not the expected operation");
        return;
      }
      benchmark::DoNotOptimize(found);
      rest.remove_prefix(found.consumed);
      ++operations;
    }
  }
  state.SetItemsProcessed(operations);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}

void parse_pub(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  parse_all(state, one_read(publish("bench.000", size)), op_kind::pub);
}
BENCHMARK(parse_pub)->Arg(16)->Arg(128)->Arg(1024)->Arg(16384);

void parse_pub_long_subject(benchmark::State& state) {
  const std::string_view subject = "telemetry.europe.north.plant-17.line-4.sensor.temperature";
  parse_all(state, one_read(publish(subject, 16)), op_kind::pub);
}
BENCHMARK(parse_pub_long_subject);

void parse_pub_reply(benchmark::State& state) {
  const std::string_view names = "svc.echo _INBOX.Zk3PqJ6mYt2s8RwXvB1c0D.7uQfL4nA";
  parse_all(state, one_read(publish(names, 128)), op_kind::pub);
}
BENCHMARK(parse_pub_reply);

void parse_hpub(benchmark::State& state) {
  const std::string header = "NATS/1.0\r\nNats-Msg-Id: 4711\r\n\r\n";
  const std::string size = std::to_string(header.size());
  const std::string total = std::to_string(header.size() + 128);
  const std::string line = "HPUB bench.000 " + size + " " + total + "\r\n" + header
                           + std::string(128, 'x') + "\r\n";
  parse_all(state, one_read(line), op_kind::pub);
}
BENCHMARK(parse_hpub);

void parse_sub(benchmark::State& state) {
  parse_all(state, one_read("SUB subs.000.*.123 workers 123456\r\n"), op_kind::sub);
}
BENCHMARK(parse_sub);

void parse_unsub(benchmark::State& state) {
  parse_all(state, one_read("UNSUB 123456 1\r\n"), op_kind::unsub);
}
BENCHMARK(parse_unsub);

void parse_ping(benchmark::State& state) { parse_all(state, one_read("PING\r\n"), op_kind::ping); }
BENCHMARK(parse_ping);

// The end of a read, mostly: an operation of which the payload is not all there.
void parse_partial_payload(benchmark::State& state) {
  const parser_limits limits;
  const std::string whole = publish("bench.000", 1024);
  std::string_view part = std::string_view(whole).substr(0, 512);
  op found;
  for (auto _ : state) {
    benchmark::DoNotOptimize(part);
    next_op(part, limits, found);
    benchmark::DoNotOptimize(found);
  }
  if (found.kind != op_kind::need_more) state.SkipWithError("not the expected operation");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(parse_partial_payload);

} // namespace
