// The grammar of the client protocol, rule by rule. What the Go server does is the measure.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/client/op_table.hpp"
#include "protocol/client/parser.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

op parse(std::string_view in, const parser_limits& limits = {}) {
  op o;
  next_op(in, limits, o);
  return o;
}

violation error_of(std::string_view in, const parser_limits& limits = {}) {
  const op o = parse(in, limits);
  CHECK(o.kind == op_kind::violation);
  return o.error;
}

bool is_incomplete(std::string_view in, const parser_limits& limits = {}) {
  return parse(in, limits).kind == op_kind::need_more;
}

/// Kinds of the operations of a stream fed in chunks; ends with `violation` if there is one.
std::vector<op_kind> kinds(std::string_view stream, size_t chunk) {
  std::vector<op_kind> all;
  std::string held;
  while (!stream.empty()) {
    held += stream.substr(0, chunk);
    stream.remove_prefix(std::min(chunk, stream.size()));
    for (op o = parse(held); o.kind != op_kind::need_more; o = parse(held)) {
      all.push_back(o.kind);
      if (o.kind == op_kind::violation) return all;
      held.erase(0, o.consumed);
    }
  }
  return all;
}

} // namespace

TEST_CASE("PUB gives subject and payload", "[protocol][parser]") {
  const std::string_view in = "PUB foo.bar 5\r\nhello\r\nPING\r\n";
  const op o = parse(in);
  REQUIRE(o.kind == op_kind::pub);
  CHECK(o.subject == "foo.bar");
  CHECK(o.reply.empty());
  CHECK(o.payload == "hello");
  CHECK(o.header_bytes == -1);
  CHECK(o.argument == "foo.bar 5");
  CHECK(o.consumed == 22);
  CHECK(o.needed == 0);
}

TEST_CASE("PUB gives the reply subject when there is one", "[protocol][parser]") {
  const op o = parse("PUB foo _INBOX.12 2\r\nhi\r\n");
  REQUIRE(o.kind == op_kind::pub);
  CHECK(o.subject == "foo");
  CHECK(o.reply == "_INBOX.12");
  CHECK(o.payload == "hi");
}

TEST_CASE("PUB takes a reply that looks like a size", "[protocol][parser]") {
  const op o = parse("PUB foo 12 2\r\nhi\r\n");
  REQUIRE(o.kind == op_kind::pub);
  CHECK(o.reply == "12");
  CHECK(o.payload == "hi");
}

TEST_CASE("PUB may have an empty payload", "[protocol][parser]") {
  const op o = parse("PUB foo 0\r\n\r\n");
  REQUIRE(o.kind == op_kind::pub);
  CHECK(o.payload.empty());
  CHECK(o.consumed == 13);
}

TEST_CASE("PUB payloads may hold line ends and NUL", "[protocol][parser]") {
  const std::string payload{"\r\n\0\r\nx", 6};
  const op o = parse("PUB foo 6\r\n" + payload + "\r\n");
  REQUIRE(o.kind == op_kind::pub);
  CHECK(o.payload.size() == 6);
}

TEST_CASE("Operation names do not depend on case", "[protocol][parser]") {
  CHECK(parse("pub foo 2\r\nhi\r\n").kind == op_kind::pub);
  CHECK(parse("PuB foo 2\r\nhi\r\n").kind == op_kind::pub);
  CHECK(parse("hpub foo 0 2\r\nhi\r\n").kind == op_kind::pub);
  CHECK(parse("sUb foo 1\r\n").kind == op_kind::sub);
  CHECK(parse("unsub 1\r\n").kind == op_kind::unsub);
  CHECK(parse("ping\r\n").kind == op_kind::ping);
  CHECK(parse("pOnG\r\n").kind == op_kind::pong);
  CHECK(parse("connect {}\r\n").kind == op_kind::connect);
  CHECK(parse("info {}\r\n").kind == op_kind::info);
  CHECK(parse("+ok\r\n").kind == op_kind::ok);
  CHECK(parse("-err 'x'\r\n").kind == op_kind::err);
}

TEST_CASE("Runs of blanks and tabs separate arguments", "[protocol][parser]") {
  const op o = parse("PUB \t foo\t \tbar   2 \t\r\nhi\r\n");
  REQUIRE(o.kind == op_kind::pub);
  CHECK(o.subject == "foo");
  CHECK(o.reply == "bar");
  CHECK(o.payload == "hi");
}

TEST_CASE("A bare line feed ends a control line", "[protocol][parser]") {
  CHECK(parse("PUB foo 2\nhi\r\n").payload == "hi");
  CHECK(parse("SUB foo 1\n").sid == "1");
  CHECK(parse("PING\n").consumed == 5);
}

TEST_CASE("A payload must be followed by exactly CRLF", "[protocol][parser]") {
  CHECK(error_of("PUB foo 2\r\nhi\n\n") == violation::unknown_op);
  CHECK(error_of("PUB foo 2\r\nhixx") == violation::unknown_op);
  CHECK(error_of("PUB foo 2\r\nhi\rx") == violation::unknown_op);
  CHECK(error_of("pub foo 2\r\nhi\rx") == violation::unknown_op);
  SECTION("and the first wrong byte is enough") {
    CHECK(is_incomplete("PUB foo 2\r\nhi"));
    CHECK(error_of("PUB foo 2\r\nhix") == violation::unknown_op);
    CHECK(is_incomplete("PUB foo 2\r\nhi\r"));
  }
}

TEST_CASE("Inside a payload the parser tells how many bytes it needs", "[protocol][parser]") {
  CHECK(parse("PUB foo 5\r\n").needed == 18);
  CHECK(parse("PUB foo 5\r\nhel").needed == 18);
  CHECK(parse("PUB foo 5\r\nhello\r").needed == 18);
  CHECK(parse("PUB foo 5\r").needed == 0);
  CHECK(parse("hpub foo 0 5\r\nhello\r").needed == 21);
}

TEST_CASE("PUB has two or three arguments", "[protocol][parser]") {
  CHECK(error_of("PUB foo\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB \r\n") == violation::bad_arguments);
  CHECK(error_of("PUB a b c 1\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB a b c d e f 1\r\n") == violation::bad_arguments);
}

TEST_CASE("A size is one to nine digits", "[protocol][parser]") {
  parser_limits limits;
  limits.max_payload = -1;
  CHECK(error_of("PUB foo -1\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB foo +1\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB foo 1x\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB foo 0x1\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB foo 1000000000\r\n", limits) == violation::bad_arguments);
  CHECK(error_of("PUB foo 99999999999999999999999\r\n", limits) == violation::bad_arguments);
  CHECK(error_of("PUB foo 18446744073709551617\r\n", limits) == violation::bad_arguments);
  CHECK(parse("PUB foo 999999999\r\n", limits).needed == 999999999 + 19 + 2);
  CHECK(parse("PUB foo 000000002\r\nhi\r\n").payload == "hi");
}

TEST_CASE("A payload over the limit is refused as soon as its line is whole",
          "[protocol][parser]") {
  parser_limits limits;
  limits.max_payload = 4;
  CHECK(parse("PUB foo 4\r\nabcd\r\n", limits).kind == op_kind::pub);
  CHECK(is_incomplete("PUB foo 5\r", limits));
  CHECK(error_of("PUB foo 5\r\n", limits) == violation::payload_too_large);
  CHECK(error_of("pub foo 5\n", limits) == violation::payload_too_large);
  CHECK(error_of("HPUB foo 1 5\r\n", limits) == violation::payload_too_large);
  limits.max_payload = 0;
  CHECK(parse("PUB foo 0\r\n\r\n", limits).kind == op_kind::pub);
  CHECK(error_of("PUB foo 1\r\n", limits) == violation::payload_too_large);
}

TEST_CASE("HPUB gives header size and payload", "[protocol][parser]") {
  const op o = parse("HPUB foo bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  REQUIRE(o.kind == op_kind::pub);
  CHECK(o.subject == "foo");
  CHECK(o.reply == "bar");
  CHECK(o.header_bytes == 12);
  CHECK(o.payload == "NATS/1.0\r\n\r\nhi");
  const op lower = parse("hpub foo  12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  CHECK(lower.reply.empty());
  CHECK(lower.header_bytes == 12);
  CHECK(parse("HPUB foo 0 2\r\nhi\r\n").header_bytes == 0);
}

TEST_CASE("HPUB has three or four arguments", "[protocol][parser]") {
  CHECK(error_of("HPUB foo 1\r\n") == violation::bad_arguments);
  CHECK(error_of("HPUB a b c 1 1\r\n") == violation::bad_arguments);
}

TEST_CASE("HPUB sizes must be sizes and the header part of the total", "[protocol][parser]") {
  CHECK(error_of("HPUB foo x 5\r\n") == violation::bad_header_size);
  CHECK(error_of("HPUB foo -1 5\r\n") == violation::bad_header_size);
  CHECK(error_of("HPUB foo 1 x\r\n") == violation::bad_header_size);
  CHECK(error_of("HPUB foo 6 5\r\n") == violation::bad_header_size);
  CHECK(error_of("HPUB foo 1 1000000000\r\n") == violation::bad_header_size);
}

TEST_CASE("HPUB without header support is refused before its arguments are looked at",
          "[protocol][parser]") {
  parser_limits limits;
  limits.headers = false;
  CHECK(error_of("HPUB foo 12 14\r\n", limits) == violation::headers_unsupported);
  CHECK(error_of("HPUB nonsense\r\n", limits) == violation::headers_unsupported);
  CHECK(is_incomplete("HPUB foo 12 14\r", limits));
}

TEST_CASE("A subject or reply with a line end inside is refused", "[protocol][parser]") {
  CHECK(error_of("PUB fo\ro 2\r\nhi\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB foo b\rr 2\r\nhi\r\n") == violation::bad_arguments);
  CHECK(error_of("PUB \nfoo 2\r\nhi\r\n") == violation::bad_arguments);
}

TEST_CASE("SUB gives subject and sid and queue group", "[protocol][parser]") {
  const op plain = parse("SUB foo.* 7\r\n");
  REQUIRE(plain.kind == op_kind::sub);
  CHECK(plain.subject == "foo.*");
  CHECK(plain.queue.empty());
  CHECK(plain.sid == "7");
  const op queue = parse("SUB foo.>\tworkers  abc\r\n");
  REQUIRE(queue.kind == op_kind::sub);
  CHECK(queue.subject == "foo.>");
  CHECK(queue.queue == "workers");
  CHECK(queue.sid == "abc");
  CHECK(queue.consumed == 24);
}

TEST_CASE("SUB has two or three arguments", "[protocol][parser]") {
  CHECK(error_of("SUB foo\r\n") == violation::bad_arguments);
  CHECK(error_of("SUB a b c d\r\n") == violation::bad_arguments);
  CHECK(error_of("SUB \r\n") == violation::bad_arguments);
}

TEST_CASE("UNSUB gives sid and maximum", "[protocol][parser]") {
  CHECK(parse("UNSUB 1\r\n").sid == "1");
  CHECK(parse("UNSUB 1\r\n").max == 0);
  CHECK(parse("UNSUB 1 5\r\n").max == 5);
  CHECK(parse("UNSUB 1 0\r\n").max == 0);
  SECTION("a malformed maximum counts as none") {
    CHECK(parse("UNSUB 1 x\r\n").max == 0);
    CHECK(parse("UNSUB 1 -5\r\n").max == 0);
    CHECK(parse("UNSUB 1 1000000000\r\n").max == 0);
  }
  CHECK(error_of("UNSUB 1 2 3\r\n") == violation::bad_arguments);
  CHECK(error_of("UNSUB \r\n") == violation::bad_arguments);
}

TEST_CASE("PING and PONG and OK ignore the rest of their line", "[protocol][parser]") {
  CHECK(parse("PING junk and more\r\nPONG\r\n").consumed == 20);
  CHECK(parse("PINGjunk\r\n").kind == op_kind::ping);
  CHECK(parse("PONG \x01\r\n").kind == op_kind::pong);
  CHECK(parse("+OK whatever\r\n").kind == op_kind::ok);
}

TEST_CASE("CONNECT and INFO give their argument", "[protocol][parser]") {
  CHECK(parse("CONNECT {\"a\":1}\r\n").argument == "{\"a\":1}");
  CHECK(parse("CONNECT   {\"a\": \"x y\"} \r\n").argument == "{\"a\": \"x y\"} ");
  CHECK(parse("INFO {}\r\n").kind == op_kind::info);
  SECTION("a blank before it may be missing") {
    CHECK(parse("CONNECT{}\r\n").argument == "{}");
    CHECK(parse("INFO{}\n").argument == "{}");
  }
  SECTION("an argument's first byte is taken whatever it is") {
    CHECK(is_incomplete("CONNECT\n"));
    CHECK(parse("CONNECT\n{}\n").argument == "\n{}");
    CHECK(parse("CONNECT \r\n").argument == "\r");
    CHECK(parse("SUB \nfoo 1\r\n").subject == "foo");
  }
}

TEST_CASE("ERR gives its text", "[protocol][parser]") {
  const op o = parse("-ERR 'Authorization Violation'\r\n");
  REQUIRE(o.kind == op_kind::err);
  CHECK(o.argument == "'Authorization Violation'");
  CHECK(error_of("-ERR\r\n") == violation::unknown_op);
}

TEST_CASE("A wrong operation name fails at its first wrong byte", "[protocol][parser]") {
  CHECK(error_of("G") == violation::unknown_op);
  CHECK(error_of("GET / HTTP/1.1\r\n") == violation::unknown_op);
  CHECK(error_of("PX") == violation::unknown_op);
  CHECK(error_of("PUBx") == violation::unknown_op);
  CHECK(error_of("PUB\r") == violation::unknown_op);
  CHECK(error_of("PINX") == violation::unknown_op);
  CHECK(error_of("UNSUX") == violation::unknown_op);
  CHECK(error_of("SUB\r\n") == violation::unknown_op);
  CHECK(error_of("+X") == violation::unknown_op);
  CHECK(error_of("-ERX") == violation::unknown_op);
  CHECK(error_of("\r\n") == violation::unknown_op);
  CHECK(error_of(" PING\r\n") == violation::unknown_op);
  CHECK(error_of(std::string_view{"\0", 1}) == violation::unknown_op);
}

TEST_CASE("The beginning of a name waits for more", "[protocol][parser]") {
  for (const std::string_view name :
       {"PUB", "HPUB", "SUB", "UNSUB", "PING", "PONG", "CONNECT", "INFO", "+OK", "-ERR"}) {
    for (size_t n = 0; n <= name.size(); ++n)
      CHECK(is_incomplete(name.substr(0, n)));
  }
}

TEST_CASE("Operations between servers are unknown from clients", "[protocol][parser]") {
  for (const std::string_view in : {"R", "A", "L", "M", "HM", "RS+ $G foo\r\n", "LS+ foo\r\n",
                                    "A+ acc\r\n", "MSG foo 1 2\r\n", "HMSG foo 1 2 3\r\n"}) {
    CHECK(error_of(in) == violation::unknown_op);
  }
}

TEST_CASE("The table says which kind may send what", "[protocol][parser]") {
  parser_limits limits;
  for (const auto kind :
       {connection_kind::router, connection_kind::gateway, connection_kind::leaf}) {
    limits.kind = kind;
    CHECK(parse("PING\r\n", limits).kind == op_kind::ping);
    CHECK(parse("CONNECT {}\r\n", limits).kind == op_kind::connect);
    CHECK(parse("INFO {}\r\n", limits).kind == op_kind::info);
    CHECK(error_of("SUB foo 1\r\n", limits) == violation::unknown_op);
    CHECK(error_of("PUB foo 0\r\n\r\n", limits) == violation::unknown_op);
  }
  limits.kind = connection_kind::jetstream;
  CHECK(error_of("PING\r\n", limits) == violation::unknown_op);
}

TEST_CASE("The control line bound counts the argument", "[protocol][parser]") {
  parser_limits limits;
  limits.max_control_line = 10;
  CHECK(parse("SUB foo.bar 12\r\n", limits).kind == op_kind::sub);
  CHECK(parse("SUB    foo.bar 12\r\n", limits).kind == op_kind::sub);
  CHECK(error_of("SUB foo.bar 1234\r\n", limits) == violation::control_line_too_long);
  CHECK(parse("PUB foo.bar 12\r\n", limits).kind == op_kind::need_more);
  CHECK(error_of("PUB foo.bars 12\r\n", limits) == violation::control_line_too_long);
  CHECK(error_of("HPUB foo.bar 1 1\r\n", limits) == violation::control_line_too_long);
  CHECK(error_of("CONNECT {\"a\":12345}\r\n", limits) == violation::control_line_too_long);
}

TEST_CASE("The control line bound holds for lines without an end", "[protocol][parser]") {
  parser_limits limits;
  limits.max_control_line = 10;
  CHECK(is_incomplete("SUB 1234567890", limits));
  CHECK(is_incomplete("SUB 1234567890\r", limits));
  CHECK(error_of("SUB 12345678901", limits) == violation::control_line_too_long);
  CHECK(error_of("SUB 1234567890\rx", limits) == violation::control_line_too_long);
  SECTION("and for what is ignored or skipped") {
    CHECK(error_of("PING 1234567890", limits) == violation::control_line_too_long);
    CHECK(error_of("SUB            ", limits) == violation::control_line_too_long);
  }
}

TEST_CASE("Servers may send control lines sixteen times as long", "[protocol][parser]") {
  parser_limits limits;
  limits.max_control_line = 10;
  limits.kind = connection_kind::router;
  CHECK(parse("INFO " + std::string(160, 'x') + "\r\n", limits).kind == op_kind::info);
  CHECK(error_of("INFO " + std::string(161, 'x') + "\r\n", limits)
        == violation::control_line_too_long);
}

TEST_CASE("Splitting a stream changes nothing", "[protocol][parser]") {
  const std::vector<std::string> streams{
      "CONNECT {}\r\nPING\r\nSUB foo q 1\r\nPUB foo 5\r\nhello\r\nHPUB a b 12 "
      "12\r\nNATS/1.0\r\n\r\n"
      "\r\nUNSUB 1 2\r\n+OK\r\n-ERR 'x'\r\nPONG\nINFO {}\r\n",
      "PING\r\nPUB foo 2\r\nhix",
      "PING\r\nGET / HTTP/1.1\r\n",
      "SUB foo\r\nPING\r\n",
      "PUB foo 99999999\r\n",
  };
  for (const std::string& stream : streams) {
    const auto whole = kinds(stream, stream.size());
    for (size_t chunk = 1; chunk < 12; ++chunk)
      CHECK(kinds(stream, chunk) == whole);
  }
}
