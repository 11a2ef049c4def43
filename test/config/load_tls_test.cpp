#include "config/load.hpp"

#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::config;

namespace {

load_result loaded(std::string_view text) {
  parse_environment env;
  auto parsed = parse(text, "t.conf", env);
  REQUIRE_FALSE(parsed.failure);
  return load(parsed.root);
}

std::string error_of(std::string_view text) {
  auto out = loaded(text);
  return out.errors.empty() ? "" : out.errors[0].text;
}

tls_options options_of(std::string_view text) {
  auto out = loaded(text);
  CHECK(out.to_string() == "");
  REQUIRE(out.options.tls);
  return *out.options.tls;
}

} // namespace

TEST_CASE("load: a tls block becomes options", "[config]") {
  auto o = options_of("tls { cert_file: a, key_file: b, ca_file: c, verify: true, timeout: 1.5,\n"
                      "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256],\n"
                      "  curve_preferences: [CurveP256], min_version: \"1.3\",\n"
                      "  connection_rate_limit: 7, handshake_first: auto }\n");
  CHECK(o.certs == std::vector<cert_pair>{{"a", "b"}});
  CHECK(o.ca_file == "c");
  CHECK(o.verify);
  CHECK(o.timeout == 1500ms);
  CHECK(o.cipher_suites == std::vector<std::string>{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"});
  CHECK(o.curve_preferences == std::vector<std::string>{"CurveP256"});
  CHECK(o.min_version == "1.3");
  CHECK(o.connection_rate_limit == 7);
  CHECK(o.order == handshake_order::first_within_delay);
  CHECK(o.first_delay == 50ms);
}

TEST_CASE("load: when a TLS handshake begins", "[config]") {
  auto order = [](const char* word) {
    return options_of("tls { first: " + std::string(word) + " }").order;
  };
  CHECK(order("true") == handshake_order::first);
  CHECK(order("on") == handshake_order::first);
  CHECK(order("off") == handshake_order::after_info);
  CHECK(order("\"0s\"") == handshake_order::first);
  auto delayed = options_of("tls { immediate: \"300ms\" }");
  CHECK(delayed.order == handshake_order::first_within_delay);
  CHECK(delayed.first_delay == 300ms);
}

TEST_CASE("load: pinned certificates are a set of lower case digits", "[config]") {
  const std::string a(64, 'A'), b(64, '0');
  auto o = options_of("tls { pinned_certs: [\"" + a + "\", \"" + b + "\", \"" + a + "\"] }");
  CHECK(o.pinned_certs == std::vector<std::string>{b, std::string(64, 'a')});
}

TEST_CASE("load: a login has a second more than the TLS handshake", "[config]") {
  CHECK(loaded("tls { timeout: 5 }").options.authorization.timeout == 6s);
  CHECK(loaded("tls { timeout: 5 }\nauthorization { timeout: 1 }").options.authorization.timeout
        == 1s);
  CHECK(loaded("port: 1").options.authorization.timeout == 2s);
}

TEST_CASE("load: what is wrong in a tls block is said in the server's words", "[config]") {
  CHECK(error_of("tls: true")
        == "interface conversion: interface {} is bool, not map[string]interface {}");
  CHECK(error_of("tls { x: 1 }") == "error parsing tls config, unknown field \"x\"");
  CHECK(error_of("tls { key_file: 1 }")
        == "error parsing tls config, expected 'key_file' to be filename");
  CHECK(error_of("tls { verify_and_map: 1 }")
        == "error parsing tls config, expected 'verify_and_map' to be a boolean");
  CHECK(error_of("tls { verify: optional, verify_and_map: true }")
        == "error parsing tls config, cannot combine 'verify: optional' with options requiring "
           "client certificates");
  CHECK(error_of("tls { verify_cert_and_check_known_urls: true }")
        == "verify_cert_and_check_known_urls not supported in this context");
  CHECK(error_of("tls { timeout: [] }") == "error parsing tls config, 'timeout' wrong type");
  CHECK(error_of("tls { min_version: 1.2 }")
        == "error parsing tls config: 'min_version' wrong type: 1.2");
  CHECK(error_of("tls { certs: [1] }")
        == "error parsing certificates config: unsupported type int64");
  CHECK(error_of("tls { cert_store: windowscurrentuser }")
        == "cert_store not compatible with current operating system");
}

TEST_CASE("load: a tls block is tried where there is somebody to try it", "[config]") {
  parse_environment env;
  env.check_tls = [](const tls_options& o) -> result<void> {
    return o.certs.empty() ? result<void>{} : error{errc::malformed, "no " + o.certs[0].cert_file};
  };
  auto parsed = parse("port: 1\ntls { cert_file: a, key_file: b }\n", "t.conf", env);
  auto out = load(parsed.root, {}, &env);
  REQUIRE(out.errors.size() == 1);
  CHECK(out.errors[0].to_string() == "t.conf:2:1: no a");
}
