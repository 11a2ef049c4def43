// Which messages ask for a trace, and the event's text.
#include "test/catch.hpp"

#include <random>

#include "actors/routing/message_trace.hpp"

using namespace troupe::routing;

namespace {

std::string block(const std::string& lines) { return "NATS/1.0\r\n" + lines + "\r\n"; }
trace_request read(const std::string& lines) { return read_trace_request(block(lines)); }

} // namespace

TEST_CASE("message trace: asked for by destination", "[routing]") {
  const auto r = read("A: 1\r\nNats-Trace-Dest:  t \r\nA: 2\r\nNats-Trace-Only: TRUE\r\n");
  CHECK(r.wanted);
  CHECK_FALSE(r.external);
  CHECK(r.only);
  CHECK(r.destination == "t");
  REQUIRE(r.headers.size() == 3);
  CHECK(r.headers[0].second == std::vector<std::string>{"1", "2"});
  CHECK_FALSE(read("Nats-Trace-Dest: trace disabled\r\ntraceparent: 0-1-2-01\r\n").wanted);
  CHECK_FALSE(read("nats-trace-dest: t\r\n").wanted);
  CHECK_FALSE(read("Nats-Trace-Only: true\r\n").wanted);
  CHECK(read("Nats-Trace-Dest: t\r\nNats-Trace-Origin-Account: A\r\n").origin == "A");
}

TEST_CASE("message trace: asked for by a sampled parent, in any case", "[routing]") {
  for (const char* name : {"traceparent", "Traceparent", "TRACEPARENT"}) {
    const auto r = read(std::string(name) + ": 00-a-b-01\r\nNats-Trace-Only: true\r\n");
    CHECK(r.wanted);
    CHECK(r.external);
    CHECK_FALSE(r.only);
  }
  for (const char* value : {"00-a-b-00", "00-a-b-1", "00-a-01", "00-a-b-c-01", "00-a-b-ff", "00-a-b-0x"})
    CHECK_FALSE(read(std::string("traceparent: ") + value + "\r\n").wanted);
}

TEST_CASE("message trace: the cheap look misses nothing", "[routing]") {
  std::mt19937 random{7};
  const std::string pieces[] = {"Nats-Trace-Dest", "traceparent", "TraceParent", ":", " ", "\r\n", "x", "00-a-b-01", "N", "t", "\n"};
  size_t wanted = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text = "NATS/1.0\r\n";
    for (size_t n = random() % 12; n > 0; --n) text += pieces[random() % std::size(pieces)];
    if (!read_trace_request(text).wanted) continue;
    ++wanted;
    INFO(text);
    REQUIRE(may_ask_for_trace(text));
  }
  CHECK(wanted > 100);
  CHECK_FALSE(may_ask_for_trace(""));
  CHECK_FALSE(may_ask_for_trace("NATS/1.0\r\nK: v\r\n\r\n"));
}

TEST_CASE("message trace: the event", "[routing]") {
  auto r = read("Nats-Trace-Dest: t\r\n");
  message_trace::origin from;
  from.id = 3;
  from.account = "A";
  from.subject = "s";
  from.message_bytes = 9;
  auto trace = std::make_shared<message_trace>(std::move(from), std::move(r));
  trace->mapped("m");
  trace->delivered({4, "n", "B", "s.*", "q"}, trace_text::no_echo);
  trace->join();
  CHECK_FALSE(trace->leave());
  CHECK(trace->leave());
  const std::string event = trace->event(R"({"name":"x"})");
  CHECK(event.starts_with(R"({"server":{"name":"x"},"request":{"header":{"Nats-Trace-Dest":["t"]},"msgsize":9},"events":[{"type":"in","ts":")"));
  CHECK(event.find(R"("kind":0,"cid":3,"acc":"A","subj":"s"},{"type":"sm","ts":")") != std::string::npos);
  CHECK(event.ends_with(R"("kind":0,"cid":4,"name":"n","acc":"B","sub":"s.*","queue":"q","error":"Not delivered because of no echo"}]})"));
}
