// What a client session says and does for each operation. Names follow the protocol's rules.
#include "test/actors/fixtures/fake_client_port.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::test;
using names = std::vector<std::string>;

namespace {

session_settings with_auth() {
  session_settings s;
  s.auth_required = true;
  return s;
}

std::string err(std::string_view text) { return "-ERR '" + std::string(text) + "'\r\n"; }

} // namespace

// -- CONNECT and its flags ------------------------------------------------------------------------

TEST_CASE("client core: before CONNECT a client is verbose, pedantic and echoed to",
          "[session][core]") {
  virtual_client c;
  CHECK(c.core.echo());
  CHECK_FALSE(c.core.headers());
  c.in("SUB a 1\r\n");
  CHECK(c.out() == "+OK\r\n");
  c.in("PUB a.* 0\r\n\r\n");
  CHECK(c.out() == err("Invalid Publish Subject") + "+OK\r\n");
  CHECK(c.reason().empty());
}

TEST_CASE("client core: verbose answers CONNECT, SUB, UNSUB and PUB with OK", "[session][core]") {
  virtual_client c;
  c.in("CONNECT {}\r\n");
  CHECK(c.out() == "+OK\r\n");
  c.in("SUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\nUNSUB unknown\r\n");
  CHECK(c.out() == "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
}

TEST_CASE("client core: without verbose there is silence", "[session][core]") {
  virtual_client c;
  c.connect().in("SUB a 1\r\nPUB a 2\r\nhi\r\nPUB a.* 0\r\n\r\nUNSUB 1\r\nUNSUB unknown\r\n");
  CHECK(c.out().empty());
}

TEST_CASE("client core: a pedantic client hears of a bad subject and is served all the same",
          "[session][core]") {
  virtual_client c;
  c.connect(R"(,"pedantic":true)").in("PUB a.> 2\r\nhi\r\n");
  CHECK(c.out() == err("Invalid Publish Subject"));
  CHECK(c.port.calls.back() == "publish a.> [] -1 hi");
}

TEST_CASE("client core: CONNECT says whether the client hears its own messages",
          "[session][core]") {
  virtual_client c;
  c.connect(R"(,"echo":false)");
  CHECK_FALSE(c.core.echo());
}

TEST_CASE("client core: headers need both sides", "[session][core]") {
  virtual_client willing;
  willing.connect(R"(,"headers":true)");
  CHECK(willing.core.headers());
  session_settings off;
  off.headers = false;
  virtual_client refused(off);
  refused.connect(R"(,"headers":true)");
  CHECK_FALSE(refused.core.headers());
  refused.in("HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n");
  CHECK(refused.out().empty());
  CHECK(refused.reason() == "Protocol Violation");
  CHECK(refused.port.errors == names{"message headers not supported"});
}

TEST_CASE("client core: a second CONNECT drops the subscriptions and asks again who it is",
          "[session][core]") {
  virtual_client c;
  c.connect(R"(,"user":"one")").in("SUB a 1\r\nSUB b 2\r\n");
  c.connect(R"(,"user":"two")");
  CHECK(c.core.subscriptions().size() == 0);
  CHECK(c.port.calls
        == names{"authenticate one first", "connected ", "subscribe a [] 1", "subscribe b [] 2",
                 "unsubscribe all 2", "authenticate two again", "connected "});
  c.in("SUB c 1\r\n");
  CHECK(c.core.subscriptions().size() == 1);
}

TEST_CASE("client core: a second CONNECT keeps what it does not mention", "[session][core]") {
  virtual_client c;
  c.connect(R"(,"echo":false,"headers":true)").in("CONNECT {}\r\n");
  CHECK(c.out().empty());  // still not verbose
  CHECK_FALSE(c.core.echo());
  CHECK(c.core.headers());
}

TEST_CASE("client core: a JWT means nothing here", "[session][core]") {
  virtual_client c;
  c.connect(R"(,"user":"u","jwt":"eyJ")");
  CHECK(c.port.calls.front() == "authenticate u first");
}

TEST_CASE("client core: CONNECT that is no JSON closes without a text", "[session][core]") {
  virtual_client c;
  c.in("CONNECT {nonsense\r\n");
  CHECK(c.out().empty());
  CHECK(c.reason() == "Protocol Violation");
}

TEST_CASE("client core: an unknown level of the protocol is refused", "[session][core]") {
  for (const char* level : {"2", "-1", "99"}) {
    virtual_client c;
    c.connect(std::string(R"(,"protocol":)") + level);
    CHECK(c.out() == err("invalid client protocol"));
    CHECK(c.reason() == "Bad Client Protocol Version");
  }
}

TEST_CASE("client core: no responders without headers is refused", "[session][core]") {
  virtual_client c;
  c.connect(R"(,"no_responders":true)");
  CHECK(c.out() == err("no responders requires headers support"));
  CHECK(c.reason() == "No Responders Requires Headers");
}

TEST_CASE("client core: an account of the client's choice is refused", "[session][core]") {
  for (const char* field : {R"(,"account":"A")", R"(,"new_account":true)"}) {
    virtual_client c;
    c.connect(field);
    CHECK(c.out() == err("Authorization Violation"));
    CHECK(c.reason() == "Authentication Failure");
  }
}

// -- authentication -------------------------------------------------------------------------------

TEST_CASE("client core: wrong credentials are a violation", "[session][core]") {
  virtual_client c(with_auth());
  c.port.auth = {.ok = false, .reason = closed_reason::authentication_failure};
  c.connect().in("PING\r\n");
  CHECK(c.out() == err("Authorization Violation"));
  CHECK(c.port.closed == names{"Authentication Failure"});
}

TEST_CASE("client core: the first operation must be CONNECT when one must log in",
          "[session][core]") {
  for (const char* first : {"PING\r\n", "SUB a 1\r\n", "PUB a 0\r\n\r\n", "X", "p"}) {
    virtual_client c(with_auth());
    c.in(first);
    CHECK(c.out() == err("Authorization Violation"));
    CHECK(c.reason() == "Authentication Failure");
  }
}

TEST_CASE("client core: a default user lets in who does not say CONNECT", "[session][core]") {
  session_settings s = with_auth();
  s.has_no_auth_user = true;
  virtual_client c(s);
  c.in("PING\r\n");
  CHECK(c.out() == "PONG\r\n");
  CHECK(c.port.calls.front() == "authenticate  first");
  c.pass(std::chrono::seconds(3));
  CHECK(c.reason().empty());
}

TEST_CASE("client core: a default user that is refused is a violation", "[session][core]") {
  session_settings s = with_auth();
  s.has_no_auth_user = true;
  virtual_client c(s);
  c.port.auth = {.ok = false, .reason = closed_reason::missing_account};
  c.in("PING\r\n");
  CHECK(c.out() == err("Authorization Violation"));
  CHECK(c.reason() == "Missing Account");
}

// -- PUB ------------------------------------------------------------------------------------------

TEST_CASE("client core: PUB and HPUB reach the router whole", "[session][core]") {
  virtual_client c;
  c.connect(R"(,"headers":true)");
  c.in("PUB a.b 5\r\nhello\r\nPUB a r 0\r\n\r\n");
  c.in("HPUB h inbox 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  names expected{"publish a.b [] -1 hello", "publish a [r] -1 ",
                 "publish h [inbox] 12 NATS/1.0\r\n\r\nhi"};
  CHECK(names(c.port.calls.end() - 3, c.port.calls.end()) == expected);
  CHECK(c.core.in_msgs() == 3);
  CHECK(c.core.in_bytes() == 5 + 14);
}

TEST_CASE("client core: reserved subjects are refused without closing", "[session][core]") {
  virtual_client c;
  c.connect();
  for (std::string s : {"_GR_.x", "$GR.x", "$NRG.x"}) {
    c.in("PUB " + s + " 0\r\n\r\n");
    CHECK(c.out() == err("Permissions Violation for Publish to \"" + s + "\""));
  }
  for (std::string s : {"_GR_", "$NRGX", "$SYS.x", "$JS.API.x", "_R_.x"}) {
    c.in("PUB " + s + " 0\r\n\r\n");
    CHECK(c.out().empty());
    CHECK(c.port.calls.back() == "publish " + s + " [] -1 ");
  }
  CHECK(c.reason().empty());
}

TEST_CASE("client core: the system account may publish to the subjects of Raft groups", "[session][core]") {
  virtual_client c;
  c.connect();
  c.core.in_system_account(true);
  c.in("PUB $NRG.x 0\r\n\r\n");
  CHECK(c.out().empty());
  CHECK(c.port.calls.back() == "publish $NRG.x [] -1 ");
  c.in("PUB _GR_.x 0\r\n\r\n");
  CHECK(c.out() == err("Permissions Violation for Publish to \"_GR_.x\""));
  c.core.in_system_account(false);
  c.in("PUB $NRG.x 0\r\n\r\n");
  CHECK(c.out() == err("Permissions Violation for Publish to \"$NRG.x\""));
}

TEST_CASE("client core: reserved replies are refused without closing", "[session][core]") {
  virtual_client c;
  c.connect();
  size_t calls = c.port.calls.size();
  for (std::string r : {"_R_.x", "$JS.ACK.s.c", "$JS.API.INFO", "_GR_.x", "$GR.x"}) {
    c.in("PUB a " + r + " 0\r\n\r\n");
    CHECK(c.out() == err("Permissions Violation for Publish with Reply of \"" + r + "\""));
    CHECK(c.port.calls.size() == ++calls);  // the send alone
  }
  CHECK(c.reason().empty());
}

TEST_CASE("client core: what may not be published is refused without closing",
          "[session][core]") {
  virtual_client c;
  c.port.denied_publish = "secret";
  c.core.restrict(true);
  c.in("PUB secret 0\r\n\r\n");
  CHECK(c.out() == err("Permissions Violation for Publish to \"secret\""));
  c.in("PUB open 0\r\n\r\n");
  CHECK(c.out() == "+OK\r\n");
}

TEST_CASE("client core: a requester hears that nobody listens", "[session][core]") {
  virtual_client c;
  c.connect(R"(,"headers":true,"no_responders":true)").in("SUB inbox 7\r\nSUB inbox q 8\r\n");
  c.port.published_to_somebody = false;
  c.in("PUB service inbox 0\r\n\r\n");
  CHECK(c.out() == "HMSG inbox 7 39 39\r\nNATS/1.0 503\r\nNats-Subject: service\r\n\r\n\r\n");
  SECTION("also later, when another reactor says so") {
    c.port.published_to_somebody = true;
    c.in("PUB service inbox 0\r\n\r\n");
    CHECK(c.out().empty());
    c.core.nobody_took("service", "inbox");
    CHECK(c.out() == "HMSG inbox 7 39 39\r\nNATS/1.0 503\r\nNats-Subject: service\r\n\r\n\r\n");
    c.core.nobody_took("service", "other");
  }
  SECTION("not without a reply") { c.in("PUB service 0\r\n\r\n"); }
  SECTION("not when the reply is somebody else's") { c.in("PUB service other 0\r\n\r\n"); }
  SECTION("not when somebody took it") {
    c.port.published_to_somebody = true;
    c.in("PUB service inbox 0\r\n\r\n");
  }
  SECTION("not through a queue group") {
    c.in("UNSUB 7\r\nPUB service inbox 0\r\n\r\n");
  }
  CHECK(c.out().empty());
}

TEST_CASE("client core: without the flag nobody hears of absent responders", "[session][core]") {
  virtual_client c;
  c.connect(R"(,"headers":true)").in("SUB inbox 7\r\n");
  c.port.published_to_somebody = false;
  c.in("PUB service inbox 0\r\n\r\n");
  CHECK(c.out().empty());
}

// -- SUB, UNSUB -----------------------------------------------------------------------------------

TEST_CASE("client core: a sid in use keeps its first subscription", "[session][core]") {
  virtual_client c;
  c.in("SUB first 1\r\nSUB second 1\r\n");
  CHECK(c.out() == "+OK\r\n+OK\r\n");
  CHECK(c.port.calls == names{"subscribe first [] 1", "send +OK\r\n", "send +OK\r\n"});
}

TEST_CASE("client core: a filter that is none is refused without closing", "[session][core]") {
  virtual_client c;
  c.in("SUB a..b 1\r\n");
  CHECK(c.out() == err("Invalid Subject"));
  c.in("SUB a.b 1\r\n");
  CHECK(c.out() == "+OK\r\n");
}

TEST_CASE("client core: the system's queue group and denied filters are refused",
          "[session][core]") {
  virtual_client c;
  c.port.denied_subscribe = "no";
  c.core.restrict(true);
  c.in("SUB a _sys_ 1\r\n");
  CHECK(c.out()
        == err("Permissions Violation for Subscription to \"a\" using queue \"_sys_\""));
  c.in("SUB no 1\r\n");
  CHECK(c.out() == err("Permissions Violation for Subscription to \"no\""));
  CHECK(c.core.subscriptions().size() == 0);
  CHECK(c.reason().empty());
}

TEST_CASE("client core: a session has so many subscriptions and no more", "[session][core]") {
  session_settings s;
  s.max_subscriptions = 2;
  virtual_client c(s);
  c.connect().in("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n");
  CHECK(c.out() == err("maximum subscriptions exceeded"));
  CHECK(c.reason().empty());
  c.in("UNSUB 1\r\nSUB c 3\r\n");
  CHECK(c.out().empty());
  CHECK(c.core.subscriptions().size() == 2);
}

TEST_CASE("client core: a filter has so many tokens and no more", "[session][core]") {
  session_settings s;
  s.max_sub_tokens = 3;
  virtual_client c(s);
  c.connect().in("SUB a.b.c 1\r\nSUB a.b.c.d 2\r\n");
  CHECK(c.out() == err("Permissions Violation for Subscription to \"a.b.c.d\", too many tokens"));
  CHECK(c.core.subscriptions().size() == 1);
  CHECK(c.reason().empty());
}

TEST_CASE("client core: UNSUB with a bound waits for it, without or behind it acts now",
          "[session][core]") {
  virtual_client c;
  c.connect().in("SUB a 1\r\nUNSUB 1 5\r\n");
  routing::subscription* sub = c.core.subscriptions().find("1");
  REQUIRE(sub);
  CHECK(sub->max == 5);
  sub->delivered = 3;
  SECTION("a bound ahead") {
    c.in("UNSUB 1 4\r\n");
    CHECK(sub->max == 4);
    sub->delivered = 4;
    c.core.expired(*sub);
  }
  SECTION("a bound reached") { c.in("UNSUB 1 3\r\n"); }
  SECTION("a bound passed") { c.in("UNSUB 1 1\r\n"); }
  SECTION("no bound") { c.in("UNSUB 1\r\n"); }
  CHECK(c.core.subscriptions().size() == 0);
  CHECK(c.port.calls.back() == "unsubscribe 1");
}

TEST_CASE("client core: shutting gives all subscriptions back once", "[session][core]") {
  virtual_client c;
  c.connect().in("SUB a 1\r\nSUB b 2\r\n");
  c.core.shut();
  c.core.shut();
  CHECK(c.port.calls.back() == "unsubscribe all 2");
  CHECK(c.core.subscriptions().size() == 0);
}

// -- logins that take their time --------------------------------------------------------------------

TEST_CASE("client core: nothing is read while a login waits for its answer", "[session][core]") {
  virtual_client c(with_auth());
  c.port.auth = {.pending = true};
  c.connect(R"(,"user":"u")").in("SUB a 1\r\nPING\r\n");
  CHECK(c.core.login_pending());
  CHECK(c.out().empty());
  c.core.login_done({.ok = true});
  CHECK_FALSE(c.core.login_pending());
  c.in("");
  CHECK(c.port.calls == names{"authenticate u first", "connected ", "subscribe a [] 1", "send PONG\r\n",
                              "send INFO {connect_info}\r\n"});
}

TEST_CASE("client core: a login refused late ends like any other", "[session][core]") {
  virtual_client c(with_auth());
  c.port.auth = {.pending = true};
  c.connect(R"(,"user":"u")").in("PUB a 0\r\n\r\n");
  c.core.login_done({});
  c.in("");
  CHECK(c.out() == err("Authorization Violation"));
  CHECK(c.reason() == "Authentication Failure");
  CHECK(c.port.calls.back() != "publish a [] -1 ");
}

TEST_CASE("client core: a first operation of a client without CONNECT may have to wait too",
          "[session][core]") {
  session_settings s = with_auth();
  s.has_no_auth_user = true;
  virtual_client c(s);
  c.port.auth = {.pending = true};
  c.in("SUB a 1\r\n");
  CHECK(c.core.login_pending());
  c.core.login_done({.ok = true});
  c.in("");
  CHECK(c.out() == "+OK\r\n");
}

TEST_CASE("client core: an account that is full says so", "[session][core]") {
  virtual_client c(with_auth());
  c.port.auth = {.reason = closed_reason::max_account_connections_exceeded,
                 .err = err_text::max_account_connections};
  c.connect();
  CHECK(c.out() == err("maximum account active connections exceeded"));
  CHECK(c.reason() == "Maximum Account Connections Exceeded");
}

TEST_CASE("client core: the narrower of the node's bounds and those of user and account count",
          "[session][core]") {
  session_settings s;
  s.max_subscriptions = 2;
  s.max_payload = 5;
  const auto refused = [&](session_bounds bounds, const std::string& in) {
    virtual_client c(s);
    c.connect();
    c.core.bound(bounds);
    c.in(in);
    return c.out();
  };
  const std::string one = "SUB a 1\r\n", two = one + "SUB b 2\r\n", three = two + "SUB c 3\r\n";
  const std::string full = err("maximum subscriptions exceeded");
  CHECK(refused({}, two).empty());
  CHECK(refused({}, three) == full);
  CHECK(refused({.max_subscriptions = 1}, one).empty());
  CHECK(refused({.max_subscriptions = 1}, two) == full);
  CHECK(refused({.max_subscriptions = 9}, three) == full);
  CHECK(refused({.max_subscriptions = 0}, one) == full);
  CHECK(refused({.max_payload = 3}, "PUB a 3\r\nabc\r\n").empty());
  CHECK(refused({.max_payload = 3}, "PUB a 4\r\n") == err("Maximum Payload Violation"));
  CHECK(refused({.max_payload = 9}, "PUB a 6\r\n") == err("Maximum Payload Violation"));
}

TEST_CASE("client core: a limit of subscriptions that becomes lower ends a session that has reached it",
          "[session][core]") {
  virtual_client c;
  c.connect().in("SUB a 1\r\nSUB b 2\r\n");
  SECTION("it has room") { c.core.bound({.max_subscriptions = 3}); }
  SECTION("the limit stays as it is") {
    c.core.bound({.max_subscriptions = 3});
    c.in("SUB c 3\r\n");
    c.core.bound({.max_subscriptions = 3});
    c.core.bound({.max_subscriptions = 4});
  }
  SECTION("it has none") {
    const int64_t most = GENERATE(0, 1, 2);
    c.core.bound({.max_subscriptions = most});
    CHECK(c.out() == err("maximum subscriptions exceeded"));
    CHECK(c.reason() == "Maximum Subscriptions Exceeded");
    return;
  }
  CHECK(c.out().empty());
  CHECK(c.reason().empty());
}

TEST_CASE("client core: who may have no subscription at all ends with the login", "[session][core]") {
  virtual_client c;
  SECTION("from the start") {
    c.core.bound({.max_subscriptions = 0});
    CHECK(c.reason().empty());
    c.connect();
  }
  SECTION("from a change on") {
    c.connect();
    c.core.bound({.max_subscriptions = 0});
    CHECK(c.reason().empty());
    c.core.end_if_barred();
  }
  CHECK(c.out() == err("maximum subscriptions exceeded"));
  CHECK(c.reason() == "Maximum Subscriptions Exceeded");
}

TEST_CASE("client core: a login that expires ends the session at its moment", "[session][core]") {
  using namespace std::chrono_literals;
  virtual_client c;
  c.connect();
  c.core.expire_at(c.now + 1500ms, nanos::max());
  c.pass(1499ms);
  CHECK(c.reason().empty());
  c.pass(1ms);
  CHECK(c.out() == err("User Authentication Expired"));
  CHECK(c.reason() == "Authentication Expired");
}

TEST_CASE("client core: a subscription whose permission went is named and gone", "[session][core]") {
  virtual_client c;
  c.connect().in("SUB a 7\r\n");
  routing::subscription* sub = nullptr;
  c.core.subscriptions().for_each([&](routing::subscription& s) { sub = &s; });
  REQUIRE(sub);
  c.core.withdraw(*sub, err_text::subscription_withdrawn("a", "", "7"));
  CHECK(c.out() == err("Permissions Violation for Subscription to \"a\" (sid \"7\")"));
  CHECK(c.core.subscriptions().size() == 0);
  CHECK(c.reason().empty());
}
