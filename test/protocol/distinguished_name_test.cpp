#include "protocol/auth/distinguished_name.hpp"

#include "test/catch.hpp"

using namespace troupe;

namespace {

distinguished_name parsed(std::string_view text) {
  auto name = parse_distinguished_name(text);
  INFO(text);
  REQUIRE(name);
  return *name;
}

bool same(std::string_view a, std::string_view b) { return same_name(parsed(a), parsed(b)); }

// OU=a step of two attributes, as openssl -multivalue-rdn makes it.
const certificate_subject subject{{{"0.9.2342.19200300.100.1.25", "com"}},
                                  {{"0.9.2342.19200300.100.1.25", "example"}},
                                  {{"2.5.4.10", "Troupe, Inc."}},
                                  {{"2.5.4.11", "one"}, {"2.5.4.11", "two"}},
                                  {{"2.5.4.3", "a user"}}};

} // namespace

TEST_CASE("Distinguished names are read as RFC 4514 has them", "[auth]") {
  auto name = parsed("CN=a, OU = b+ou=c,O=Troupe\\, Inc.\\20 ");
  REQUIRE(name.steps.size() == 3);
  CHECK(name.steps[0][0].type == "CN");
  CHECK(name.steps[0][0].value == "a");
  REQUIRE(name.steps[1].size() == 2);
  CHECK(name.steps[1][0].type == "OU");
  CHECK(name.steps[1][1].value == "c");
  CHECK(name.steps[2][0].value == "Troupe, Inc. ");
  CHECK(parsed("CN=\\c3\\bc").steps[0][0].value == "\u00fc");
  CHECK(parsed("CN=a=b").steps[0][0].type == "a");  // as the Go server reads it
}

TEST_CASE("What is no distinguished name is none", "[auth]") {
  for (std::string_view text : {"", "a", "CN", "=a,b", ",", "+", "CN=a,", "CN=#0401", "CN=\\zz", "CN=\\4",
                                "CN=a,b", "CN=a+"}) {
    INFO(text);
    auto name = parse_distinguished_name(text);
    CHECK((!name || text == "CN=a,"));
  }
  CHECK_FALSE(parse_distinguished_name("CN=" + std::string(max_name_text_bytes, 'a')));
  std::string many = "CN=a";
  for (size_t i = 0; i < max_name_parts; ++i) many += ",O=b";
  CHECK_FALSE(parse_distinguished_name(many));
}

TEST_CASE("Names are compared step by step, or in any order", "[auth]") {
  CHECK(same("CN=a,O=b", "cn=a, o=b"));
  CHECK_FALSE(same("CN=a,O=b", "CN=A,O=b"));
  CHECK_FALSE(same("CN=a,O=b", "O=b,CN=a"));
  CHECK(same_steps(parsed("CN=a,O=b"), parsed("O=b,CN=a")));
  CHECK(same("CN=a+OU=b,O=c", "OU=b+CN=a,O=c"));
  CHECK_FALSE(same("CN=a+OU=b,O=c", "CN=a,OU=b,O=c"));
  CHECK_FALSE(same_steps(parsed("O=a,O=a,O=b"), parsed("O=a,O=b,O=b")));
  CHECK_FALSE(same_steps(parsed("O=a"), parsed("O=a,O=a")));
  CHECK_FALSE(same("CN=a+CN=a", "CN=a+CN=b"));
}

TEST_CASE("A certificate's subject as a name and as Go prints it", "[auth]") {
  auto name = name_of(subject);
  REQUIRE(name);
  CHECK(same_name(*name, parsed("CN=a user,OU=two+OU=one,O=Troupe\\, Inc.,DC=example,DC=com")));
  CHECK(known_subject_text(subject) == "CN=a user,OU=one+OU=two,O=Troupe\\, Inc.");
  CHECK(full_subject_text(subject)
        == "CN=a user,OU=one+OU=two,O=Troupe\\, Inc.,0.9.2342.19200300.100.1.25=#13076578616d706c65,"
           "0.9.2342.19200300.100.1.25=#1303636f6d");
  CHECK(domain_components_text(subject) == "DC=com,DC=example");
  CHECK_FALSE(name_of({{{"1.2.840.113549.1.9.1", "a@b"}}}));
  CHECK(full_subject_text({{{"1.2.840.113549.1.9.1", "a@b"}}, {{"2.5.4.3", "c"}}})
        == "CN=c,1.2.840.113549.1.9.1=#0c03614062");
  CHECK(known_subject_text({{{"2.5.4.3", "#a "}}}) == "CN=\\#a\\ ");
  CHECK(known_subject_text({{{"2.5.4.3", "first"}, {"2.5.4.3", "last"}}}) == "CN=last");
}
