// Subjects: validity, tokens, and the relations between subjects.
#include <string>
#include <vector>

#include "protocol/subject/subject.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

std::vector<std::string> tokens_of(std::string_view subject) {
  std::vector<std::string> all;
  for (const std::string_view token : subject_tokens{subject})
    all.emplace_back(token);
  return all;
}

} // namespace

TEST_CASE("Valid subjects have no empty token and no blank", "[protocol][subject]") {
  for (const std::string_view s :
       {"foo", "foo.bar", "*", ">", "foo.*", "*.*.>", "foo.>", "fo*o.b>r", "foo.>>", "**",
        "\xC3\xA9.\xE4\xB8\xAD", "$SYS.x", "a.\x01"}) {
    INFO(s);
    CHECK(is_valid_subject(s));
  }
  for (const std::string_view s : {"", ".", "..", ".foo", "foo.", "foo..bar", ">.foo", "foo.>.bar",
                                   "foo bar", " ", "foo. ", "foo.\t", "foo\r", "\nfoo", "a.b\f"}) {
    INFO(s);
    CHECK_FALSE(is_valid_subject(s));
  }
}

TEST_CASE("The check of code points refuses NUL and broken text", "[protocol][subject]") {
  CHECK(is_valid_utf8_subject("foo.\xC3\xA9"));
  CHECK_FALSE(is_valid_utf8_subject(std::string_view{"foo.\0", 5}));
  CHECK_FALSE(is_valid_utf8_subject("foo.\xff"));
  CHECK_FALSE(is_valid_utf8_subject("foo.\xEF\xBF\xBD"));
  CHECK_FALSE(is_valid_utf8_subject("foo..bar"));
  CHECK(is_valid_subject(std::string_view{"foo.\0", 5}));
  CHECK(is_valid_subject("foo.\xff"));
}

TEST_CASE("Literal subjects have no wildcard token", "[protocol][subject]") {
  CHECK(is_valid_literal_subject("foo.bar"));
  CHECK(is_valid_literal_subject("foo.b*r.>x"));
  CHECK(is_valid_literal_subject("foo bar")); // blanks are not looked for, as in Go
  CHECK_FALSE(is_valid_literal_subject("foo.*"));
  CHECK_FALSE(is_valid_literal_subject("foo.>"));
  CHECK_FALSE(is_valid_literal_subject("foo.>.bar"));
  CHECK_FALSE(is_valid_literal_subject("foo..bar"));
  CHECK_FALSE(is_valid_literal_subject(""));
  CHECK(is_valid_publish_subject("foo.b*r"));
  CHECK_FALSE(is_valid_publish_subject("foo bar"));
  CHECK_FALSE(is_valid_publish_subject("foo.*"));
}

TEST_CASE("Only whole tokens are wildcards", "[protocol][subject]") {
  for (const std::string_view s : {"*", ">", "foo.*", "*.foo", "a.*.b", "a.>", "a.>.b", "a*.*"}) {
    CHECK(has_wildcard(s));
  }
  for (const std::string_view s : {"", "foo", "f*", "*f", ">>", "a.b*", "a.>b.c", "**.a"}) {
    CHECK_FALSE(has_wildcard(s));
  }
}

TEST_CASE("Subjects fall into tokens", "[protocol][subject]") {
  CHECK(tokens_of("a.bc.d") == std::vector<std::string>{"a", "bc", "d"});
  CHECK(tokens_of("a") == std::vector<std::string>{"a"});
  CHECK(tokens_of("") == std::vector<std::string>{""});
  CHECK(tokens_of(".a.") == std::vector<std::string>{"", "a", ""});
  CHECK(num_tokens("a.bc.d") == 3);
  CHECK(num_tokens("") == 0);
  CHECK(token_at("a.bc.d", 0).empty());
  CHECK(token_at("a.bc.d", 1) == "a");
  CHECK(token_at("a.bc.d", 3) == "d");
  CHECK(token_at("a.bc.d", 4).empty());
}

TEST_CASE("A token buffer holds any number of tokens", "[protocol][subject]") {
  for (const size_t n : {1, 2, 31, 32, 33, 100}) {
    std::string subject = "t0";
    for (size_t i = 1; i < n; ++i)
      subject += ".t" + std::to_string(i);
    const token_buffer tokens{subject};
    REQUIRE(tokens.size() == n);
    CHECK(tokens[n - 1] == "t" + std::to_string(n - 1));
    CHECK(static_cast<size_t>(tokens.end() - tokens.begin()) == n);
  }
}

TEST_CASE("Subjects collide when one literal could match both", "[protocol][subject]") {
  const auto collide = [](std::string_view a, std::string_view b) {
    const bool there = subjects_collide(a, b);
    CHECK(subjects_collide(b, a) == there);
    return there;
  };
  CHECK(collide("foo.bar", "foo.bar"));
  CHECK_FALSE(collide("foo.bar", "foo.baz"));
  CHECK(collide("foo.*", "foo.bar"));
  CHECK(collide("foo.*", "*.bar"));
  CHECK(collide("foo.>", "*.bar"));
  CHECK(collide("foo.*.bar.>", "foo.>"));
  CHECK(collide("foo.*.*", "foo.bar.>"));
  CHECK_FALSE(collide("foo.*.*", "foo.bar.*.>"));
  CHECK_FALSE(collide("foo.*", "foo.*.*"));
  CHECK_FALSE(collide("foo.bar.*", "foo.baz.*"));
  CHECK_FALSE(collide("foo.>", "foo"));
  CHECK(collide(">", "a.b.*"));
  SECTION("and Go's oddity: a token that begins with a wildcard character counts as one") {
    CHECK(collide("*a.*", "b.*"));
    CHECK_FALSE(collide("*a.b", "b.*"));
  }
}

TEST_CASE("A subset matches no more than its superset", "[protocol][subject]") {
  CHECK(is_subset_match("foo.bar", "foo.bar"));
  CHECK(is_subset_match("foo.bar", "foo.*"));
  CHECK(is_subset_match("foo.bar", ">"));
  CHECK(is_subset_match("foo.*", "*.*"));
  CHECK(is_subset_match("foo.*", "foo.>"));
  CHECK(is_subset_match("foo.>", "foo.>"));
  CHECK(is_subset_match("foo.>", ">"));
  CHECK(is_subset_match("foo.*.>", "foo.>"));
  CHECK_FALSE(is_subset_match("foo.*", "foo.bar"));
  CHECK_FALSE(is_subset_match("foo.>", "foo.*"));
  CHECK_FALSE(is_subset_match("foo.>", "foo.*.>"));
  CHECK_FALSE(is_subset_match("foo", "foo.>"));
  CHECK_FALSE(is_subset_match("foo.bar.baz", "foo.bar"));
  CHECK_FALSE(is_subset_match("foo", "foo.bar"));
  CHECK_FALSE(is_subset_match("foo..bar", "foo.*.bar"));
}

TEST_CASE("A literal matches a filter token by token", "[protocol][subject]") {
  CHECK(matches_filter("foo.bar", "foo.bar"));
  CHECK(matches_filter("foo.bar", "*.bar"));
  CHECK(matches_filter("foo.bar", "foo.*"));
  CHECK(matches_filter("foo.bar.baz", "foo.>"));
  CHECK(matches_filter("foo.bar.baz", "*.*.*"));
  CHECK_FALSE(matches_filter("foo.bar", "foo"));
  CHECK_FALSE(matches_filter("foo", "foo.bar"));
  CHECK_FALSE(matches_filter("foo", "foo.>"));
  CHECK_FALSE(matches_filter("foo.bar.baz", "foo.*"));
  SECTION("wildcard characters in the literal mean nothing") {
    CHECK_FALSE(matches_filter("foo.*", "foo.bar"));
    CHECK(matches_filter("foo.*", "foo.*"));
    CHECK_FALSE(matches_filter("foo.>", "foo.bar"));
  }
  SECTION("nor do they inside a token of the filter") {
    CHECK(matches_filter("foo.b*r", "foo.b*r"));
    CHECK_FALSE(matches_filter("foo.bar", "foo.b*r"));
    CHECK_FALSE(matches_filter("foo.bar", "foo.*r"));
    CHECK_FALSE(matches_filter("foo.bar.x", "foo.>.x"));
  }
}
