// CONNECT as Go's encoding/json would read it, INFO as it would write it.
#include "protocol/client/connect.hpp"
#include "test/catch.hpp"

using namespace troupe;

namespace {

connect_options read(std::string_view json, connect_options base = {}) {
  auto options = parse_connect(json, std::move(base));
  INFO(json);
  REQUIRE(options);
  return *options;
}

bool refused(std::string_view json) {
  const auto options = parse_connect(json);
  if (!options) CHECK(options.error().code == errc::malformed);
  return !options;
}

} // namespace

TEST_CASE("Before any CONNECT a connection is verbose and pedantic and echoes",
          "[protocol][connect]") {
  const connect_options o;
  CHECK(o.verbose);
  CHECK(o.pedantic);
  CHECK(o.echo);
  CHECK_FALSE(o.headers);
  CHECK(o.protocol == 0);
}

TEST_CASE("A client's CONNECT is read", "[protocol][connect]") {
  const connect_options o =
      read(R"({"verbose":false,"pedantic":false,"tls_required":true,"name":"n","lang":"go",)"
           R"("version":"1.55.0","protocol":1,"echo":false,"headers":true,"no_responders":true,)"
           R"("user":"u","pass":"p","auth_token":"t","nkey":"k","jwt":"j","sig":"s","account":"a",)"
           R"("new_account":true,"remote_account":"r","proxy_sig":"x"})");
  connect_options want;
  want.verbose = want.pedantic = want.echo = false;
  want.tls_required = want.headers = want.no_responders = want.new_account = true;
  want.name = "n", want.lang = "go", want.version = "1.55.0", want.protocol = 1;
  want.user = "u", want.pass = "p", want.auth_token = "t", want.nkey = "k", want.jwt = "j";
  want.sig = "s", want.account = "a", want.remote_account = "r", want.proxy_sig = "x";
  CHECK(o == want);
}

TEST_CASE("Fields that a CONNECT lacks keep their value", "[protocol][connect]") {
  connect_options base;
  base.user = "before";
  base.verbose = false;
  const connect_options o = read(R"({"pass":"p"})", base);
  CHECK(o.user == "before");
  CHECK_FALSE(o.verbose);
  CHECK(o.pedantic);
  CHECK(o.pass == "p");
  CHECK(read("{}") == connect_options{});
  CHECK(read(" {\t}\r") == connect_options{});
  CHECK(read("null") == connect_options{});
}

TEST_CASE("Field names match without regard to case as in Go", "[protocol][connect]") {
  CHECK_FALSE(read(R"({"VERBOSE":false})").verbose);
  CHECK(read(R"({"Auth_Token":"t"})").auth_token == "t");
  CHECK(read("{\"pa\xC5\xBFs\":\"p\"}").pass == "p");
  CHECK(read("{\"N\xE2\x84\xAA"
             "EY\":\"k\"}")
            .nkey
        == "k");
  CHECK(read(R"({"us\u0065r":"u"})").user == "u");
}

TEST_CASE("Null leaves a value and the last of equal fields wins", "[protocol][connect]") {
  CHECK(read(R"({"verbose":null,"user":null})") == connect_options{});
  CHECK(read(R"({"user":"a","user":"b"})").user == "b");
  CHECK(read(R"({"user":"a","USER":"c"})").user == "c");
  CHECK(read(R"({"user":"a","user":null})").user == "a");
}

TEST_CASE("Unknown fields of any shape are skipped", "[protocol][connect]") {
  CHECK(read(R"({"x":{"y":[1,2.5e3,null,true,{"user":"no"}]},"":1})") == connect_options{});
}

TEST_CASE("A wrong type is an error", "[protocol][connect]") {
  CHECK(refused(R"({"verbose":"false"})"));
  CHECK(refused(R"({"verbose":0})"));
  CHECK(refused(R"({"user":1})"));
  CHECK(refused(R"({"user":["a"]})"));
  CHECK(refused(R"({"protocol":"1"})"));
  CHECK(refused(R"({"protocol":1.0})"));
  CHECK(refused(R"({"protocol":1e0})"));
  CHECK(refused(R"({"protocol":9223372036854775808})"));
  CHECK(refused(R"({"import":"foo"})"));
  CHECK(refused(R"({"import":{"allow":"foo"}})"));
  CHECK(refused(R"({"import":{"allow":[1]}})"));
}

TEST_CASE("What is no JSON object is refused", "[protocol][connect]") {
  for (const std::string_view json :
       {"", " ", "[]", "1", "\"a\"", "true", "{", "{}x", "{\"a\":1,}", "{a:1}", "{\"a\":01}",
        "{\"user\":\"a\nb\"}", "\r", "{\"a\":nul}", "{'a':1}"}) {
    INFO(json);
    CHECK(refused(json));
  }
  CHECK(refused("{\"x\":" + std::string(100000, '[') + std::string(100000, ']') + "}"));
}

TEST_CASE("Bytes that are no UTF-8 become the replacement character", "[protocol][connect]") {
  CHECK(read("{\"user\":\"a\xff"
             "b\"}")
            .user
        == "a\xEF\xBF\xBD"
           "b");
  CHECK(refused("{\"user\":\"a\"\xff}"));
}

TEST_CASE("Escaped surrogates without their other half become the replacement character", "[protocol][connect]") {
  const auto name = [](const std::string& text) {
    auto read = parse_connect(R"({"name":")" + text + R"("})");
    return read ? read->name : read.error().context;
  };
  CHECK(name(R"(\ud800)") == "\xEF\xBF\xBD");
  CHECK(name(R"(a\udc00b)") == "a\xEF\xBF\xBD" "b");
  CHECK(name(R"(\ud800\ud83d\ude00)") == "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  CHECK(name(R"(\\ud800\uD800)") == "\\ud800\xEF\xBF\xBD");
  CHECK_FALSE(parse_connect(R"({"name":"\ud80"})"));
  CHECK_FALSE(parse_connect(R"({"name":"\x\ud800"})"));
}

TEST_CASE("Numbers too large to be read do no harm where nobody asks for them", "[protocol][connect]") {
  for (const char* number : {"1e999", "-1E+999", "99999999999999999999", "-0.5e4000"}) {
    const std::string text = std::string(R"({"x":[)") + number + R"(,{"y":"1e999\ud800"}],"name":"1e999 \"2"})";
    const auto read = parse_connect(text);
    REQUIRE(read);
    CHECK(read->name == R"(1e999 "2)");
    CHECK_FALSE(parse_connect(std::string(R"({"protocol":)") + number + "}"));
  }
  for (const char* number : {"1e", "01", ".5", "1.", "+1", "-", "1e999e1", "0x1"})
    CHECK_FALSE(parse_connect(std::string(R"({"y":1e999,"x":)") + number + "}"));
}

TEST_CASE("Permissions of servers are read", "[protocol][connect]") {
  const connect_options o = read(R"({"import":{"allow":["a","b"],"DENY":["c",null]},"export":{}})");
  REQUIRE(o.import_subjects);
  CHECK(o.import_subjects->allow == std::vector<std::string>{"a", "b"});
  CHECK(o.import_subjects->deny == std::vector<std::string>{"c", ""});
  CHECK(o.export_subjects == subject_permission{});
  CHECK_FALSE(read(R"({"import":null})", o).import_subjects);
}

TEST_CASE("Options survive being written and read", "[protocol][connect]") {
  connect_options o;
  o.user = "u<&>\n\"";
  o.verbose = false;
  o.protocol = -1;
  o.import_subjects = subject_permission{{"a"}, {}};
  CHECK(read(encode_connect(o)) == o);
  CHECK(
      encode_connect({})
      == R"({"echo":true,"verbose":true,"pedantic":true,"tls_required":false,"name":"","lang":"",)"
         R"("version":"","protocol":0})");
}

TEST_CASE("INFO leaves out what is empty", "[protocol][connect]") {
  server_info info;
  info.server_id = "NID";
  info.server_name = "one";
  info.version = "2.11.0";
  info.go = "c++20";
  info.host = "0.0.0.0";
  info.port = 4222;
  info.max_payload = 1048576;
  CHECK(
      encode_info(info)
      == R"(INFO {"server_id":"NID","server_name":"one","version":"2.11.0","proto":1,"go":"c++20",)"
         R"("host":"0.0.0.0","port":4222,"headers":true,"max_payload":1048576} )"
         "\r\n");
}

TEST_CASE("INFO writes every field in the order of Go", "[protocol][connect]") {
  server_info info;
  info.server_id = "a", info.server_name = "b", info.version = "c", info.git_commit = "d";
  info.go = "e", info.host = "f", info.port = 1, info.headers = false, info.auth_required = true;
  info.tls_required = info.tls_verify = info.tls_available = info.jetstream = true;
  info.max_payload = 2, info.ip = "g", info.client_id = 3, info.client_ip = "h";
  info.nonce = "i", info.cluster = "j", info.cluster_dynamic = true, info.domain = "k";
  info.connect_urls = {"l", "m"}, info.ws_connect_urls = {"n"}, info.lame_duck = true;
  info.compression = "o", info.connect_info = true, info.remote_account = "p";
  info.account_is_system = true, info.api_level = 4, info.xkey = "q";
  CHECK(
      encode_info_json(info)
      == R"({"server_id":"a","server_name":"b","version":"c","proto":1,"git_commit":"d","go":"e",)"
         R"("host":"f","port":1,"headers":false,"auth_required":true,"tls_required":true,)"
         R"("tls_verify":true,"tls_available":true,"max_payload":2,"jetstream":true,"ip":"g",)"
         R"("client_id":3,"client_ip":"h","nonce":"i","cluster":"j","cluster_dynamic":true,)"
         R"("domain":"k","connect_urls":["l","m"],"ws_connect_urls":["n"],"ldm":true,)"
         R"("compression":"o","connect_info":true,"remote_account":"p","acc_is_sys":true,)"
         R"("api_lvl":4,"xkey":"q"})");
}
