// Error texts, reasons of closed connections, and Go's quoting inside them.
#include "protocol/client/error_text.hpp"
#include "test/catch.hpp"

using namespace troupe;

TEST_CASE("Quoting is that of Go", "[protocol][go_quote]") {
  // Each pair was printed by Go's strconv.Quote.
  CHECK(go_quote("") == R"("")");
  CHECK(go_quote("foo.bar") == R"("foo.bar")");
  CHECK(go_quote("a\"b\\c'd") == R"("a\"b\\c'd")");
  CHECK(go_quote(std::string_view{"a\x00\x01\x1f\x7f", 5}) == R"("a\x00\x01\x1f\x7f")");
  CHECK(go_quote("\a\b\f\n\r\t\v") == R"("\a\b\f\n\r\t\v")");
  CHECK(go_quote("\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80")
        == "\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\"");
  CHECK(go_quote("\xC2\xA0\xC2\xAD\xE2\x80\x8B\xE2\x80\xA8\xEF\xBB\xBF")
        == R"("\u00a0\u00ad\u200b\u2028\ufeff")");
  CHECK(go_quote("\xF3\xA0\x80\x81\xF4\x8F\xBF\xBF") == R"("\U000e0001\U0010ffff")");
  CHECK(go_quote("\xCD\xB8") == R"("\u0378")");
  CHECK(go_quote("\xEF\xBF\xBD") == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("Bytes that are no UTF-8 are quoted one by one", "[protocol][go_quote]") {
  CHECK(go_quote("\xff\xc3") == R"("\xff\xc3")");
  CHECK(go_quote("a\xed\xa0\x80z") == R"("a\xed\xa0\x80z")");
  CHECK(go_quote("\xc0\x80") == R"("\xc0\x80")");
  CHECK(go_quote("\xf4\x90\x80\x80") == R"("\xf4\x90\x80\x80")");
  CHECK(go_quote("\xe4\xb8") == R"("\xe4\xb8")");
}

TEST_CASE("Permission violations name subject and queue in quotes", "[protocol][error_text]") {
  CHECK(err_text::publish_denied("foo") == R"(Permissions Violation for Publish to "foo")");
  CHECK(err_text::reply_denied("_R_.x")
        == R"(Permissions Violation for Publish with Reply of "_R_.x")");
  CHECK(err_text::subscription_denied("foo.>")
        == R"(Permissions Violation for Subscription to "foo.>")");
  CHECK(err_text::subscription_denied("foo", "q")
        == R"(Permissions Violation for Subscription to "foo" using queue "q")");
  CHECK(err_text::too_many_tokens("a.b.c")
        == R"(Permissions Violation for Subscription to "a.b.c", too many tokens)");
  CHECK(err_text::subscription_withdrawn("foo", "", "1")
        == R"(Permissions Violation for Subscription to "foo" (sid "1"))");
  CHECK(err_text::subscription_withdrawn("foo", "q", "1")
        == R"(Permissions Violation for Subscription to "foo" using queue "q" (sid "1"))");
}

TEST_CASE("Every reason has its text in place", "[protocol][error_text]") {
  CHECK(to_text(closed_reason::unknown) == "Unknown State");
  CHECK(to_text(closed_reason::client_closed) == "Client Closed");
  CHECK(to_text(closed_reason::slow_consumer_write_deadline) == "Slow Consumer (Write Deadline)");
  CHECK(to_text(closed_reason::max_account_connections_exceeded)
        == "Maximum Account Connections Exceeded");
  CHECK(to_text(closed_reason::max_connections_exceeded) == "Maximum Connections Exceeded");
  CHECK(to_text(closed_reason::credentials_revoked) == "Credentials Revoked");
  CHECK(to_text(closed_reason::duplicate_remote_leafnode)
        == "Duplicate Remote LeafNode Connection");
  CHECK(to_text(closed_reason::proxy_required) == "Proxy Required");
  CHECK(to_text(closed_reason::count_) == "Unknown State");
}

TEST_CASE("Every violation has its line and its reason", "[protocol][error_text]") {
  const auto check = [](violation v, std::string_view err, closed_reason reason) {
    CHECK(effect_of(v).err == err);
    CHECK(effect_of(v).reason == reason);
  };
  check(violation::unknown_op, "Unknown Protocol Operation", closed_reason::protocol_violation);
  check(violation::control_line_too_long, "maximum control line exceeded",
        closed_reason::max_control_line_exceeded);
  check(violation::payload_too_large, "Maximum Payload Violation",
        closed_reason::max_payload_exceeded);
  check(violation::bad_arguments, "", closed_reason::protocol_violation);
  check(violation::bad_header_size, "", closed_reason::protocol_violation);
  check(violation::headers_unsupported, "", closed_reason::protocol_violation);
}
