#include "config/trace_filter.hpp"
#include "test/catch.hpp"

using namespace troupe::config;

TEST_CASE("trace filter: selects by number, address, account, user and name", "[config]") {
  auto f = trace_filter::parse("cid:7, account:A,user:u , name:svc:1, ip:::1");
  REQUIRE(f);
  CHECK(f->matches({.cid = 7}));
  CHECK_FALSE(f->matches({.cid = 77}));
  CHECK(f->matches({.account = "A"}));
  CHECK(f->matches({.user = "u"}));
  CHECK(f->matches({.name = "svc:1"}));
  CHECK(f->matches({.ip = "::1"}));
  CHECK_FALSE(f->matches({.cid = 1, .ip = "10.0.0.1", .account = "B", .user = "a", .name = "svc"}));
  CHECK(trace_filter::parse("")->empty());
  CHECK_FALSE(trace_filter{}.matches({}));
}

TEST_CASE("trace filter: what is no selector is named", "[config]") {
  for (std::string_view text : {"7", "cid", "cid:", "client:7", ",,"})
    CHECK(trace_filter::parse(text).error().context.starts_with("trace_connections: \""));
}
