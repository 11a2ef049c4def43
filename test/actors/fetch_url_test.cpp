#include "actors/fetch/http_fetch.hpp"
#include "actors/fetch/wait_pool.hpp"

#include <atomic>
#include <mutex>
#include <thread>

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
  CHECK(parse_http_url("https://a?x")->login.empty());
  url = parse_http_url("http://us%40er:p:w@d@a:1/x@y");
  REQUIRE(url);
  CHECK(url->login == "us@er:p:w@d");
  CHECK(url->host == "a");
  CHECK(url->target == "/x@y");
  CHECK(parse_http_url("http://key@a")->login == "key:");
  for (auto text : {"", "a", "ftp://a", "http://", "http:///x", "http://:80", "http://a:0", "http://a:65536",
                    "http://a:x", "http://a b", "http://a/\r\nX: y", "http://u:p@/", "http://[::1", "http://[::1]x",
                    "http://a#b", "http://a/#b"}) {
    INFO(text);
    CHECK_FALSE(parse_http_url(text));
  }
  CHECK_FALSE(parse_http_url("http://a/" + std::string(9000, 'a')));
}

TEST_CASE("fetch: logs show no password", "[fetch]") {
  CHECK(redacted_url("http://u:secret@a/x") == "http://u:xxxxx@a/x");
  CHECK(redacted_url("http://u:s@ecret@a") == "http://u:xxxxx@a");
  for (auto text : {"", "http://a:80/x", "http://u@a/", "http://a/u:p@x", "nonsense"}) CHECK(redacted_url(text) == text);
  CHECK(parse_http_url("ftp://u:secret@a").error().context.find("secret") == std::string::npos);
}

TEST_CASE("wait pool: who waits holds up nobody, what waits is bounded, stop ends it", "[fetch]") {
  std::mutex m;
  m.lock();
  std::atomic<int> begun{0}, done{0};
  wait_pool pool(2, 3);
  for (int i = 0; i < 2; ++i)
    CHECK(pool.run([&] {
      ++begun;
      std::lock_guard lock(m);
      ++done;
    }));
  while (begun < 2) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) CHECK(pool.run([&] { ++done; }));
  CHECK_FALSE(pool.run([&] { ++done; }));
  m.unlock();
  while (done < 5) std::this_thread::yield();
  pool.stop();
  CHECK_FALSE(pool.run([] {}));
  CHECK(done == 5);
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
