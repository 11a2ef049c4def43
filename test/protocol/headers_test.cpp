// Header blocks: reading, editing, building, and blocks that want to do harm.
#include <string>
#include <vector>

#include "protocol/headers.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

constexpr std::string_view two = "NATS/1.0\r\nA: 1\r\nNats-Msg-Id:  x y \r\nA: 2\r\n\r\n";

} // namespace

TEST_CASE("The first line of a key gives its value", "[protocol][headers]") {
  CHECK(find_header(two, "A") == "1");
  CHECK(find_header(two, "Nats-Msg-Id") == "x y ");
  CHECK(find_header("NATS/1.0\r\nA:1\r\n\r\n", "A") == "1");
  CHECK(find_header("NATS/1.0\r\nA:\r\n\r\n", "A") == "");
}

TEST_CASE("Keys are compared byte by byte", "[protocol][headers]") {
  CHECK_FALSE(find_header(two, "a"));
  CHECK_FALSE(find_header(two, "Msg-Id"));
  CHECK_FALSE(find_header(two, "Nats-Msg"));
  CHECK_FALSE(find_header(two, ""));
  CHECK_FALSE(find_header("NATS/1.0\r\nA : 1\r\n\r\n", "A"));
}

TEST_CASE("A key inside a value or another key is none", "[protocol][headers]") {
  CHECK(find_header("NATS/1.0\r\nB: A: 1\r\nAA: 3\r\nA: 2\r\n\r\n", "A") == "2");
  CHECK_FALSE(find_header("A: 1\r\n\r\n", "A"));
  CHECK_FALSE(find_header("NATS/1.0\nA: 1\n\n", "A"));
}

TEST_CASE("Blocks that end too early are read safely", "[protocol][headers]") {
  CHECK_FALSE(find_header("", "A"));
  CHECK_FALSE(find_header("NATS/1.0\r\nA", "A"));
  CHECK(find_header("NATS/1.0\r\nA:", "A") == "");
  CHECK(find_header("NATS/1.0\r\nA: 1", "A") == "1");
  CHECK(find_header("NATS/1.0\r\nA: 1\r", "A") == "1\r");
  header_cursor c{"NATS/1.0"};
  CHECK_FALSE(c.next());
}

TEST_CASE("A cursor walks the lines in order", "[protocol][headers]") {
  std::vector<std::string> seen;
  header_cursor cursor{"NATS/1.0 503\r\nA: 1\r\nno colon\r\nB:2\r\n: 3\r\n\r\n"};
  while (const auto field = cursor.next()) {
    seen.push_back(std::string{field->key} + "=" + std::string{field->value});
  }
  CHECK(seen == std::vector<std::string>{"A=1", "B=2", "=3"});
}

TEST_CASE("The status of a first line is read", "[protocol][headers]") {
  const auto status = parse_header_status("NATS/1.0 503 No Responders\r\n\r\n");
  REQUIRE(status);
  CHECK(status->code == 503);
  CHECK(status->description == "No Responders");
  CHECK(parse_header_status("NATS/1.0 100\r\n\r\n")->description.empty());
  CHECK_FALSE(parse_header_status("NATS/1.0\r\nA: 503\r\n\r\n"));
  CHECK_FALSE(parse_header_status("NATS/1.0 50\r\n\r\n"));
  CHECK_FALSE(parse_header_status("NATS/1.0 5x3\r\n\r\n"));
  CHECK_FALSE(parse_header_status("NATS/1.0 5033\r\n\r\n"));
  CHECK_FALSE(parse_header_status("NATS/1.0503\r\n\r\n"));
  CHECK_FALSE(parse_header_status("HTTP/1.1 200 OK\r\n\r\n"));
}

TEST_CASE("Setting a header replaces the first one or adds it", "[protocol][headers]") {
  CHECK(set_header(two, "A", "longer")
        == "NATS/1.0\r\nA: longer\r\nNats-Msg-Id:  x y \r\nA: 2\r\n\r\n");
  CHECK(set_header("NATS/1.0\r\nA:1\r\n\r\n", "A", "2") == "NATS/1.0\r\nA:2\r\n\r\n");
  CHECK(set_header(empty_header_block, "B", "3") == "NATS/1.0\r\nB: 3\r\n\r\n");
  CHECK(set_header("", "B", "3") == "NATS/1.0\r\nB: 3\r\n\r\n");
  CHECK(add_header("NATS/1.0\r\nB: 3\r\n\r\n", "B", "4") == "NATS/1.0\r\nB: 3\r\nB: 4\r\n\r\n");
}

TEST_CASE("A value cannot start a line of its own", "[protocol][headers]") {
  CHECK(set_header("", "A", "1\r\nB: 2") == "NATS/1.0\r\nA: 1  B: 2\r\n\r\n");
  CHECK(header_builder{}.add("A", "1\nB: 2").finish() == "NATS/1.0\r\nA: 1 B: 2\r\n\r\n");
}

TEST_CASE("Removing a header removes each of its lines", "[protocol][headers]") {
  CHECK(remove_header(two, "A") == "NATS/1.0\r\nNats-Msg-Id:  x y \r\n\r\n");
  CHECK(remove_header(two, "C") == two);
  CHECK(remove_header("NATS/1.0\r\nA: 1\r\n\r\n", "A").empty());
  CHECK(remove_header(empty_header_block, "A") == empty_header_block);
  CHECK(remove_headers_with_prefix(two, "Nats-") == "NATS/1.0\r\nA: 1\r\nA: 2\r\n\r\n");
  CHECK(remove_headers_with_prefix("NATS/1.0\r\nNats-A: 1\r\nNats-B: 1\r\n\r\n", "Nats-").empty());
}

TEST_CASE("Removing a status keeps the lines", "[protocol][headers]") {
  CHECK(remove_header_status("NATS/1.0 503 x\r\nA: 1\r\n\r\n") == "NATS/1.0\r\nA: 1\r\n\r\n");
  CHECK(remove_header_status("NATS/1.0 503\r\n\r\n").empty());
  CHECK(remove_header_status("NATS/1.0\r\nA: 1\r\n\r\n") == "NATS/1.0\r\nA: 1\r\n\r\n");
  CHECK(remove_header_status("HTTP/1.0 1\r\n\r\n") == "HTTP/1.0 1\r\n\r\n");
}

TEST_CASE("A built block reads back", "[protocol][headers]") {
  CHECK(header_builder{}.finish() == empty_header_block);
  CHECK(header_builder(404, "No Messages").add("A", "1").finish()
        == "NATS/1.0 404 No Messages\r\nA: 1\r\n\r\n");
  CHECK(header_builder(100, "").finish() == "NATS/1.0 100\r\n\r\n");
}
