// Subjects and bodies of requests to the system account.
#include <algorithm>

#include "actors/system/system_request.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

constexpr std::string_view id = "NSERVER";

std::string refusal(system_call call, std::string_view body) {
  auto options = parse_request_options(call, body);
  return options ? "accepted" : options.error().context;
}

} // namespace

TEST_CASE("system request: subjects name a service, for all servers, one, or one account", "[system]") {
  auto call = [](std::string_view subject) { return parse_system_subject(subject, id).call; };
  CHECK(call("$SYS.REQ.SERVER.PING") == system_call::statsz);
  CHECK(call("$SYS.REQ.SERVER.PING.VARZ") == system_call::varz);
  CHECK(call("$SYS.REQ.SERVER.NSERVER.HEALTHZ") == system_call::healthz);
  CHECK(call("$SYS.REQ.SERVER.NSERVER.KICK") == system_call::kick);
  CHECK(call("$SYS.REQ.SERVER.PING.KICK") == system_call::none);
  CHECK(call("$SYS.REQ.SERVER.OTHER.VARZ") == system_call::none);
  CHECK(call("$SYS.REQ.SERVER.NSERVER") == system_call::none);
  CHECK(call("$SYS.REQ.SERVER.NSERVER.VARZ.x") == system_call::none);
  CHECK(call("$SYS.REQ.USER.INFO") == system_call::none);  // an import leads to the account's
  CHECK(call("$SYS.DEBUG.SUBSCRIBERS") == system_call::debug_subscribers);
  CHECK(call("$SYS.REQ.ACCOUNT.NSUBS") == system_call::account_nsubs);
  CHECK(call("$SYS.REQ.ACCOUNT.A.NOTHING") == system_call::none);
  CHECK(call("") == system_call::none);
  CHECK(call("$SYS.REQ.ACCOUNT.") == system_call::none);

  auto ping = parse_system_subject("$SYS.REQ.ACCOUNT.PING.STATZ", id);
  CHECK(ping.call == system_call::account_statz);
  CHECK_FALSE(ping.one_account);
  auto one = parse_system_subject("$SYS.REQ.ACCOUNT.A.CONNZ", id);
  CHECK(one.call == system_call::connz);
  CHECK(one.account == "A");
  CHECK(one.one_account);
  CHECK(parse_system_subject("$SYS.REQ.USER.A.INFO", id).account == "A");
}

TEST_CASE("system request: the queue of NSUBS is bytes, in base64", "[system]") {
  auto options = parse_request_options(system_call::account_nsubs, R"({"acc":"A","subject":"s","queue":"cQ=="})");
  REQUIRE(options);
  CHECK(options->queue == "q");
  CHECK_FALSE(parse_request_options(system_call::account_nsubs, R"({"queue":"q"})"));
  CHECK(parse_request_options(system_call::account_nsubs, R"({"queue":null})")->queue.empty());
  auto profile = parse_request_options(system_call::profilez, R"({"name":"heap","debug":1,"duration":5})");
  REQUIRE(profile);
  CHECK(profile->name == "heap");
  CHECK(profile->duration_ns == 5);
}

TEST_CASE("system request: every filter is listened to once, and leads to a service", "[system]") {
  auto filters = system_filters(id);
  auto sorted = filters;
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  for (std::string filter : filters) {
    std::replace(filter.begin(), filter.end(), '*', 'A');
    INFO(filter);
    CHECK(parse_system_subject(filter, id).call != system_call::none);
  }
}

TEST_CASE("system request: a resolver is asked for updates, and more if it keeps accounts", "[system]") {
  CHECK(claims_filters(false).size() == 2);
  for (std::string filter : claims_filters(true)) {
    std::replace(filter.begin(), filter.end(), '*', 'A');
    INFO(filter);
    const system_subject what = parse_system_subject(filter, id);
    CHECK(what.call >= system_call::claims_update);
    CHECK(what.one_account == (what.account == "A"));
  }
  CHECK(parse_system_subject("$SYS.REQ.CLAIMS.NOTHING", id).call == system_call::none);
  CHECK(parse_system_subject("$SYS.ACCOUNT.A.CONNECT", id).call == system_call::none);
}

TEST_CASE("system request: filters name servers by part, exactly, by tags and by domain", "[system]") {
  server_identity server{.name = "east-1", .cluster = "east", .host = "10.0.0.1", .domain = "hub",
                         .tags = {"ssd", "az:1"}};
  auto meant = [&](std::string_view body) {
    auto options = parse_request_options(system_call::varz, body);
    REQUIRE(options);
    return applies_to(options->filter, server);
  };
  CHECK(meant(""));
  CHECK(meant("{}"));
  CHECK(meant(R"({"server_name":"east"})"));
  CHECK_FALSE(meant(R"({"server_name":"east","exact_match":true})"));
  CHECK(meant(R"({"server_name":"east-1","cluster":"east","host":"10.0.0.1","exact_match":true})"));
  CHECK_FALSE(meant(R"({"cluster":"west"})"));
  CHECK(meant(R"({"tags":["az:1","ssd"]})"));
  CHECK_FALSE(meant(R"({"tags":["az:1","az:2"]})"));
  CHECK(meant(R"({"domain":"hub"})"));
  CHECK_FALSE(meant(R"({"domain":"hu"})"));
}

TEST_CASE("system request: options of its own and of a page for one account", "[system]") {
  CHECK(options_of_account(system_call::connz, R"( {"acc" : "B", "limit" : 3} )", "A\"")
        == R"({"acc":"B","limit":3,"acc":"A\""})");
  CHECK(options_of_account(system_call::subsz, "", "A") == R"({"account":"A","subscriptions":true})");
  CHECK(options_of_account(system_call::leafz, "null", "A") == R"({"account":"A"})");
  CHECK(page_name(system_call::varz) == "VARZ");
  CHECK(page_name(system_call::kick).empty());
  auto statz = parse_request_options(system_call::account_statz,
                                     R"({"accounts":["A","B"],"include_unused":true})");
  REQUIRE(statz);
  CHECK(statz->accounts == std::vector<std::string>{"A", "B"});
  CHECK(statz->include_unused);
  auto kick = parse_request_options(system_call::kick, R"({"cid":18446744073709551615})");
  REQUIRE(kick);
  CHECK(kick->cid == UINT64_MAX);
}

TEST_CASE("system request: what does not fit is refused in the server's words", "[system]") {
  CHECK(refusal(system_call::connz, R"({"limit":"x"})")
        == "json: cannot unmarshal string into Go struct field ConnzEventOptions.ConnzOptions.limit "
           "of type int");
  CHECK(refusal(system_call::varz, R"({"tags":"x"})")
        == "json: cannot unmarshal string into Go struct field "
           "VarzEventOptions.EventFilterOptions.tags of type []string");
  CHECK(refusal(system_call::connz, R"({"cid":-3})")
        == "json: cannot unmarshal number -3 into Go struct field "
           "ConnzEventOptions.ConnzOptions.cid of type uint64");
  CHECK(refusal(system_call::connz, "[1]")
        == "json: cannot unmarshal array into Go value of type server.ConnzEventOptions");
  CHECK(refusal(system_call::connz, " ") == "unexpected end of JSON input");
  CHECK(refusal(system_call::connz, "{").starts_with("invalid JSON"));
  CHECK(refusal(system_call::connz, std::string(2000, '[')).starts_with("invalid JSON"));
  CHECK(refusal(system_call::connz, "null") == "accepted");
  CHECK(refusal(system_call::connz, "{\"user\":\"" + std::string(max_request_options_bytes, 'x') + "\"}")
        == "request options of more than 65536 bytes");
}
