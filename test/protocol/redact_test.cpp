#include "protocol/client/redact.hpp"
#include "test/catch.hpp"

#include <string>

using troupe::redact_connect;

TEST_CASE("Redacting hides what proves an identity and nothing else", "[protocol]") {
  CHECK(redact_connect(R"({"verbose":true,"user":"a","pass":"s3","auth_token":"t","jwt":"ey","sig":"x",)"
                       R"("nkey":"U","name":"n \"q\"","protocol":1,"proxy_sig" : "p" })")
        == R"({"verbose":true,"user":"a","pass":"[REDACTED]","auth_token":"[REDACTED]",)"
           R"("jwt":"[REDACTED]","sig":"[REDACTED]","nkey":"[REDACTED]","name":"n \"q\"","protocol":1,)"
           R"("proxy_sig" : "[REDACTED]" })");
  CHECK(redact_connect(R"({"pass":"","jwt":null,"user":"pass"})") == R"({"pass":"","jwt":null,"user":"pass"})");
  CHECK(redact_connect(R"({"PASS":"x","Password":"y","pass":12345})")
        == R"({"PASS":"[REDACTED]","Password":"[REDACTED]","pass":"[REDACTED]"})");
  CHECK(redact_connect("{}") == "{}");
  CHECK(redact_connect("") == "");
}

TEST_CASE("Redacting knows secrets in odd spellings", "[protocol]") {
  for (std::string text : {R"({"p\u0061ss":"s3cr3t"})", R"({"pas\u0073" : "a\"s3cr3t"})",
                           "{\"\u017fig\":\"s3cr3t\"}", R"({"pass":"s3cr3t)", R"({"pass":"x"s3cr3t"})",
                           R"({"user":"a,"pass":"s3cr3t"})", R"({"pass":s3cr3t"x"})",
                           R"({"pass":{"a":"s3cr3t"}})", R"({"pass":["s3cr3t"]})", R"({pass:"s3cr3t"})",
                           R"({'pass':'s3cr3t'})", R"({"user":"\","pass":"s3cr3t"})"}) {
    INFO(text);
    CHECK(redact_connect(text).find("s3cr3t") == std::string::npos);
  }
}
