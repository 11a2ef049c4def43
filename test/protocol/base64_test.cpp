// base64 with padding.
#include "protocol/base64.hpp"
#include "test/catch.hpp"

using namespace troupe;

TEST_CASE("base64: bytes there and back", "[protocol][base64]") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("q") == "cQ==");
  CHECK(base64_encode(std::string("\xff\x00\xfe", 3)) == "/wD+");
  for (const char* bytes : {"", "a", "ab", "abc", "abcd"})
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
}

TEST_CASE("base64: what is none is refused", "[protocol][base64]") {
  for (const char* text : {"c", "cQ", "cQ=", "cQ===", "c Q=", "-w==", "\xb5\xb5\xb5\xb5", "cQ==\n"}) {
    INFO(text);
    CHECK_FALSE(base64_decode(text));
  }
}
