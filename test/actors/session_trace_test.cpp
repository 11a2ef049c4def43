#include "actors/session/protocol_trace.hpp"
#include "test/catch.hpp"

using namespace troupe;

TEST_CASE("trace: lines are the NATS server's", "[session][core]") {
  CHECK(traced_op(trace_out, "OK") == "->> [OK]");
  CHECK(traced_op(trace_in, "SUB", "foo 1") == "<<- [SUB foo 1]");
  session_settings s;
  CHECK(traced_payload(trace_in, "hello", -1, s) == "<<- MSG_PAYLOAD: [\"hello\"]");
  CHECK(traced_payload(trace_out, std::string_view("a\0\xff" "b\n\"", 6), -1, s)
        == "->> MSG_PAYLOAD: [\"a\\x00\\xffb\\n\\\"\"]");
  CHECK(traced_payload(trace_in, "", -1, s).empty());
  s.max_traced_msg_len = 4;
  CHECK(traced_payload(trace_in, "hello", -1, s) == "<<- MSG_PAYLOAD: [\"hell...\"]");
  CHECK(traced_payload(trace_in, "hell", -1, s) == "<<- MSG_PAYLOAD: [\"hell\"]");
}

TEST_CASE("trace: headers alone when bodies are left out", "[session][core]") {
  session_settings s;
  s.trace_headers_only = true;
  std::string_view message = "NATS/1.0\r\nA: b\r\n\r\nbody";
  CHECK(traced_payload(trace_in, message, 18, s) == "<<- MSG_PAYLOAD: [\"NATS/1.0\\r\\nA: b\"]");
  CHECK(traced_payload(trace_in, "body", -1, s).empty());
  s.max_traced_msg_len = 4;
  CHECK(traced_payload(trace_in, message, 18, s) == "<<- MSG_PAYLOAD: [\"NATS...\"]");
}

TEST_CASE("trace: an endless payload is shown up to a bound", "[session][core]") {
  std::string large(3 * 1024 * 1024, 'x');
  auto line = traced_payload(trace_in, large, -1, {});
  CHECK(line.size() < 1024 * 1024 + 100);
  CHECK(line.ends_with("xxx...\"]"));
}
