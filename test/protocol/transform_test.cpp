// Subject transforms and mappings, with the texts and results of the Go server.
#include <map>
#include <string>
#include <vector>

#include "protocol/subject/account_functions.hpp"
#include "protocol/subject/mapping.hpp"
#include "protocol/subject/transform.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

constexpr auto reversible = subject_transform::kind::reversible;

std::string transformed(std::string_view source, std::string_view destination,
                        std::string_view subject) {
  auto t = subject_transform::make(source, destination);
  if (!t) return t.error().context;
  return t->match(subject).value_or("(no match)");
}

std::string refusal(std::string_view source, std::string_view destination,
                    subject_transform::kind k = subject_transform::kind::one_way) {
  auto t = subject_transform::make(source, destination, k);
  return t ? "" : t.error().context;
}

} // namespace

TEST_CASE("transform: every function", "[subject][transform]") {
  struct row {
    const char* source;
    const char* destination;
    const char* subject;
    const char* result;
  };
  for (const row& r : std::vector<row>{
           {"foo", "bar", "foo", "bar"},
           {"foo.*.*", "bar.$2.$1", "foo.a.b", "bar.b.a"},
           {"foo.*.*", "bar.{{wildcard(2)}}.{{ Wildcard( 1 ) }}", "foo.a.b", "bar.b.a"},
           {"foo.>", "bar.>", "foo.a.b.c", "bar.a.b.c"},
           {"foo.*.>", "$1.bar.>", "foo.a.b.c", "a.bar.b.c"},
           {"foo.>", ">", "foo.a.b", "a.b"},
           {">", ">", "a..b", "a..b"},
           {"", "pre.>", "a.b", "pre.a.b"},
           {"*", "x.$dollar.$1", "t", "x.$dollar.t"},
           {"*.*", "{{split(1,-)}}.{{split(2,--)}}", "a-b.c--d", "a.b.c.d"},
           {"*", "{{split(1,-)}}", "-a--b-", "a.b"},
           {"*", "{{splitFromLeft(1,3)}}", "12345", "123.45"},
           {"*", "{{SplitFromRight(1,3)}}", "12345", "12.345"},
           {"*", "{{splitfromleft(1,5)}}", "12345", "12345"},
           {"*", "{{splitFromLeft(1,0)}}", "12345", "12345"},
           {"*", "{{sliceFromLeft(1,3)}}", "1234567890", "123.456.789.0"},
           {"*", "{{sliceFromRight(1,3)}}", "1234567890", "1.234.567.890"},
           {"*", "{{sliceFromRight(1,5)}}", "1234567890", "12345.67890"},
           {"*", "{{sliceFromLeft(1,5)}}", "1234567890", "12345.67890"},
           {"*", "{{left(1,2)}}.{{right(1,2)}}", "12345", "12.45"},
           {"*", "{{left(1,9)}}.{{right(1,-1)}}", "12345", "12345.12345"},
           {"*.*", "{{partition(10,1,2)}}", "foo.bar", "0"},
           {"*.*", "{{partition(10)}}", "foo.bar", "6"},
           {"foo.bar", "baz.{{partition(10)}}", "foo.bar", "baz.6"},
           {"*", "{{partition(0,1)}}", "foo", "0"},
           {"*", "{{random(1)}}", "foo", "0"},
           {"*", "{{random(0)}}", "foo", "0"},
           {"foo.*", "bar.$1", "baz.a", "(no match)"},
           {"foo.*", "bar.$1", "foo.*", "(no match)"},
           {"foo.*", "bar.$1", "foo", "(no match)"},
       }) {
    CAPTURE(r.source, r.destination, r.subject);
    CHECK(transformed(r.source, r.destination, r.subject) == r.result);
  }
}

TEST_CASE("transform: the hash of partitions is FNV-1a", "[subject][transform]") {
  CHECK(fnv1a_32("") == 2166136261U);
  CHECK(fnv1a_32("a") == 0xe40c292cU);
  CHECK(fnv1a_32("foobar") == 0xbf9cf968U);
  CHECK(fnv1a_32("bar", fnv1a_32("foo")) == fnv1a_32("foobar"));
}

TEST_CASE("transform: what is refused, with its text", "[subject][transform]") {
  const std::string p = "invalid mapping destination: ";
  CHECK(refusal("foo.*", "bar.*") == "invalid subject");
  CHECK(refusal("foo.>", "bar") == "invalid subject");
  CHECK(refusal("foo", "bar.>") == "invalid subject");
  CHECK(refusal("foo..x", "bar") == "invalid subject");
  CHECK(refusal("foo", "") == "invalid subject");
  CHECK(refusal("foo.*", "bar.$2") == p + "wildcard index out of range in $2: [2]");
  CHECK(refusal("foo.*", "{{wildcard(3)}}") == p + "wildcard index out of range in {{wildcard(3)}}: [3]");
  CHECK(refusal("foo", "{{wildcard(1)}}") == p + "wildcard index out of range in {{wildcard(1)}}");
  CHECK(refusal("foo.*", "{{wildcard()}}") == p + "not enough arguments passed to the function in {{wildcard()}}");
  CHECK(refusal("foo.*", "{{wildcard(1,2)}}") == p + "too many arguments passed to the function in {{wildcard(1,2)}}");
  CHECK(refusal("foo.*", "{{split(1)}}") == p + "not enough arguments passed to the function in {{split(1)}}");
  CHECK(refusal("foo.*", "{{left(1,2,3)}}") == p + "too many arguments passed to the function in {{left(1,2,3)}}");
  CHECK(refusal("foo.*", "{{left(a,2)}}")
        == p + "function argument is invalid or in the wrong format in {{left(a,2)}}");
  CHECK(refusal("foo.*", "{{left(1,3000000000)}}")
        == p + "function argument is invalid or in the wrong format in {{left(1,3000000000)}}");
  CHECK(refusal("foo.*", "{{partition()}}")
        == p + "function argument is invalid or in the wrong format in {{partition()}}");
  CHECK(refusal("foo.*", "{{split(1, )}}").empty());
  CHECK(refusal("foo.*", "{{split(1,a b)}}")
        == p + "function argument is invalid or in the wrong format in {{split(1,a b)}}");
  CHECK(refusal("foo.*", "{{unknown(1)}}") == p + "unknown function in {{unknown(1)}}");
  CHECK(refusal("foo.*", "{{wildcard}}") == p + "unknown function in {{wildcard}}");
  CHECK(refusal("foo.*.*", "bar.$1", reversible) == p + "not using all of the token wildcard(s) in bar.$1");
  CHECK(refusal("foo.*", "{{partition(3,1)}}", reversible)
        == p + "the only mapping function allowed for import transforms is {{Wildcard()}} in {{partition(3,1)}}");
  CHECK(refusal("foo", "bar.{{partition(3)}}").empty());
  CHECK(refusal("foo", "bar.{{random(3)}}").empty());
}

TEST_CASE("transform: back again", "[subject][transform]") {
  auto back = [](std::string_view source, std::string_view destination, std::string_view subject) {
    auto t = subject_transform::make(source, destination, reversible);
    REQUIRE(t);
    auto r = t->reverse();
    REQUIRE(r);
    const auto there = t->match(subject);
    REQUIRE(there);
    return r->match(*there).value_or("(no match)");
  };
  CHECK(back("foo", "bar", "foo") == "foo");
  CHECK(back("foo.*.*", "bar.$2.$1", "foo.a.b") == "foo.a.b");
  CHECK(back("a.*.*.*", "b.$2.{{wildcard(3)}}.$1", "a.1.2.3") == "a.1.2.3");
  CHECK(back("a.*.>", "b.$1.c.>", "a.1.2.3") == "a.1.2.3");
  auto lossy = subject_transform::make("a.*.*", "b.$1.$1", reversible);
  REQUIRE(lossy);
  CHECK_FALSE(lossy->reverse());
  CHECK(with_placeholders("foo.*.bar.*.>") == "foo.$1.bar.$2.>");
  CHECK(without_placeholders("foo.$2.{{wildcard(1)}}.$x.>") == "foo.*.*.$x.>");
}

TEST_CASE("transform: results are bounded", "[subject][transform]") {
  std::string destination = "$1";
  for (int i = 0; i < 100; ++i)
    destination += ".$1";
  auto t = subject_transform::make("*", destination);
  REQUIRE(t);
  CHECK(t->match(std::string(100, 'x')).has_value());
  CHECK_FALSE(t->match(std::string(1000, 'x')).has_value());
}

TEST_CASE("mapping: validation names what is wrong", "[subject][mapping]") {
  CHECK(validate_mapping("foo.*", "bar.$1"));
  CHECK(validate_mapping("foo.*", "bar.{{split(1, -)}}"));
  CHECK(validate_mapping("foo.*", "bar..x").error().context
        == "invalid mapping destination: invalid transform");
  CHECK(validate_mapping("foo.>", "bar.>.x").error().context
        == "invalid mapping destination: invalid transform in x");
  CHECK(validate_mapping("foo", "b ar").error().context
        == "invalid mapping destination: invalid transform");
  CHECK(validate_mapping("foo", "{{nope(1)}}").error().context
        == "invalid mapping destination: unknown function in {{nope(1)}}");
}

TEST_CASE("mapping: weights share the traffic, the rest stays", "[subject][mapping]") {
  mapping_set set;
  REQUIRE(set.add("foo.*", {{"bar.$1", 20, ""}, {"baz.$1", 30, ""}}));
  std::map<std::string, int> seen;
  for (uint64_t chance = 0; chance < 1000; ++chance)
    ++seen[*set.select("foo.x", "", chance)];
  CHECK(seen == std::map<std::string, int>{{"bar.x", 200}, {"baz.x", 300}, {"foo.x", 500}});
  CHECK_FALSE(set.select("other", "", 1));
  CHECK_FALSE(set.select("foo", "", 1));
}

TEST_CASE("mapping: a listed source makes the rest a loss", "[subject][mapping]") {
  mapping_set set;
  REQUIRE(set.add("foo", {{"foo", 40, ""}, {"bar", 10, ""}}));
  std::map<std::string, int> seen;
  for (uint64_t chance = 0; chance < 100; ++chance)
    ++seen[*set.select("foo", "", chance)];
  CHECK(seen == std::map<std::string, int>{{"", 50}, {"bar", 10}, {"foo", 40}});
}

TEST_CASE("mapping: a cluster's own destinations", "[subject][mapping]") {
  mapping_set set;
  REQUIRE(set.add("foo", {{"everywhere", 100, ""}, {"west", 100, "W"}}));
  REQUIRE(set.add("only", {{"east", 100, "E"}}));
  CHECK(set.select("foo", "", 0) == "everywhere");
  CHECK(set.select("foo", "E", 0) == "everywhere");
  CHECK(set.select("foo", "W", 0) == "west");
  CHECK(set.select("only", "E", 0) == "east");
  CHECK(set.select("only", "W", 0) == "only");
}

TEST_CASE("mapping: the first match counts, a repeated source replaces", "[subject][mapping]") {
  mapping_set set;
  CHECK(set.empty());
  REQUIRE(set.add("a.*", {{"one.$1", 100, ""}}));
  REQUIRE(set.add("a.b", {{"two", 100, ""}}));
  CHECK(set.select("a.b", "", 0) == "one.b");
  REQUIRE(set.add("a.*", {{"three.$1", 100, ""}}));
  CHECK(set.size() == 2);
  CHECK(set.select("a.b", "", 0) == "three.b");
}

TEST_CASE("mapping: what is refused, with its text", "[subject][mapping]") {
  mapping_set set;
  CHECK(set.add("a..b", {}).error().context == "invalid subject");
  CHECK(set.add("a", {{"b", 50, ""}, {"b", 20, "C"}}).error().context
        == "duplicate entry for \"b\"");
  CHECK(set.add("a", {{"b", 101, ""}}).error().context == "individual weights need to be <= 100");
  CHECK(set.add("a", {{"b", 60, ""}, {"c", 60, ""}}).error().context
        == "total weight needs to be <= 100");
  CHECK(set.add("a", {{"b", 60, "X"}, {"c", 60, "Y"}}));
  CHECK_FALSE(set.add("a", {{"", 100, ""}}));
  CHECK(set.size() == 1);
}

TEST_CASE("account functions: hashes of names, whole tokens only", "[subject][transform]") {
  const account_names in_import{"ACC", "EXP"};
  const auto filled = [&](std::string_view subject) { return fill_account_functions(subject, in_import).value(); };
  CHECK(account_hash("ACC") == "jal3Zke2");
  CHECK(account_hash("my.acc") == "SHsF9bV0");
  CHECK(filled("foo.{{account-hash()}}.>") == "foo.jal3Zke2.>");
  CHECK(filled("{{Account-Hash()}}") == "jal3Zke2");
  CHECK(filled("foo.{{ account-hash ( ) }}") == "foo.jal3Zke2");
  CHECK(filled("$JS.FC._.{{account-hash-import()}}.>") == "$JS.FC._.6bnb23H0.>");
  CHECK(filled("{{account-hash()}}.{{wildcard(1)}}.{{account-hash-import()}}")
        == "jal3Zke2.{{wildcard(1)}}.6bnb23H0");
  for (const char* as_it_is : {"", "a", "a..b", ".", "a.*.>", "foo.{{accountHash()}}", "{{aCcount-hash()}}",
                               "{{account-hash}}", "{{account-hash()}", "x{{account-hash()}}",
                               "{{account-hash()}}x", "{{}}", "{{account-hash(}}", "{{wildcard(1)}}"}) {
    CAPTURE(as_it_is);
    CHECK(filled(as_it_is) == as_it_is);
  }
}

TEST_CASE("account functions: what is refused, with its text", "[subject][transform]") {
  const auto why = [](std::string_view subject, account_names names) {
    return fill_account_functions(subject, names).error().context;
  };
  for (const char* token : {"{{account-hash(a,b)}}", "{{account-hash(OTHER)}}", "{{account-hash-import(a)}}",
                            "{{account-hash-leaf-remote(a)}}", "{{account-hash(,)}}"}) {
    CAPTURE(token);
    CHECK(why("a." + std::string(token), {"ACC", "EXP"})
          == "invalid mapping destination: too many arguments passed to the function in " + std::string(token));
  }
  for (const char* token : {"{{account-hash-import()}}", "{{account-hash-leaf-remote()}}"}) {
    CAPTURE(token);
    CHECK(why(token, {"ACC"})
          == "invalid mapping destination: function is not available in this context in " + std::string(token));
  }
  CHECK_FALSE(fill_account_functions("{{account-hash()}}", {}));
}
