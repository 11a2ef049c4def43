#include "config/duration.hpp"
#include "config/load.hpp"
#include "config/option_table.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::config;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Stands for protection that is in the table and not built.
const option_row shield{"", "shield", option_type::any, "", apply::live, support::unbuilt_security, "A shield."};

load_result loaded(const std::string& text, bool allow_unsupported = false) {
  parse_environment env;
  env.stand_in = &shield;
  auto tree = parse(text, "t.conf", env);
  REQUIRE_FALSE(tree.failure);
  server_options base;
  base.allow_unsupported = allow_unsupported;
  return load(tree.root, base, &env);
}

std::string first_error(const std::string& text) {
  auto out = loaded(text, true);
  return out.errors.empty() ? "" : out.errors[0].to_string();
}

} // namespace

TEST_CASE("load: the defaults are the NATS server's", "[config]") {
  server_options o;
  CHECK(o.host == "0.0.0.0");
  CHECK(o.port == 4222);
  CHECK(o.max_payload == 1024 * 1024);
  CHECK(o.max_pending == 64 * 1024 * 1024);
  CHECK(o.max_connections == 65536);
  CHECK(o.ping_interval == 2min);
  CHECK(o.lame_duck_grace_period == 10s);
  CHECK(o.authorization.timeout == 2s);
}

TEST_CASE("load: every option of the first slice reaches its field", "[config]") {
  auto out = loaded(R"(
    listen: "127.0.0.1:5222", server_name: n1, client_advertise: "x:1", debug: true, trace: yes
    logtime: off, logtime_utc: true, log_file: "/tmp/l", logfile_size_limit: 1MB, log_max_num: 3
    syslog: true, remote_syslog: "udp://h:514", max_traced_msg_len: 64, pid_file: "/tmp/p"
    ports_file_dir: "/tmp", http: "127.0.0.1:8222", http_base_path: "/nats"
    max_control_line: 2048, max_payload: 2MB, max_pending: 8MB, max_conn: 10, max_subs: 20
    max_sub_tokens: 16, ping_interval: "30s", ping_max: 5, write_deadline: "2s"
    write_timeout: retry, lame_duck_duration: "60s", lame_duck_grace_period: "5s"
    no_fast_producer_stall: true, disable_sublist_cache: true, no_header_support: true
    max_closed_clients: 100, no_auth_user: u, reactors: 3, server_tags: ["A", " b ", "", "B"]
    server_metadata { region: eu }, feature_flags { x: true }, prof_port: 65432
    authorization { timeout: 3, users: [ {user: u, password: p}, {user: v, pass: q} ] }
  )");
  CHECK(out.to_string().empty());
  auto& o = out.options;
  CHECK(o.host == "127.0.0.1");
  CHECK(o.port == 5222);
  CHECK(o.server_name == "n1");
  CHECK((o.debug && o.trace && !o.logtime && o.logtime_utc && o.syslog));
  CHECK(o.logfile_size_limit_bytes == 1024 * 1024);
  CHECK(o.logfile_max_num == 3);
  CHECK(o.http_host == "127.0.0.1");
  CHECK(o.http_port == 8222);
  CHECK(o.max_control_line == 2048);
  CHECK(o.max_payload == 2 * 1024 * 1024);
  CHECK(o.max_connections == 10);
  CHECK(o.max_sub_tokens == 16);
  CHECK(o.ping_interval == 30s);
  CHECK(o.write_timeout == write_timeout_policy::retry);
  CHECK(o.lame_duck_duration == 60s);
  CHECK(o.reactors == 3);
  CHECK(o.server_tags == std::vector<std::string>{"a", "b"});
  CHECK(o.authorization.timeout == 3s);
  REQUIRE(o.authorization.users.size() == 2);
  CHECK(o.authorization.users[1].password == "q");
  CHECK(validate(o));
}

TEST_CASE("load: all problems come at once, sorted by place", "[config]") {
  auto out = loaded("ping_interval: 10\nfoo: 1\nport: \"x\"\nmax_payload: 99999999999\n"
                    "authorization { user: a\n bar: 1 }\nwrite_timeout: foo\ncluster { foo: 1 }\n");
  CHECK(out.to_string()
        == "t.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be converted "
           "to a "
           "duration\n"
           "t.conf:2:1: unknown field \"foo\"\n"
           "t.conf:3:1: interface conversion: interface {} is string, not int64\n"
           "t.conf:4:1: max_payload value is too big\n"
           "t.conf:6:2: unknown field \"bar\"\n"
           "t.conf:7:1: write_timeout must be 'default', 'close' or 'retry'\n"
           "t.conf:8:11: unknown field \"foo\"\n");
  CHECK(out.options.ping_interval == 10s);
}

TEST_CASE("load: a key used only as a variable is not unknown", "[config]") {
  CHECK(loaded("my_port: 4444\nport: $my_port\n").ok());
  CHECK_FALSE(loaded("my_port: 4444\n").ok());
}

TEST_CASE("load: messages are the NATS server's", "[config]") {
  CHECK(first_error("listen: foo") == "t.conf:1:0: could not parse address string \"foo\"");
  CHECK(first_error("listen: 'foo:bar'") == "t.conf:1:0: could not parse port \"bar\"");
  CHECK(first_error("server_name: 'a b'") == "t.conf:1:0: server name cannot contain spaces");
  CHECK(first_error("lame_duck_duration: 1s")
        == "t.conf:1:0: invalid lame_duck_duration of 1s, minimum is 30 seconds");
  CHECK(first_error("ping_interval: 10x")
        == "t.conf:1:0: error parsing ping_interval: time: unknown unit \"x\" in duration \"10x\"");
  CHECK(first_error("max_sub_tokens: 0") == "t.conf:1:0: max_sub_tokens value can not be negative");
  CHECK(first_error("authorization { user: a, pass: b, token: c }")
        == "t.conf:1:0: Cannot have a user/pass and token");
  CHECK(first_error("authorization { user: a, pass: b, users: [] }")
        == "t.conf:1:0: Can not have a single user/pass and a users array");
  CHECK(first_error("authorization { users: [ {user: a}, {user: a} ] }")
        == "t.conf:1:0: Duplicate user \"a\" detected");
  CHECK(contains(first_error("authorization { users: [ {pass: a} ] }"),
                 "User entry requires a user"));
}

TEST_CASE("load: an empty file is a warning", "[config]") {
  auto out = loaded("# nothing\n");
  CHECK(out.ok());
  CHECK(out.to_string() == "t.conf: config has no values or is empty\n");
}

TEST_CASE("load: options that are not built yet give a notice that names them", "[config]") {
  auto out = loaded("shield: up\njetstream: enabled\n", true);
  CHECK(out.to_string().empty());
  REQUIRE(out.notices.size() == 2);
  CHECK(out.notices[0].to_string()
        == "t.conf:1:0: option \"shield\" is not built yet: what it should protect is NOT protected");
  CHECK(out.notices[1].to_string()
        == "t.conf:2:1: option \"jetstream\" is not built yet and has no effect");
  CHECK(out.options.jetstream);
}

TEST_CASE("load: protection that is asked for but not built is an error", "[config]") {
  struct golden {
    const char* text;
    const char* option;
  };
  for (auto& [text, option] : std::vector<golden>{
           {"shield: up", "shield"}, {"shield { strength: 3 }", "shield"}}) {
    INFO(text);
    auto refused = loaded(text);
    REQUIRE(refused.errors.size() == 1);
    CHECK(contains(refused.errors[0].to_string(), "t.conf:1:"));
    CHECK(contains(refused.errors[0].to_string(), "option \"" + std::string(option) + "\""));
    CHECK(contains(refused.errors[0].to_string(), "refusing to run"));
    auto allowed = loaded(text, true);
    CHECK(allowed.ok());
    CHECK(allowed.notices.size() == 1);
  }
  // What asks for nothing, and what merely lacks a feature, starts.
  for (auto text : {"authorization { proxy_required: false }", "accounts {}", "ocsp: false", "shield: false",
                    "cluster { tls { cert_file: a }, authorization { user: u } }",
                    "gateway { name: a }", "leafnodes { port: 1 }", "mqtt { port: 1 }",
                    "jetstream { key: x }", "websocket { port: 1, no_tls: true }"}) {
    INFO(text);
    CHECK(loaded(text).ok());
  }
}

TEST_CASE("load: unknown names deep inside blocks that are not built are errors", "[config]") {
  CHECK(loaded("accounts { A { users: [ {user: x, permissions { publish { allow: [a] } } } ]\n"
               "  exports: [ {service: q, latency { sampling: 10, subject: s} } ] } }",
               true)
            .ok());
  CHECK(first_error("cluster { permissions { publish { alow: a } } }")
        == "t.conf:1:34: Unknown field name \"alow\" parsing subject permissions, only 'allow' or 'deny' are "
           "permitted");
  CHECK(first_error("leafnodes { remotes: [ {url: x, proxy { port: 1 } } ] }")
        == "t.conf:1:40: unknown field \"port\"");
}

TEST_CASE("validate: checks between options", "[config]") {
  server_options o;
  CHECK(validate(o));
  o.lame_duck_grace_period = 2min;
  CHECK(validate(o).error().context
        == "lame duck grace period (2m0s) should be strictly lower than "
           "lame duck duration (2m0s)");
  o = {};
  o.max_pending = 10;
  CHECK(validate(o).error().context
        == "max_payload (1048576) cannot be higher than max_pending (10)");
  o = {};
  o.no_auth_user = "u";
  CHECK(validate(o).error().context
        == "no_auth_user: \"u\" present, but users/nkeys are not defined");
}

TEST_CASE("option table: names are unique and the reload diff names what changed", "[config]") {
  for (auto rows : {top_level_options(), block_options()})
    for (auto& row : rows) {
      CHECK(find_option(row.block, row.name()) == &row);
      CHECK_FALSE(row.doc.empty());
    }
  CHECK(find_option("", "LogFile") == find_option("", "log_file"));
  server_options before;
  auto after = before;
  after.debug = true;
  after.server_name = "b";
  auto changes = diff(before, after);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].row->name() == "server_name");
  CHECK_FALSE(changes[0].live);
  CHECK(changes[1].row->name() == "debug");
  CHECK(changes[1].live);
}

TEST_CASE("option table: a nested block that a row names exists", "[config]") {
  for (auto rows : {top_level_options(), block_options()})
    for (auto& row : rows) {
      auto nested = row.nested;
      if (nested.empty() || nested == "*") continue;
      if (nested[0] == '*') nested.remove_prefix(1);
      bool found = false;
      for (auto& other : block_options())
        found = found || other.block == nested;
      CHECK(found);
    }
}

TEST_CASE("duration: reads and writes as Go does", "[config]") {
  for (auto [text, ns] : {std::pair{"1h30m", nanoseconds(90min)},
                          {"500ms", nanoseconds(500ms)},
                          {"1.5s", nanoseconds(1500ms)},
                          {"-2m", nanoseconds(-2min)},
                          {"0", nanoseconds(0)},
                          {"10us", nanoseconds(10us)}})
    CHECK(*parse_duration(text) == ns);
  CHECK(parse_duration("10").error().context == "time: missing unit in duration \"10\"");
  CHECK(parse_duration("").error().context == "time: invalid duration \"\"");
  CHECK(parse_duration("99999999999h").error().context
        == "time: invalid duration \"99999999999h\"");
  CHECK(format_duration(90min) == "1h30m0s");
  CHECK(format_duration(1500us) == "1.5ms");
  CHECK(format_duration(320us) == "320\xC2\xB5s");
  CHECK(format_duration(0s) == "0s");
  CHECK(format_duration(nanoseconds::min()) == "-2562047h47m16.854775808s");
}
