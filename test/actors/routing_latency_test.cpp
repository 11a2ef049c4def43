// Which requests are measured, and the text of the event.
#include "test/catch.hpp"

#include "actors/routing/latency_core.hpp"

using namespace troupe::routing;

namespace {

latency_choice by_header(const std::string& lines) {
  return choose_latency(0, 99, "NATS/1.0\r\n" + lines + "\r\n\r\n");
}

} // namespace

TEST_CASE("latency: sampling per cent", "[routing]") {
  CHECK(choose_latency(100, 99, "").measure);
  CHECK(choose_latency(50, 49, "").measure);
  CHECK_FALSE(choose_latency(50, 50, "").measure);
  CHECK_FALSE(choose_latency(0, 0, "").measure);
}

TEST_CASE("latency: headers of tracers decide", "[routing]") {
  CHECK(by_header("Uber-Trace-Id: a:b:c:01").measure);
  CHECK(by_header("uber-trace-id: a:b:c:3\r\nuberctx-x: 1").headers.size() == 2);
  CHECK_FALSE(by_header("Uber-Trace-Id: a:b:c:2").measure);
  CHECK_FALSE(by_header("Uber-Trace-Id: a:b:c:111").measure);
  CHECK_FALSE(by_header("Uber-Trace-Id: a:b:1").measure);
  CHECK(by_header("X-B3-TraceId: 1").headers.contains("X-B3-Traceid"));
  CHECK_FALSE(by_header("X-B3-TraceId: 1\r\nX-B3-Sampled: 0").measure);
  CHECK(by_header("B3: d").measure);
  CHECK_FALSE(by_header("B3: a-b-0-c").measure);
  CHECK(by_header("traceparent: 00-a-b-01\r\ntracestate: s").headers.size() == 2);
  CHECK_FALSE(by_header("traceparent: 00-a-b-0g").measure);
  CHECK_FALSE(by_header("other: 1").measure);
}

TEST_CASE("latency: the event", "[routing]") {
  service_latency l;
  l.requestor = R"({"acc":"B"})";
  l.requestor_rtt = std::chrono::nanoseconds(10);
  l.responder_rtt = std::chrono::nanoseconds(20);
  l.took = std::chrono::nanoseconds(100);
  l.asked_at_ns = 1'000'000'010;
  CHECK(latency_event(l, "ID", 2'000'000'000)
        == R"({"type":"io.nats.server.metric.v1.service_latency","id":"ID",)"
           R"("timestamp":"1970-01-01T00:00:02Z","status":200,"requestor":{"acc":"B"},)"
           R"("start":"1970-01-01T00:00:01Z","service":80,"system":0,"total":110})");
  l.status = 504;
  l.headers["B3"] = {"1"};
  CHECK(latency_event(l, "ID", 0).find(R"("status":504,"description":"Service Timeout")")
        != std::string::npos);
}
