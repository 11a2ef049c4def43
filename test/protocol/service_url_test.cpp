// URLs of other servers, as Go's net/url takes them.
#include <string>

#include "protocol/service_url.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

std::string fault_of(std::string_view text) {
  const auto fault = find_url_fault(text);
  if (!fault) return {};
  return std::string(fault->before) + std::string(fault->piece) + std::string(fault->after);
}

} // namespace

TEST_CASE("service url: what is none, and why", "[url]") {
  for (const char* good : {"", "*", "h", "h/a:b", "nats:a%zz", "nats://", "nats://:4222", "nats://u:p@h:1", "nats://a:1:2",
                           "nats://[::1]:4222", "nats://[::ffff:1.2.3.4]", "nats://[fe80::1%25en0]", "nats://h%c3%a4", "nats://<a>",
                           "nats://h?%zz", "//h", "///a:b%20"})
    CHECK(fault_of(good) == "");
  CHECK(fault_of("nats://h\n") == "net/url: invalid control character in URL");
  CHECK(fault_of("://h") == "missing protocol scheme");
  CHECK(fault_of("1.2.3.4:4222") == "first path segment in URL cannot contain colon");
  CHECK(fault_of("nats://u[@h") == "net/url: invalid userinfo");
  CHECK(fault_of("nats://a b@h") == "net/url: invalid userinfo");
  CHECK(fault_of("nats://u%zz@h") == "invalid URL escape %zz");
  CHECK(fault_of("nats://h%4") == "invalid URL escape %4");
  CHECK(fault_of("nats://[fe80::1%25a%3f]") == "invalid URL escape %3f");
  CHECK(fault_of("nats://a[::1]") == "invalid IP-literal");
  CHECK(fault_of("nats://[x]") == "invalid host: it is no address");
  CHECK(fault_of("nats://h:99x") == "invalid port :99x after host");
  CHECK(is_service_url("  nats://h\t"));
}

TEST_CASE("service url: its parts and how it is shown", "[url]") {
  CHECK(url_scheme("WSS://h") == "wss");
  CHECK(url_scheme("h:4222/a") == "h");
  CHECK(url_scheme("1.2.3.4") == "");
  CHECK(is_wss_url("WSS://h"));
  CHECK(is_websocket_url("ws://h"));
  CHECK(has_url_host("http://:80"));
  CHECK_FALSE(names_host("http://:80"));
  CHECK_FALSE(has_url_host("http:a"));
  CHECK_FALSE(names_host("//h"));
  CHECK(names_host("https://h/a"));
  CHECK(shown_url("NATS://u:secret@h", 7422) == "nats://u:xxxxx@h:7422");
  CHECK(shown_url("nats://u@[::1]/a?b#c", 7422) == "nats://u@[::1]:7422/a?b#c");
  CHECK(shown_url("nats://a:b:secret@h:1", 0) == "nats://a:xxxxx@h:1");
  CHECK(shown_url("h", 7422) == "h");
  CHECK(shown_url("//h", 0) == "//h");
}
