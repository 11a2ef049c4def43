#include "config/json.hpp"
#include "config/parser.hpp"
#include "test/catch.hpp"

#include <map>

using namespace troupe;
using namespace troupe::config;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::map<std::string, std::string> files;
std::map<std::string, std::string> variables;

parse_environment fake_world() {
  return {
      [](const std::string& path) -> result<std::string> {
        auto f = files.find(path);
        if (f == files.end())
          return troupe::error{errc::unavailable, "open " + path + ": no such file or directory"};
        return f->second;
      },
      [](const std::string& name) -> std::optional<std::string> {
        auto v = variables.find(name);
        return v == variables.end() ? std::nullopt : std::optional(v->second);
      }};
}

/// The tree as JSON, or the failure.
std::string parsed(const std::string& text) {
  auto out = parse(text, "t.conf", fake_world());
  return out.failure ? out.failure->to_string() : to_json(out.root);
}

} // namespace

TEST_CASE("parser: keys take any separator, and values end at newline, comma or semicolon",
          "[config]") {
  CHECK(parsed("a = 1\nb: 2\nc 3\nd=4;e=5\n") == R"({"a":1,"b":2,"c":3,"d":4,"e":5})");
  CHECK(parsed("'a b' = 1\n\"c d\": 2") == R"({"a b":1,"c d":2})");
  CHECK(parsed("a = 1, b = 2") == R"({"a":1,"b":2})");
  CHECK(parsed("a\n  1\n") == R"({"a":1})");
  CHECK(parsed("a =\t1\r\nb = 2\r\n") == R"({"a":1,"b":2})");
  CHECK(parsed("") == "{}");
  CHECK(parsed("a =") == R"({"a":""})");
}

TEST_CASE("parser: plain JSON and outer braces are accepted", "[config]") {
  CHECK(parsed(R"({"a": {"b": [1, "x", true]}, "c": 2})") == R"({"a":{"b":[1,"x",true]},"c":2})");
  CHECK(parsed("{ {a:1} }\nb:2") == R"({"a":1,"b":2})");
  CHECK(parsed("{\n a: 1\n") == R"({"a":1})");
  CHECK(parsed("a: 1 }\n") == R"({"a":1})");
  CHECK(parsed("}\n") == "{}");
}

TEST_CASE("parser: comments may stand anywhere between values", "[config]") {
  CHECK(parsed("# x\na=1 # y\n// z\nb=2 // w\nc {\n # q\n d=3 // e\n}\ne=[ # f\n 1 # g\n 2 ]\n")
        == R"({"a":1,"b":2,"c":{"d":3},"e":[1,2]})");
}

TEST_CASE("parser: maps and arrays nest and separate by comma, semicolon or newline", "[config]") {
  CHECK(parsed("a { b=1; c=2, d=3\n e=4 }") == R"({"a":{"b":1,"c":2,"d":3,"e":4}})");
  CHECK(parsed("a = [1, 2\n 3\n [4], {b: 5} ]") == R"({"a":[1,2,3,[4],{"b":5}]})");
  CHECK(parsed("a {} \nb []") == R"({"a":{},"b":[]})");
  CHECK(parsed("a {\n /b: 1\n}") == R"({"a":{"b":1}})");
}

TEST_CASE("parser: numbers stand right before a closing bracket", "[config]") {
  CHECK(parsed("a = [1,2]") == R"({"a":[1,2]})");
  CHECK(parsed("a = [1k]") == R"({"a":[1000]})");
  // What goes on after a unit is a text.
  CHECK(parsed("a = 5e7bcd, b = 1k5, c = 1kb5x") == R"({"a":"5e7bcd","b":"1k5","c":"1kb5x"})");
}

TEST_CASE("parser: double quoted strings have escapes, single quoted ones have none", "[config]") {
  CHECK(parsed(R"(a = "x\t\n\r\"\\\x41y")") == R"({"a":"x\t\n\r\"\\Ay"})");
  CHECK(parsed(R"(a = 'x\t"y')") == R"({"a":"x\\t\"y"})");
  CHECK(parsed("a = foo\\x41bar") == R"({"a":"fooAbar"})");
  CHECK(parsed("a = foo_bar-baz.*") == R"({"a":"foo_bar-baz.*"})");
  CHECK(parsed("a = \"two\nlines\"") == R"({"a":"two\nlines"})");
}

TEST_CASE("parser: a block string ends at a parenthesis alone on its line", "[config]") {
  CHECK(parsed("a = (\nfoo )\n(bar)\n)\nb = 1") == R"({"a":"\nfoo )\n(bar)\n","b":1})");
}

TEST_CASE("parser: booleans are words in any case", "[config]") {
  CHECK(parsed("a=true\nb=FALSE\nc=Yes\nd=no\ne=on\nf=OFF\ng=truex")
        == R"({"a":true,"b":false,"c":true,"d":false,"e":true,"f":false,"g":"truex"})");
}

TEST_CASE("parser: integers take decimal and binary units", "[config]") {
  CHECK(parsed("a=1k\nb=1kb\nc=1Ki\nd=1KiB\ne=2m\nf=2MB\ng=3g\nh=3gb\ni=1t\nj=1tb")
        == R"({"a":1000,"b":1024,"c":1024,"d":1024,"e":2000000,"f":2097152,"g":3000000000,)"
           R"("h":3221225472,"i":1000000000000,"j":1099511627776})");
  CHECK(parsed("a=1p\nb=1pb\nc=1e\nd=1eb\ne=-5\nf=-2k")
        == R"({"a":1000000000000000,"b":1125899906842624,"c":1000000000000000000,)"
           R"("d":1152921504606846976,"e":-5,"f":-2000})");
  CHECK(parsed("a=10s\nb=4222x\nc=127.0.0.1:4222\nd=1.2.3.4\ne=5kx")
        == R"({"a":"10s","b":"4222x","c":"127.0.0.1:4222","d":"1.2.3.4","e":"5kx"})");
}

TEST_CASE("parser: integers that do not fit are errors", "[config]") {
  CHECK(parsed("a=99999999999999999999")
        == "t.conf:1:2: integer '99999999999999999999' is out of the range");
  CHECK(parsed("a=10eb") == "t.conf:1:2: integer '10eb' is out of the range");
  CHECK(parsed("a=5kbb") == "t.conf:1:2: expected integer, but got '5kbb'");
}

TEST_CASE("parser: floats and dates are written as Go writes them", "[config]") {
  CHECK(parsed("a=1.5\nb=-0.25\nc=100.0") == R"({"a":1.5,"b":-0.25,"c":100})");
  CHECK(parsed("a=0.0000001\nb=1000000000000000000000.0") == R"({"a":1e-7,"b":1e+21})");
  CHECK(parsed("a=2016-05-04T18:53:41Z") == R"({"a":"2016-05-04T18:53:41Z"})");
  CHECK(parsed("a=2016-13-04T18:53:41Z")
        == "t.conf:1:2: expected Zulu formatted DateTime, but got '2016-13-04T18:53:41Z'");
}

TEST_CASE("parser: variables are looked up in enclosing maps, then in the environment",
          "[config]") {
  variables = {{"PORT", "4222"}, {"LIST", "[a, b]"}, {"CHAIN", "$PORT"}, {"LOOP", "$LOOP"}};
  CHECK(parsed("x = 7\na { b = $x }") == R"({"a":{"b":7},"x":7})");
  CHECK(parsed("x = 7\na { x = 8\n b = $x }") == R"({"a":{"b":8,"x":8},"x":7})");
  CHECK(parsed("p = $PORT\nl = $LIST\nc = $CHAIN") == R"({"c":4222,"l":["a","b"],"p":4222})");
  CHECK(parsed("a = $nope")
        == "t.conf:1:4: variable reference for 'nope' on line 1 can not be found");
  CHECK(contains(parsed("a = $LOOP"), "variable reference cycle for 'LOOP'"));
  CHECK(parsed("a = $2a$11$abc") == R"({"a":"$2a$11$abc"})");
  variables.clear();
}

TEST_CASE("parser: variables cannot be used to build huge trees", "[config]") {
  std::string text = "a0 = [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 20; ++i) {
    auto before = "$a" + std::to_string(i - 1) + " ";
    text += "a" + std::to_string(i) + " = [";
    for (int k = 0; k < 10; ++k)
      text += before + ",";
    text.back() = ']';
    text += "\n";
  }
  CHECK(contains(parsed(text), "too many values"));
}

TEST_CASE("parser: includes merge, relative to the including file", "[config]") {
  files = {{"sub/one.conf", "a = 1\ninclude two.conf\n"}, {"sub/two.conf", "b = 2\n"}};
  CHECK(parsed("a = 0\ninclude 'sub/one.conf'\nc = 3") == R"({"a":1,"b":2,"c":3})");
  CHECK(parsed("m {\n include \"sub/two.conf\"\n}") == R"({"m":{"b":2}})");
  CHECK(parsed("m { include ./sub/two.conf }") == R"({"m":{"b":2}})");
  CHECK(parsed("include=5") == R"({"include":5})");
  CHECK(parsed("include nope.conf")
        == "t.conf:1:8: error parsing include file 'nope.conf', open "
           "nope.conf: no such file or directory");
}

TEST_CASE("parser: an error in an included file names that file", "[config]") {
  files = {{"bad.conf", "x = 1\ny = [\n"}};
  CHECK(contains(parsed("include bad.conf"), "bad.conf:3:"));
}

TEST_CASE("parser: include cycles are refused", "[config]") {
  files = {
      {"a.conf", "include b.conf"}, {"b.conf", "include a.conf"}, {"c.conf", "include t.conf"}};
  CHECK(contains(parsed("include a.conf"), "it includes itself"));
  CHECK(contains(parsed("include c.conf"), "it includes itself"));
}

TEST_CASE("parser: syntax errors carry their position and the server's words", "[config]") {
  struct golden {
    const char* text;
    const char* failure;
  };
  for (auto [text, failure] : {
           golden{"a = [1 2]",
                  "t.conf:1:7: Parse error on line 1: 'Expected an array value "
                  "terminator \",\" or an array terminator \"]\", but got '2' instead.'"},
           golden{"a = [,]",
                  "t.conf:1:5: Parse error on line 1: 'Unexpected array value terminator ','.'"},
           golden{"x=1\na {b=1 c=2}",
                  "t.conf:2:8: Parse error on line 2: 'Expected a map value "
                  "terminator \",\" or a map terminator \"}\", but got 'c' instead.'"},
           golden{"a=1 b=2",
                  "t.conf:1:4: Parse error on line 1: 'Expected a top-level value to end "
                  "with a new line, comment or EOF, but got 'b' instead.'"},
           golden{"a =\n",
                  "t.conf:1:3: Parse error on line 1: 'Expected value but found new line'"},
           golden{"= 1", "t.conf:1:0: Parse error on line 1: 'Unexpected key separator '=''"},
           golden{"a {", "t.conf:1:3: Parse error on line 1: 'Unexpected EOF processing map.'"},
           golden{"a {b:}",
                  "t.conf:1:5: Parse error on line 1: 'Unexpected map end '}' where a value "
                  "is expected.'"},
           golden{"a {b: ,}", "t.conf:1:6: Parse error on line 1: 'Unexpected map value terminator "
                              "\",\".'"},
           golden{"a = (x",
                  "t.conf:1:6: Parse error on line 1: 'Unexpected EOF processing block.'"},
           golden{"a = \"x", "t.conf:1:6: Parse error on line 1: 'Unexpected EOF.'"},
           golden{"a = .5", "t.conf:1:4: Parse error on line 1: 'Floats must start with a digit'"},
           golden{"a = 1.x", "t.conf:1:6: Parse error on line 1: 'Floats must have a digit after "
                             "the '.', but got 'x' instead.'"},
           golden{"a = -x", "t.conf:1:5: Parse error on line 1: 'Expected a digit but got 'x'.'"},
           golden{"a = 2016-05-04", "t.conf:1:14: Parse error on line 1: 'Expected 'T' in ISO8601 "
                                    "datetime, but found 'EOF' instead.'"},
           golden{"a = 10-5", "t.conf:1:6: Parse error on line 1: 'All ISO8601 dates must be in "
                              "full Zulu form.'"},
           golden{"a = \"\\q\"",
                  "t.conf:1:6: Parse error on line 1: 'Invalid escape character 'q'. "
                  "Only the following escape characters are allowed: \\xXX, \\t, \\n, "
                  "\\r, \\\", \\\\.'"},
           golden{"include 5", "t.conf:1:8: Parse error on line 1: 'Expected include value but "
                               "found start of a number'"},
           golden{"foo", "t.conf:1:3: config is invalid (t.conf:1:3)"},
       })
    CHECK(parsed(text) == failure);
}

TEST_CASE("parser: values carry the position of their key", "[config]") {
  auto out = parse("a = 1\n\n  b { c = 2 }", "t.conf", fake_world());
  auto& root = *out.root.get<map>();
  CHECK(root.at("a").at.to_string() == "t.conf:1:0");
  CHECK(root.at("b").at.to_string() == "t.conf:3:3");
  CHECK(root.at("b").get<map>()->at("c").at.to_string() == "t.conf:3:7");
}

TEST_CASE("parser: deep nesting and NUL bytes are refused", "[config]") {
  CHECK(contains(parsed("a = " + std::string(100000, '[')), "nested too deep"));
  CHECK(contains(parsed(std::string(100000, '{')), "nested too deep"));
  CHECK(parsed(std::string("a = 1\nb\0c", 9))
        == "t.conf:2:2: Parse error on line 2: 'Unexpected EOF.'");
}

TEST_CASE("parser: nesting adds up over files and variables", "[config]") {
  files.clear();
  variables.clear();
  auto deep = std::string(60, '[');
  for (int i = 0; i < 100; ++i) {
    auto next = std::to_string(i + 1);
    files[std::to_string(i) + ".conf"] =
        "a { b { c { d { include '" + next + ".conf' } } } }";
    variables["V" + std::to_string(i)] = deep + "$V" + next;
  }
  CHECK(contains(parsed("include '0.conf'"), "nested too deep"));
  CHECK(contains(parsed("a = $V0"), "nested too deep"));
  files.clear();
  variables.clear();
}

TEST_CASE("digest: equals the NATS server's for the same file", "[config]") {
  auto out = parse("port: 14222\nhttp: 127.0.0.1:18222\n", "t.conf", fake_world());
  CHECK(digest(out.root)
        == "sha256:55a601cf720de65dcd8cadeb17860ab2122ef06f072fcbc6361a2db75f2cc2e2");
  CHECK(to_json(parse("a='<&>'", "", fake_world()).root) == R"({"a":"\u003c\u0026\u003e"})");
}
