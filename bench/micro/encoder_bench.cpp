// What writing one delivery costs: protocol/client/encoder.hpp into an output buffer.
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "protocol/client/encoder.hpp"

namespace {

using namespace troupe;

constexpr size_t buffer_bytes = 256 * 1024; // a reactor flushes an output buffer at this size

// Calls `write(out)`, which returns the bytes written, over and over, wrapping at the buffer's end.
// Reports writes and bytes per second.
template <class Write>
void fill_buffer(benchmark::State& state, size_t bound, const Write& write) {
  std::vector<char> buffer(buffer_bytes + bound);
  size_t at = 0;
  int64_t bytes = 0;
  for (auto _ : state) {
    const size_t written = write(buffer.data() + at);
    bytes += static_cast<int64_t>(written);
    at += written;
    if (at >= buffer_bytes) {
      benchmark::ClobberMemory();
      at = 0;
    }
  }
  benchmark::DoNotOptimize(buffer);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
  state.SetBytesProcessed(bytes);
}

// Keeps the compiler from using what it knows about a value.
template <class T> T opaque(T value) {
  benchmark::DoNotOptimize(value);
  return value;
}

void encode_msg_line(benchmark::State& state) {
  auto subject = opaque(std::string(static_cast<size_t>(state.range(0)), 's'));
  auto sid = opaque(std::string("17"));
  auto size = opaque(static_cast<size_t>(state.range(1)));
  fill_buffer(state, msg_line_bound(subject.size(), sid.size(), 0),
              [&](char* out) { return write_msg_line(out, subject, sid, {}, size); });
}
BENCHMARK(encode_msg_line)->Args({9, 16})->Args({9, 16384})->Args({57, 128});

void encode_msg_line_reply(benchmark::State& state) {
  auto subject = opaque(std::string("svc.echo"));
  auto sid = opaque(std::string("1"));
  auto reply = opaque(std::string("_INBOX.Zk3PqJ6mYt2s8RwXvB1c0D.7uQfL4nA"));
  auto size = opaque(size_t{128});
  fill_buffer(state, msg_line_bound(subject.size(), sid.size(), reply.size()),
              [&](char* out) { return write_msg_line(out, subject, sid, reply, size); });
}
BENCHMARK(encode_msg_line_reply);

void encode_hmsg_line(benchmark::State& state) {
  auto subject = opaque(std::string("bench.000"));
  auto sid = opaque(std::string("1"));
  auto header = opaque(size_t{32});
  auto total = opaque(size_t{160});
  fill_buffer(state, msg_line_bound(subject.size(), sid.size(), 0),
              [&](char* out) { return write_hmsg_line(out, subject, sid, {}, header, total); });
}
BENCHMARK(encode_hmsg_line);

// The whole delivery of a small message: line, payload, line end.
void encode_delivery(benchmark::State& state) {
  auto subject = opaque(std::string("bench.000"));
  auto sid = opaque(std::string("1"));
  auto payload = opaque(std::string(static_cast<size_t>(state.range(0)), 'x') + "\r\n");
  const size_t bound = msg_line_bound(subject.size(), sid.size(), 0) + payload.size();
  fill_buffer(state, bound, [&](char* out) {
    const size_t line = write_msg_line(out, subject, sid, {}, payload.size() - crlf.size());
    std::memcpy(out + line, payload.data(), payload.size());
    return line + payload.size();
  });
}
BENCHMARK(encode_delivery)->Arg(16)->Arg(128)->Arg(1024);

void encode_decimal(benchmark::State& state) {
  auto value = opaque(static_cast<uint64_t>(state.range(0)));
  fill_buffer(state, max_decimal_bytes, [&](char* out) {
    benchmark::DoNotOptimize(value);
    return write_decimal(out, value);
  });
}
BENCHMARK(encode_decimal)->Arg(7)->Arg(128)->Arg(16384)->Arg(1048576);

void encode_no_responders(benchmark::State& state) {
  auto reply = opaque(std::string("_INBOX.Zk3PqJ6mYt2s8RwXvB1c0D.7uQfL4nA"));
  auto sid = opaque(std::string("1"));
  auto subject = opaque(std::string("svc.missing"));
  fill_buffer(state, no_responders_bound(subject.size(), sid.size(), reply.size()),
              [&](char* out) { return write_no_responders(out, reply, sid, subject); });
}
BENCHMARK(encode_no_responders);

} // namespace
