#include "http/page_request.hpp"
#include "test/catch.hpp"
#include "test/http/fake_source.hpp"

using namespace troupe;
using namespace troupe::http;

namespace {

page_answer ask(fake_source& source, std::string_view page, std::string_view options = "") {
  pages from(source, fixed_now);
  return answer_page(from, page, options);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("page request: every page answers compact JSON, with or without options", "[http]") {
  fake_source source;
  for (auto page : {"VARZ", "CONNZ", "SUBSZ", "ROUTEZ", "GATEWAYZ", "LEAFZ", "ACCOUNTZ", "STATZ",
                    "JSZ", "HEALTHZ", "EXPVARZ", "IPQUEUESZ", "ACTORZ"})
    for (auto options : {"", "{}", "null", R"({"server_name":"x","tags":["a"]})"}) {
      INFO(page << " " << options);
      auto got = ask(source, page, options);
      CHECK(got.error_code == 0);
      CHECK(got.data.starts_with("{"));
      CHECK_FALSE(contains(got.data, "\n"));
    }
  CHECK(ask(source, "HEALTHZ").data == R"({"status":"ok","status_code":200})");
  CHECK(ask(source, "RAFTZ").error == "No Raft nodes registered");
  CHECK(ask(source, "NOPEZ").error_code == 404);
}

TEST_CASE("page request: options are the NATS server's", "[http]") {
  fake_source source;
  for (uint64_t cid : {1, 2, 3}) source.some_connections.open.push_back(a_connection(cid));
  auto& second = source.some_connections.open[1];
  second.authorized_user = "bob";
  second.subs = {{"", "", "foo.*", "", "1", 0, 0, 2}};
  auto page = ask(source, "CONNZ", R"({"sort":"uptime","auth":true,"offset":1,"limit":1,"State":2})");
  CHECK(contains(page.data, R"("num_connections":1,"total":3,"offset":1,"limit":1)"));
  CHECK(contains(page.data, R"("cid":2)"));
  CHECK(contains(page.data, R"("authorized_user":"bob")"));
  auto filtered = ask(source, "CONNZ", R"({"acc":"$G","filter_subject":"foo.bar"})");
  CHECK(contains(filtered.data, R"("num_connections":1)"));
  CHECK_FALSE(contains(filtered.data, "subscriptions_list"));
  CHECK(contains(ask(source, "CONNZ", R"({"subscriptions":true})").data,
                 R"("subscriptions_list":["foo.*"])"));
  CHECK(contains(ask(source, "ACCOUNTZ", R"({"account":"$SYS"})").data, R"("account_detail":{)"));
  CHECK(contains(ask(source, "STATZ", R"({"accounts":["$SYS"],"include_unused":true})").data,
                 R"("acc":"$SYS")"));
  CHECK(contains(ask(source, "HEALTHZ", R"({"stream":"s"})").data, R"("status_code":400)"));
}

TEST_CASE("page request: bad options are refused, a filter that excludes is silent", "[http]") {
  fake_source source;
  auto code = [&](std::string_view page, std::string_view options) {
    return ask(source, page, options).error_code;
  };
  CHECK(code("VARZ", "{") == 400);
  CHECK(code("VARZ", "[]") == 400);
  CHECK(code("CONNZ", R"({"limit":"1"})") == 400);
  CHECK(code("CONNZ", R"({"limit":99999999999999999999})") == 400);
  CHECK(code("CONNZ", R"({"cid":-1})") == 400);
  CHECK(code("STATZ", R"({"accounts":[1]})") == 400);
  CHECK(code("CONNZ", std::string(70000, ' ')) == 400);
  CHECK(ask(source, "CONNZ", R"({"sort":"foo"})").error == "invalid sorting option: foo");
  CHECK(code("CONNZ", R"({"sort":"foo"})") == 500);
  CHECK(ask(source, "CONNZ", R"({"filter_subject":"a"})").error
        == "filter by subject only valid with account filtering");
  CHECK(code("SUBSZ", R"({"test":"a.*"})") == 500);
  CHECK(ask(source, "JSZ", R"({"leader_only":true})").silent);
  source.broken = true;
  CHECK(code("VARZ", "") == 500);
}
