// JSON as Go's encoding/json writes it. The expected texts were printed by Go.
#include <limits>
#include <string>

#include "protocol/json/reader.hpp"
#include "protocol/json/writer.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string number(double d) {
  std::string out;
  append_json_double(out, d);
  return out;
}

} // namespace

TEST_CASE("JSON strings are escaped as in Go", "[protocol][json]") {
  CHECK(quoted("") == R"("")");
  CHECK(quoted("foo/bar'") == R"("foo/bar'")");
  CHECK(quoted("a\"b\\c") == R"("a\"b\\c")");
  CHECK(quoted(std::string_view{"a\x00\x01\x1f\x7f", 5}) == "\"a\\u0000\\u0001\\u001f\x7f\"");
  CHECK(quoted("\a\b\f\n\r\t\v") == R"("\u0007\b\f\n\r\t\u000b")");
  CHECK(quoted("<a href='x'>&") == R"("\u003ca href='x'\u003e\u0026")");
  CHECK(quoted("\xE2\x80\xA8\xE2\x80\xA9") == R"("\u2028\u2029")");
  CHECK(quoted("\xC3\xA9\xF0\x9F\x98\x80") == "\"\xC3\xA9\xF0\x9F\x98\x80\"");
  CHECK(quoted("\xEF\xBF\xBD") == "\"\xEF\xBF\xBD\"");
  CHECK(quoted("a\xff\xc3"
               "b")
        == R"("a\ufffd\ufffdb")");
  CHECK(quoted("a\xed\xa0\x80z") == R"("a\ufffd\ufffd\ufffdz")");
}

TEST_CASE("JSON doubles have the format of Go", "[protocol][json]") {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-1, "-1"},
      {0.1, "0.1"},
      {1.5, "1.5"},
      {100, "100"},
      {1e6, "1000000"},
      {123456789.125, "123456789.125"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {1.2345678901234567e20, "123456789012345670000"},
      {1e-6, "0.000001"},
      {9.99e-7, "9.99e-7"},
      {1e-7, "1e-7"},
      {1.5e-9, "1.5e-9"},
      {1e-10, "1e-10"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {0.3333333333333333, "0.3333333333333333"},
      {12.30, "12.3"},
      {-0.000001, "-0.000001"},
      {4.5e15, "4500000000000000"},
      {2.5e25, "2.5e+25"},
  };
  for (const auto& [d, text] : cases)
    CHECK(number(d) == text);
  CHECK(number(std::numeric_limits<double>::infinity()) == "null");
  CHECK(number(std::numeric_limits<double>::quiet_NaN()) == "null");
}

TEST_CASE("Compact JSON has no white space", "[protocol][json]") {
  std::string out;
  json_writer w{out};
  w.begin_object();
  w.member("a", 1);
  w.member("b", true);
  w.member("c", "x");
  w.key("d");
  w.begin_array();
  w.value(-5);
  w.value(std::numeric_limits<uint64_t>::max());
  w.value(std::numeric_limits<int64_t>::min());
  w.null();
  w.begin_object();
  w.end_object();
  w.value(0.5);
  w.end_array();
  w.key("e");
  w.raw("{\"r\":[1]}");
  w.member("f", std::vector<std::string>{"y", "z"});
  w.end_object();
  CHECK(out
        == R"({"a":1,"b":true,"c":"x","d":[-5,18446744073709551615,-9223372036854775808,)"
           R"(null,{},0.5],"e":{"r":[1]},"f":["y","z"]})");
}

TEST_CASE("Indented JSON is laid out as in Go", "[protocol][json]") {
  std::string out;
  json_writer w{out, json_layout::indented};
  w.begin_object();
  w.key("a"), w.begin_array(), w.end_array();
  w.key("b"), w.begin_object(), w.end_object();
  w.key("c"), w.begin_array(), w.value(1), w.value(2), w.end_array();
  w.key("d"), w.begin_object(), w.key("x"), w.begin_array(), w.begin_object();
  w.key("y"), w.null(), w.end_object(), w.end_array(), w.end_object();
  w.member("e", "s");
  w.key("f"), w.raw(R"({"k":[1,{"z":"a:,{}[]\"b"}],"m":{ }})");
  w.end_object();
  CHECK(out == R"({
  "a": [],
  "b": {},
  "c": [
    1,
    2
  ],
  "d": {
    "x": [
      {
        "y": null
      }
    ]
  },
  "e": "s",
  "f": {
    "k": [
      1,
      {
        "z": "a:,{}[]\"b"
      }
    ],
    "m": {}
  }
})");
}

TEST_CASE("Empty documents stay on one line", "[protocol][json]") {
  for (const auto layout : {json_layout::compact, json_layout::indented}) {
    std::string out;
    json_writer w{out, layout};
    w.begin_array();
    w.end_array();
    CHECK(out == "[]");
  }
}

TEST_CASE("Optional members are left out when empty", "[protocol][json]") {
  std::string out;
  json_writer w{out};
  w.begin_object();
  w.member_if("a", 0);
  w.member_if("b", false);
  w.member_if("c", std::string{});
  w.member_if("d", std::vector<std::string>{});
  w.member_if("e", 0.0);
  w.member_if("f", 7);
  w.end_object();
  CHECK(out == R"({"f":7})");
}

TEST_CASE("The reader checks the whole document", "[protocol][json]") {
  json_reader reader;
  const auto good = reader.read(R"({"a":[1,2]})");
  REQUIRE(good);
  CHECK(good->is_object());
  const auto bad = reader.read(R"({"a":[1,2]} x)");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == errc::malformed);
  CHECK_FALSE(reader.read("{\"a\":[1,}"));
  CHECK_FALSE(reader.read(""));
}

TEST_CASE("Field names are compared as in Go", "[protocol][json]") {
  CHECK(same_field_name("user", "user"));
  CHECK(same_field_name("USER", "user"));
  CHECK(same_field_name("u\xC5\xBF"
                        "er",
                        "user"));
  CHECK(same_field_name("n\xE2\x84\xAA"
                        "ey",
                        "nkey"));
  CHECK_FALSE(same_field_name("use", "user"));
  CHECK_FALSE(same_field_name("users", "user"));
  CHECK_FALSE(same_field_name("", "user"));
  CHECK_FALSE(same_field_name("auth\x7Ftoken", "auth_token"));
  CHECK_FALSE(same_field_name("auth\x1Ftoken", "auth?token"));
}
