// A client session in time: pings, timeouts, violations, and input in any pieces.
#include <random>

#include "test/actors/fixtures/fake_client_port.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using names = std::vector<std::string>;

namespace {

std::string err(std::string_view text) { return "-ERR '" + std::string(text) + "'\r\n"; }

session_settings pinging(nanos interval, int64_t max = 2) {
  session_settings s;
  s.ping_interval = interval;
  s.ping_max = max;
  return s;
}

} // namespace

// -- PING, PONG -----------------------------------------------------------------------------------

TEST_CASE("client core: the first ping comes two seconds after the start, plus a fifth",
          "[session][ping]") {
  for (auto [part, expected] : {std::pair<uint64_t, nanos>{0, 2000ms}, {500, 2200ms},
                                {999, 2399600us}}) {
    virtual_client c;
    c.port.random_is = part;
    c.core.greet(c.now);
    c.pass(expected - 1ms);
    CHECK(c.out().empty());
    c.pass(2ms);
    CHECK(c.out() == "PING\r\n");
  }
}

TEST_CASE("client core: CONNECT starts the wait for the first ping anew", "[session][ping]") {
  virtual_client c;
  c.pass(1500ms);
  c.connect();
  c.pass(1999ms);
  CHECK(c.out().empty());
}

TEST_CASE("client core: a short ping interval makes the first ping come earlier",
          "[session][ping]") {
  virtual_client c(pinging(100ms));
  c.pass(99ms);
  CHECK(c.out().empty());
  c.pass(22ms);
  CHECK(c.out() == "PING\r\n");
}

TEST_CASE("client core: a silent client is pinged each interval and then called stale",
          "[session][ping]") {
  virtual_client c(pinging(10s, 2));
  c.connect();
  c.pass(3s);  // the first deadline; CONNECT has measured the round trip already
  std::string early = c.out();
  c.in("PONG\r\n");
  c.pass(10s);
  CHECK(c.out() == "PING\r\n");
  CHECK(c.core.pings_out() == 1);
  c.pass(10s);
  CHECK(c.out() == "PING\r\n");
  CHECK(c.reason().empty());
  c.pass(10s);
  CHECK(c.out() == err("Stale Connection"));
  CHECK(c.port.closed == names{"Stale Connection"});
  c.pass(1h);
  CHECK(c.out().empty());
}

TEST_CASE("client core: a client that answers its pings stays", "[session][ping]") {
  virtual_client c(pinging(10s, 1));
  c.connect();
  int pings = 0;
  for (int i = 0; i < 100; ++i) {
    c.pass(10s);
    if (c.out() == "PING\r\n") ++pings;
    c.in("PONG\r\n");
  }
  CHECK(pings >= 98);
  CHECK(c.reason().empty());
}

TEST_CASE("client core: an active client is not pinged, only once an hour for its round trip",
          "[session][ping]") {
  virtual_client c(pinging(1min));
  c.connect().in("PONG\r\n");
  c.pass(3s);
  c.out();
  c.in("PONG\r\n");
  int pings = 0;
  for (int i = 0; i < 59; ++i) {
    c.in(i % 2 ? "PUB a 0\r\n\r\n" : "SUB a 1\r\nUNSUB 1\r\n");
    c.pass(1min);
    pings += !c.out().empty();
  }
  CHECK(pings == 0);
  for (int i = 0; i < 5; ++i) {
    c.in("PUB a 0\r\n\r\n");
    c.pass(1min);
    if (!c.out().empty()) {
      ++pings;
      c.in("PONG\r\n");
    }
  }
  CHECK(pings == 1);
}

TEST_CASE("client core: a ping of the client counts as a sign of life", "[session][ping]") {
  virtual_client c(pinging(10s));
  c.connect();
  c.pass(3s);
  c.in("PONG\r\n");
  c.out();
  for (int i = 0; i < 20; ++i) {
    c.in("PING\r\n");
    c.pass(9s);
  }
  CHECK(c.out().find("PING") == std::string::npos);
}

TEST_CASE("client core: the round trip is from PING to PONG", "[session][ping]") {
  virtual_client c(pinging(10s));
  c.pass(2100ms);
  REQUIRE(c.out() == "PING\r\n");
  nanos pinged = c.now;
  c.pass(30ms);
  c.in("PONG\r\n");
  CHECK(c.core.rtt() >= 30ms);
  CHECK(c.core.rtt() <= 130ms);
  CHECK(c.now - pinged == 30ms);
}

TEST_CASE("client core: CONNECT gives a first round trip", "[session][ping]") {
  virtual_client c;
  CHECK(c.core.rtt() == 0ns);
  c.pass(5ms);
  c.connect();
  CHECK(c.core.rtt() == 5ms);
}

TEST_CASE("client core: the first PING after CONNECT brings an INFO, if the client takes it",
          "[session][ping]") {
  virtual_client c;
  c.in("PING\r\n");
  CHECK(c.out() == "PONG\r\n");
  CHECK_FALSE(c.core.takes_async_info());
  c.connect().in("PING\r\n");
  CHECK(c.out() == "PONG\r\nINFO {connect_info}\r\n");
  CHECK(c.core.takes_async_info());
  c.in("PING\r\n");
  CHECK(c.out() == "PONG\r\n");

  virtual_client old;
  old.in(R"(CONNECT {"verbose":false,"protocol":0})" "\r\nPING\r\n");
  CHECK(old.out() == "PONG\r\n");
  CHECK_FALSE(old.core.takes_async_info());
}

// -- authentication timeout -----------------------------------------------------------------------

TEST_CASE("client core: who does not log in in time is sent away", "[session][core]") {
  session_settings s;
  s.auth_required = true;
  s.auth_timeout = 700ms;
  virtual_client late(s), early(s);
  late.pass(699ms);
  CHECK(late.reason().empty());
  late.pass(2ms);
  CHECK(late.out() == err("Authentication Timeout"));
  CHECK(late.port.closed == names{"Authentication Timeout"});
  CHECK(late.port.errors.empty());
  late.connect();
  CHECK(late.out().empty());

  early.pass(699ms);
  early.connect();
  early.pass(1s);
  CHECK(early.reason().empty());
}

// -- violations -----------------------------------------------------------------------------------

TEST_CASE("client core: violations close with the text and reason of their kind",
          "[session][core]") {
  struct row {
    std::string in, out, reason;
  };
  const row rows[] = {
    {"FOO\r\n", err("Unknown Protocol Operation"), "Protocol Violation"},
    {"RS+ a b\r\n", err("Unknown Protocol Operation"), "Protocol Violation"},
    {"SUB\r\n", err("Unknown Protocol Operation"), "Protocol Violation"},
    {"SUB a\r\n", "", "Protocol Violation"},
    {"PUB a\r\n", "", "Protocol Violation"},
    {"PUB a 99999999\r\n", err("Maximum Payload Violation"), "Maximum Message Payload Exceeded"},
    {"SUB " + std::string(5000, 'a') + " 1\r\n", err("maximum control line exceeded"),
     "Maximum Control Line Exceeded"},
    {"-ERR 'I am lost'\r\n", "", "Parse Error"},
    {"PUB a 2\r\nhiXX", err("Unknown Protocol Operation"), "Protocol Violation"},
  };
  for (const row& r : rows) {
    virtual_client c;
    c.connect().in(r.in);
    INFO(r.in.substr(0, 40));
    CHECK(c.out() == r.out);
    CHECK(c.port.closed == names{r.reason});
  }
}

TEST_CASE("client core: the log shows the start of what could not be read, and no login", "[session][core]") {
  const std::pair<std::string, std::string> rows[] = {
    {"FOO\r\n", "Client parser ERROR: proto='\"FOO\"...'"},
    {"PUB a\r\n", "Client parser ERROR: proto='\"PUB a\"...'"},
    {"PUB a 2\r\nhiXX", "Client parser ERROR: proto='\"PUB a 2\"...'"},
    {"\x16\x03\x01", "Client parser ERROR: proto='\"\\x16\\x03\\x01\"...'"},
    {std::string(100, 'q'), "Client parser ERROR: proto='\"" + std::string(32, 'q') + "\"...'"},
    {"CONECT {\"pass\":\"secret\"}\r\n", "Client parser ERROR: proto='\"CONECT \"...'"},
    {"PUB a 99999999\r\n", "maximum payload exceeded: 99999999 vs 1048576"},
    {"SUB " + std::string(5000, 'a'), "maximum control line exceeded"},
  };
  for (auto& [in, told] : rows) {
    virtual_client c;
    c.connect().in(in);
    CHECK(c.port.errors == names{told});
  }
}

TEST_CASE("client core: after a close nothing is said or done", "[session][core]") {
  for (std::string last : {"FOO\r\n", "-ERR 'x'\r\n", "PUB a 99999999\r\n"}) {
    virtual_client c(pinging(1s));
    c.connect().in("SUB a 1\r\n" + last + "PING\r\nPUB a 0\r\n\r\nSUB b 2\r\n");
    REQUIRE(c.port.closed.size() == 1);
    size_t calls = c.port.calls.size();
    CHECK(c.port.calls.back().starts_with("close "));
    c.in("PING\r\nSUB c 3\r\nCONNECT {}\r\n");
    c.pass(1h);
    c.core.on_deadline(c.now);
    CHECK(c.port.calls.size() == calls);
    CHECK(c.core.subscriptions().size() == 1);  // given back by shut()
  }
}

TEST_CASE("client core: INFO and OK of a client are read and dropped", "[session][core]") {
  virtual_client c;
  c.connect().in("+OK\r\nINFO {\"a\":1}\r\nPING\r\n");
  CHECK(c.out() == "PONG\r\nINFO {connect_info}\r\n");
}

// -- input in pieces ------------------------------------------------------------------------------

namespace {

const std::string conversation =
  "CONNECT {\"verbose\":true,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\n"
  "PING\r\nsub inbox.> 1\r\nSUB  a.b \t q 2\r\nPUB a.b 5\r\nhello\r\nPUB a.b inbox.1 0\r\n\r\n"
  "HPUB a.b inbox.2 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB 2 3\r\nPONG\r\nPUB $NRG.x 1\r\n.\r\n"
  "SUB a..b 3\r\nPUB a _R_.1 0\r\n\r\nUNSUB 9\r\nPUB binary 4\r\n\r\n\r\n\r\nPING\nUNSUB 1\r\n"
  "WHAT\r\nPING\r\n";

names calls_of(const std::string& bytes, std::mt19937& random, size_t at_most) {
  virtual_client c;
  c.core.trace(true);
  c.port.published_to_somebody = false;
  for (size_t at = 0; at < bytes.size();) {
    size_t n = 1 + random() % at_most;
    c.in(std::string_view(bytes).substr(at, n));
    at += n;
  }
  return c.port.calls;
}

} // namespace

TEST_CASE("client core: input in pieces of any size gives the same calls", "[session][core]") {
  std::mt19937 random(3);
  virtual_client whole;
  whole.core.trace(true);
  whole.port.published_to_somebody = false;
  whole.in(conversation);
  REQUIRE(whole.reason() == "Protocol Violation");
  CHECK(calls_of(conversation, random, 1) == whole.port.calls);
  for (int i = 0; i < 200; ++i)
    if (calls_of(conversation, random, 2 + random() % 60) != whole.port.calls) FAIL("round " << i);
}

TEST_CASE("client core: says how long the operation at the front will be", "[session][core]") {
  virtual_client c;
  c.connect();
  std::string head = "PUB a 100000\r\nbegin";
  CHECK(c.core.on_bytes(head, c.now) == 0);
  CHECK(c.core.needed() == std::string("PUB a 100000\r\n").size() + 100'000 + 2);
  c.rest.clear();
  CHECK(c.core.on_bytes("PU", c.now) == 0);
  CHECK(c.core.needed() == 0);
}

TEST_CASE("client core: trace shows operations but no credentials", "[session][core]") {
  session_settings s;
  s.max_traced_msg_len = 3;
  virtual_client c(s);
  c.core.trace(true);
  c.in("CONNECT {\"verbose\":false,\"pass\":\"hidden\"}\r\nPUB a 5\r\nhello\r\nPING\r\nSUB b 7\r\nUNSUB 7\r\n");
  CHECK(c.port.calls
        == names{"<<- [CONNECT {\"verbose\":false,\"pass\":\"[REDACTED]\"}]", "authenticate  first",
                 "connected ", "<<- [PUB a 5]", "<<- MSG_PAYLOAD: [\"hel...\"]",
                 "publish a [] -1 hello", "<<- [PING]", "->> [PONG]", "send PONG\r\n", "<<- [SUB b 7]",
                 "subscribe b [] 7", "<<- [UNSUB 7]", "<-> [DELSUB 7]", "unsubscribe 7"});
}
