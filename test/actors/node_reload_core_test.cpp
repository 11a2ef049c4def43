#include "actors/node/reload_core.hpp"
#include "config/load.hpp"
#include "config/option_table.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

config::server_options options_of(const std::string& text) {
  auto tree = config::parse(text, "t.conf", config::parse_environment{});
  REQUIRE_FALSE(tree.failure);
  auto out = config::load(tree.root);
  INFO(out.to_string());
  REQUIRE(out.ok());
  return out.options;
}

result<reload_plan> plan(const std::string& before, const std::string& after) {
  return plan_reload(options_of(before), options_of(after));
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("reload core: without a difference nothing changes", "[reload]") {
  auto p = plan("debug: true\nauthorization { users: [{user: a}] }",
                "debug: true\nauthorization { users: [{user: a}] }");
  REQUIRE(p);
  CHECK_FALSE(p->changes_anything());
}

TEST_CASE("reload core: every live option has the server's line", "[reload]") {
  for (auto& [text, line] : std::vector<std::pair<std::string, std::string>>{
         {"debug: true", "Reloaded: debug = true"},
         {"trace: true", "Reloaded: trace = true"},
         {"logtime: false", "Reloaded: logtime = false"},
         {"logtime_utc: true", "Reloaded: logtime_utc = true"},
         {"log_file: x", "Reloaded: log_file = x"},
         {"syslog: true", "Reloaded: syslog = true"},
         {"remote_syslog: 'udp://h:1'", "Reloaded: remote_syslog = udp://h:1"},
         {"pid_file: p", "Reloaded: pid_file = p"},
         {"ports_file_dir: d", "Reloaded: ports_file_dir = d"},
         {"max_control_line: 512", "Reloaded: max_control_line = 512"},
         {"max_payload: 1KB", "Reloaded: max_payload = 1024"},
         {"max_connections: 5", "Reloaded: max_connections = 5"},
         {"max_connections: 0", "Reloaded: max_connections = -1"},
         {"max_traced_msg_len: 9", "Reloaded: max_traced_msg_len = 9"},
         {"ping_interval: '5s'", "Reloaded: ping_interval = 5s"},
         {"ping_max: 7", "Reloaded: ping_max = 7"},
         {"write_deadline: '1m'", "Reloaded: write_deadline = 1m0s"},
         {"client_advertise: 'h:1'", "Reload: client_advertise = h:1"},
         {"server_tags: [a]", "Reloaded: tags"},
         {"server_metadata { a: b }", "Reloaded: metadata"},
         {"no_fast_producer_stall: true", "Reloaded: fast producers will not be stalled"},
         {"authorization { token: t }", "Reloaded: authorization token"},
         {"authorization { timeout: 1.5 }", "Reloaded: authorization timeout = 1.5"},
         {"authorization { users: [{user: a}] }", "Reloaded: authorization users"},
         {"authorization { users: "
          "[{nkey: UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR}] }",
          "Reloaded: authorization nkey users"},
         {"accounts: [A]", "Reloaded: accounts"},
         // What the NATS server refuses to reload.
         {"port: 5222", "Reloaded: port = 5222"},
         {"host: '127.0.0.1'", "Reloaded: host = 127.0.0.1"},
         {"http_port: 8222", "Reloaded: http_port = 8222"},
         {"http_base_path: '/nats'", "Reloaded: http_base_path = /nats"},
         {"max_pending: 2MB", "Reloaded: max_pending = 2097152"},
         {"max_subs: 3", "Reloaded: max_subscriptions = 3"},
         {"max_sub_tokens: 3", "Reloaded: max_sub_tokens = 3"},
         {"write_timeout: retry", "Reloaded: write_timeout = retry"},
         {"lame_duck_duration: '40s'", "Reloaded: lame_duck_duration = 40s"},
         {"logfile_size_limit: 1K", "Reloaded: logfile_size_limit = 1000"}}) {
    INFO(text);
    auto p = plan("max_payload: 2KB\n", "max_payload: 2KB\n" + text + "\n");
    REQUIRE(p);
    CHECK(p->lines == lines{line});
  }
  auto headers = plan("", "trace_headers: true"); // which traces, too
  REQUIRE(headers);
  CHECK(headers->lines == lines{"Reloaded: trace = true", "Reloaded: trace_headers = true"});
  auto both = plan("", "authorization { user: u, pass: p }");
  REQUIRE(both);
  CHECK(both->lines
        == lines{"Reloaded: authorization username", "Reloaded: authorization password"});
}

TEST_CASE("reload core: what cannot change is refused in the server's words", "[reload]") {
  for (auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
         {"server_name: b", "ServerName: old=, new=b"},
         {"reactors: 3", "Reactors: old=0, new=3"},
         {"max_closed_clients: 3", "MaxClosedClients: old=10000, new=3"},
         {"no_header_support: true", "NoHeaderSupport: old=false, new=true"},
         {"disable_sublist_cache: true", "NoSublistCache: old=false, new=true"},
         {"no_system_account: true", "NoSystemAccount: old=false, new=true"},
         {"accounts: [S]\nsystem_account: S", "SystemAccount: old=, new=S"}}) {
    INFO(text);
    auto p = plan("debug: false", "debug: true\n" + text + "\n");
    REQUIRE_FALSE(p);
    CHECK(p.error().context == "config reload not supported for " + why);
  }
}

TEST_CASE("reload core: a random port stays, a written one moves the listener", "[reload]") {
  auto same = plan("port: 5000\nhttp_port: 5001", "port: -1\nhttp_port: -1");
  REQUIRE(same);
  CHECK_FALSE(same->changes_anything());
  CHECK(same->options.port == 5000);
  auto moved = plan("port: -1", "port: 5000");
  REQUIRE(moved);
  CHECK(moved->client_listener);
  CHECK(moved->ports_file);
  CHECK_FALSE(moved->monitor);
}

TEST_CASE("reload core: no_auth_user goes only with its user", "[reload]") {
  const std::string users = "authorization { users: [{user: a}, {user: b}] }\n";
  auto p = plan(users + "no_auth_user: a", users);
  REQUIRE_FALSE(p);
  CHECK(p.error().context == "config reload not supported for NoAuthUser: old=a, new=");
  p = plan(users + "no_auth_user: a", users + "no_auth_user: b");
  REQUIRE_FALSE(p);
  CHECK(p.error().context == "config reload not supported for NoAuthUser: old=a, new=b");
  CHECK(plan(users + "no_auth_user: a", "authorization { users: [{user: b}] }"));
  CHECK(plan(users, users + "no_auth_user: b"));
}

TEST_CASE("reload core: secrets never stand in a line", "[reload]") {
  auto p = plan("", R"(authorization { users: [{user: a, password: hush}] })");
  REQUIRE(p);
  for (auto& line : p->lines) CHECK(line.find("hush") == std::string::npos);
}

TEST_CASE("reload core: logging and pid file are marked", "[reload]") {
  auto p = plan("", "debug: true\npid_file: x\nmax_connections: 3");
  REQUIRE(p);
  CHECK((p->logging && p->pid_file && p->max_connections));
  CHECK_FALSE((p->client_listener || p->monitor || p->ports_file));
}
