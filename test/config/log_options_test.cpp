#include "config/log_options.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::config;

TEST_CASE("log options: overrides name subsystems and levels", "[config]") {
  auto good = parse_log_level_override(" session=trace, http = warn,");
  REQUIRE(good);
  REQUIRE(good->size() == 2);
  CHECK(log_subsystems[(*good)[0].first] == "session");
  CHECK((*good)[0].second == log_level::trace);
  CHECK(log_subsystems[(*good)[1].first] == "http");
  CHECK((*good)[1].second == log_level::warn);
  CHECK(parse_log_level_override("")->empty());
  CHECK(parse_log_level_override(" , ").error().context.find("is not of the form") != std::string::npos);
}

TEST_CASE("log options: what is wrong with an override is named", "[config]") {
  auto why = [](std::string_view text) {
    auto r = parse_log_level_override(text);
    return r ? std::string{} : r.error().context;
  };
  CHECK(why("nobody=info").starts_with("log_level_override: unknown subsystem \"nobody\", known are"));
  CHECK(why("node=loud")
        == "log_level_override: unknown level \"loud\" of node, known are trace, debug, info, warn, "
           "error, fatal");
  CHECK(why("session=info,node")
        == "log_level_override: \"node\" is not of the form subsystem=level");
}

TEST_CASE("log options: the format is text or json", "[config]") {
  CHECK(*parse_log_format("json"));
  CHECK_FALSE(*parse_log_format("text"));
  CHECK_FALSE(*parse_log_format(""));
  CHECK(parse_log_format("xml").error().context == "log_format must be 'text' or 'json', not 'xml'");
}
