#include "actors/fetch/http_fetch.hpp"

#include "test/catch.hpp"

using namespace troupe;

TEST_CASE("fetch: URLs", "[fetch]") {
  auto url = parse_http_url("http://ca.example/ocsp/?a=b");
  REQUIRE(url);
  CHECK(url->host == "ca.example");
  CHECK(url->port == "80");
  CHECK(url->target == "/ocsp/?a=b");
  CHECK_FALSE(url->tls);
  url = parse_http_url("https://[::1]:8443");
  REQUIRE(url);
  CHECK(url->host == "::1");
  CHECK(url->port == "8443");
  CHECK(url->target == "/");
  CHECK(url->tls);
  CHECK(parse_http_url("https://a?x")->target == "/?x");
  for (auto text : {"", "a", "ftp://a", "http://", "http:///x", "http://:80", "http://a:0", "http://a:65536",
                    "http://a:x", "http://a b", "http://a/\r\nX: y", "http://u:p@a/", "http://[::1", "http://[::1]x",
                    "http://a#b", "http://a/#b"}) {
    INFO(text);
    CHECK_FALSE(parse_http_url(text));
  }
  CHECK_FALSE(parse_http_url("http://a/" + std::string(9000, 'a')));
}

TEST_CASE("fetch: what fails says which request and why", "[fetch]") {
  std::atomic<bool> cancelled{false};
  http_question q;
  q.url = "http://127.0.0.1:1/x";
  auto answer = http_fetch(q, cancelled);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().context == "Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused");
  cancelled = true;
  CHECK_FALSE(http_fetch(q, cancelled));
}
