// Users, permissions, accounts, mappings and proxies. The texts and places are those that the NATS
// server 2.15 gives for the same file.
#include "config/load.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::config;

namespace {

constexpr char user_key[] = "UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR";
constexpr char account_key[] = "ABJHLOVMPA4CI6R5KLNGOB4GSLNIY7IOUPAJC4YFNDLQVIOBYQGUWVLA";

load_result loaded(const std::string& text) {
  auto tree = parse(text, "t.conf", parse_environment{});
  REQUIRE_FALSE(tree.failure);
  server_options base;
  base.allow_unsupported = true;
  return load(tree.root, base);
}

const user_options* find_user(const server_options& o, const std::string& id) {
  for (auto& user : o.authorization.users)
    if (user.name == id || user.nkey == id) return &user;
  return nullptr;
}

struct golden {
  const char* text;
  const char* report; // without "t.conf:" before the first line's place
};

void check_reports(const std::vector<golden>& all) {
  for (auto& [text, report] : all) {
    INFO(text);
    CHECK(loaded(text).to_string() == "t.conf:" + std::string(report) + "\n");
  }
}

} // namespace

TEST_CASE("load: users with permissions in every spelling", "[config]") {
  auto out = loaded(R"(
    authorization {
      default_permission: { pub: "d.>", sub: [a, "b q"] }
      users: [
        { user: plain, password: x }
        { username: one, permissions: { publish: [a, b.*], subscribe: { allow: x, deny: [y, z] } } }
        { user: two, permission: { import: { deny: c }, publish_allow_responses: true } }
        { user: three, authorization: { export: "s.*", allow_responses: { max: 5, ttl: "1m" } } }
        { user: four, permissions: { allow_responses: { max_msgs: -1, expires: "-1s" } } }
        { user: five, permissions: { allow_responses: { max_responses: 0, expiration: "0s" } } }
        { user: six, permissions: { allow_responses: false, publish: {} }, clients: websocket }
        { user: seven, proxy_required: true, connection_types: [Standard, MQTT_WS, standard] }
      ] })");
  CHECK(out.ok());
  auto& o = out.options;
  REQUIRE(o.authorization.users.size() == 8);
  auto plain = find_user(o, "plain");
  REQUIRE(plain->perms);
  CHECK(plain->perms == o.authorization.default_permissions);
  CHECK(plain->perms->publish->allow == std::vector<std::string>{"d.>"});
  CHECK(plain->perms->subscribe->allow == std::vector<std::string>{"a", "b q"});
  auto one = find_user(o, "one");
  CHECK(one->perms->publish->allow == std::vector<std::string>{"a", "b.*"});
  CHECK(one->perms->subscribe->deny == std::vector<std::string>{"y", "z"});
  CHECK_FALSE(one->perms->responses);
  auto two = find_user(o, "two");
  CHECK(two->perms->publish->deny == std::vector<std::string>{"c"});
  CHECK(two->perms->responses == response_permission{1, 2min});
  CHECK(find_user(o, "three")->perms->responses == response_permission{5, 1min});
  CHECK(find_user(o, "four")->perms->responses == response_permission{-1, -1s});
  CHECK(find_user(o, "five")->perms->responses == response_permission{1, 2min});
  auto six = find_user(o, "six");
  CHECK(six->perms == permissions{});
  CHECK(six->allowed_connection_types == std::vector<std::string>{"WEBSOCKET"});
  auto seven = find_user(o, "seven");
  CHECK(seven->proxy_required);
  CHECK(seven->allowed_connection_types == std::vector<std::string>{"STANDARD", "MQTT_WS"});
}

TEST_CASE("load: accounts with users, limits, exports, imports and mappings", "[config]") {
  auto out = loaded(std::string(R"(
    authorization { users: [ {user: g, pass: p} ] }
    system_account: SYS
    mappings { "top.*": "down.$1" }
    accounts {
      SYS { users: [ {user: admin, pass: x} ] }
      B { exports: [
            {service: req, response_type: stream, threshold: "5s", accounts: [A, SYS]}
            {service: lat, latency: {sampling: "50%", subject: m}, allow_trace: true}
            {service: head, latency: {sampling: Headers, subject: m}}
            {stream: "s.*", account_token_position: 2} ] }
      A { nkey: )") + account_key + R"(
          users: [ {nkey: )" + user_key + R"(}, {user: u, permissions: {publish: own}} ]
          default_permissions { publish: dflt }
          limits { max_conn: 10, max_subs: 20, max_pay: 1K, max_leafs: 3 }
          maps { foo: [ {dest: bar, weight: "30%"}, {destination: baz, weight: 50, cluster: c} ]
                 one: {destination: two, weight: 100}, loss: [] }
          msg_trace { dest: tr.ace, sampling: "25%" }
          imports: [ {service: {account: B, subject: req}, to: call, share: true}
                     {service: {account: B, subject: lat}}
                     {stream: {account: B, subject: "s.A"}, prefix: in, allow_trace: true} ] } })");
  INFO(out.to_string());
  CHECK(out.ok());
  auto& o = out.options;
  CHECK(validate(o));
  REQUIRE(o.accounts.size() == 3);
  auto& a = o.accounts[0];
  auto& b = o.accounts[1];
  CHECK(a.name == "A");
  CHECK(a.nkey == account_key);
  CHECK(find_user(o, "g")->account.empty());
  CHECK(find_user(o, user_key)->account == "A");
  CHECK(find_user(o, user_key)->perms->publish->allow == std::vector<std::string>{"dflt"});
  CHECK(find_user(o, "u")->perms->publish->allow == std::vector<std::string>{"own"});
  CHECK(a.limits == account_limits{10, 20, 1000, 3});
  REQUIRE(a.mappings.size() == 3);
  CHECK(a.mappings[0] == subject_mapping{"foo", {{"bar", 30, ""}, {"baz", 50, "c"}}});
  CHECK(a.mappings[1] == subject_mapping{"loss", {}});
  CHECK(a.mappings[2] == subject_mapping{"one", {{"two", 100, ""}}});
  CHECK(o.mappings[0] == subject_mapping{"top.*", {{"down.$1", 100, ""}}});
  CHECK(a.trace_dest == "tr.ace");
  CHECK(a.trace_sampling == 25);
  CHECK(a.imports[0] == import_options{true, "B", "req", "", "call", true, false});
  CHECK(a.imports[1].to == "lat");
  CHECK(a.imports[2] == import_options{false, "B", "s.A", "in", "", false, true});
  REQUIRE(b.exports.size() == 4);
  CHECK(b.exports[0].response == response_type::stream);
  CHECK(b.exports[0].threshold == 5s);
  CHECK(b.exports[0].restricted);
  CHECK(b.exports[0].accounts == std::vector<std::string>{"A", "SYS"});
  CHECK(b.exports[1].latency == latency_options{50, "m"});
  CHECK(b.exports[1].allow_trace);
  CHECK(b.exports[2].latency->sampling == 0);
  CHECK(b.exports[3].account_token_position == 2);
  CHECK_FALSE(b.exports[3].service);
}

TEST_CASE("load: an account list holds names only", "[config]") {
  auto out = loaded("accounts: [B, A]");
  CHECK(out.ok());
  REQUIRE(out.options.accounts.size() == 2);
  CHECK(out.options.accounts[0].name == "B");
  check_reports({{"accounts: [A, B, A, \"$G\"]",
                  "1:17: Duplicate Account Entry: A\nt.conf:1:21: \"$G\" is a Reserved Account"}});
}

TEST_CASE("load: with only the system account defined, others work in the global one", "[config]") {
  auto open = loaded("accounts { \"$SYS\" { users: [{user: a, pass: b}] } }");
  CHECK(open.ok());
  CHECK(open.options.no_auth_user == open_account_user);
  CHECK(find_user(open.options, open_account_user)->account.empty());
  CHECK(validate(open.options));
  for (auto text : {"accounts { \"$SYS\" { users: [{user: a, pass: b}] } }\nauthorization {}",
                    "accounts { \"$SYS\" { users: [{user: a, pass: b}] } }\nno_auth_user: a",
                    "accounts { \"$SYS\" { users: [{user: a, pass: b}] }, A {} }",
                    "accounts { A { users: [{user: a, pass: b}] } }"}) {
    INFO(text);
    auto closed = loaded(text);
    CHECK(closed.ok());
    CHECK(closed.options.no_auth_user != open_account_user);
    CHECK(find_user(closed.options, open_account_user) == nullptr);
  }
  CHECK(loaded("accounts { S {} }\nsystem_account: S").options.no_auth_user == open_account_user);
}

TEST_CASE("load: errors in users and permissions", "[config]") {
  check_reports({
      {"authorization { users: [ {user: a}, {user: a} ] }", "1:0: Duplicate user \"a\" detected"},
      {"authorization { users: [ {nkey: UX} ] }", "1:26: Not a valid public nkey for a user"},
      {"authorization { users: [ 1 ] }",
       "1:25: Expected user entry to be a map/struct, got 1"},
      {"authorization { users: [ {user: a, permissions: 1} ] }",
       "1:35: Expected permissions to be a map/struct, got 1"},
      {"authorization { users: [ {user: a, permissions: {publish: {allow: \"foo..bar\"}}} ] }",
       "1:59: subject \"foo..bar\" is not a valid subject"},
      {"authorization { users: [ {user: a, permissions: {publish: {allo: foo}}} ] }",
       "1:59: Unknown field name \"allo\" parsing subject permissions, only 'allow' or 'deny' are "
       "permitted"},
      {"authorization { users: [ {user: a, permissions: {publish: {allow: {}}}} ] }",
       "1:59: Expected subject permissions to be a subject, or array of subjects, got "
       "map[string]interface {}"},
      {"authorization { users: [ {user: a, permissions: {publi: {allow: {}}}} ] }",
       "1:49: Unknown field \"publi\" parsing permissions"},
      {"authorization { users: [ {user: a, permissions: {publish: \"foo bar\"}} ] }",
       "1:49: subject \"foo bar\" is not a valid subject"},
      {"authorization { users: [ {user: a, permissions: {subscribe: \"foo bar baz\"}} ] }",
       "1:49: subject \"foo bar baz\" is not a valid subject"},
      {"authorization { users: [ {user: a, permissions: {subscribe: \"foo bar..z\"}} ] }",
       "1:49: queue \"bar..z\" is not a valid queue"},
      {"authorization { users: [ {user: a, permissions: {allow_responses: 1}} ] }",
       "1:49: error parsing response permissions, expected a boolean or a map"},
      {"authorization { users: [ {user: a, permissions: {allow_responses: {max: x}}} ] }",
       "1:67: interface conversion: interface {} is string, not int64"},
      {"authorization { users: [ {user: a, permissions: {allow_responses: {expires: 1}}} ] }",
       "1:67: error parsing expires, not a duration string"},
      {"authorization { users: [ {user: a, permissions: {allow_responses: {ttl: \"1x\"}}} ] }",
       "1:67: error parsing expires: time: unknown unit \"x\" in duration \"1x\""},
      {"authorization { users: [ {user: a, permissions: {allow_responses: {foo: \"1x\"}}} ] }",
       "1:67: Unknown field \"foo\" parsing permissions"},
      {"authorization { users: [ {user: a, connection_types: [foo, STANDARD, bar]} ] }",
       "1:35: invalid connection types [\"FOO\" \"BAR\"]"},
      {"authorization { users: [ {user: a, connection_types: 1} ] }",
       "1:35: error parsing allowed connection types: unsupported type int64"},
      {"authorization { auth_callout: 1 }",
       "1:16: Expected authorization callout to be a map/struct, got 1"},
      {"authorization { auth_callout: {} }",
       "1:16: Authorization callouts require an issuer to be specified"},
      {"authorization { auth_callout: {issuer: foo} }",
       "1:31: Expected callout user to be a valid public account nkey, got \"foo\""},
      {"proxies: 1", "1:0: expected proxies to be a map/struct, got int64"},
      {"proxies: { trusted: 1 }",
       "1:11: expected proxies' trusted field to be an array, got int64"},
      {"proxies: { trusted: [ 1 ] }",
       "1:22: expected proxies' trusted entry to be a map/struct, got int64"},
      {"proxies: { trusted: [ {key: a} ] }", "1:23: invalid proxy key \"a\""},
      {"system_account: 1", "1:0: system account name must be a string"},
  });
}

TEST_CASE("load: users are unique over all accounts and exclude single credentials", "[config]") {
  check_reports({
      {"authorization { user: a, pass: b }\naccounts { A { users: [{user: x, pass: y}] } }",
       "2:16: Can not have a single user/pass and accounts"},
      {"authorization { token: a }\naccounts { A { users: [{user: x, pass: y}] } }",
       "2:16: Can not have a token and accounts"},
      {"accounts { A { users: [{user: x, pass: y}] }, B { users: [ {user: x} ] } }",
       "1:50: Duplicate user \"x\" detected"},
      {"authorization { users: [{user: x}] }\naccounts { B { users: [ {user: x} ] } }",
       "2:16: Duplicate user \"x\" detected"},
  });
}

TEST_CASE("load: errors in accounts and mappings", "[config]") {
  check_reports({
      {"accounts { \"$G\" { users: [{user: x, pass: y}] }, B: 1 }",
       "1:12: \"$G\" is a Reserved Account\nt.conf:1:49: Expected map entries for accounts"},
      {"accounts: { A { nkey: foo,  limits: {max_foo: 1, max_conn: a} } }",
       "1:16: Not a valid public nkey for an account: \"foo\"\n"
       "t.conf:1:37: Unknown field \"max_foo\" parsing account limits\n"
       "t.conf:1:49: interface conversion: interface {} is string, not int64"},
      {"accounts: { A { foo: 1, default_permissions: 1, limits: 1 } }",
       "1:16: unknown field \"foo\"\n"
       "t.conf:1:24: Expected permissions to be a map/struct, got 1\n"
       "t.conf:1:48: Expected account limits to be a map/struct, got 1"},
      {"accounts: { A { msg_trace: 1 } }",
       "1:16: Expected account message trace \"msg_trace\" to be a string or a map/struct, got "
       "int64"},
      {"accounts: { A { msg_trace: \"a.*\" } }", "1:16: Trace destination \"a.*\" is not valid"},
      {"accounts: { A { msg_trace: {dest: 1} } }",
       "1:28: Field \"dest\" should be a string, got int64"},
      {"accounts: { A { msg_trace: {dest: \"a\", sampling: 101} } }",
       "1:39: Ttrace destination sampling value 101 is invalid, needs to be [1..100]"},
      {"accounts: { A { msg_trace: {dest: \"a\", sampling: \"x%\"} } }",
       "1:39: Invalid trace destination sampling value \"x%\""},
      {"accounts: { A { msg_trace: {sampling: 10} } }",
       "1:16: Trace destination sampling ignored since no destination was set"},
      {"accounts: { A { msg_trace: {foo: 10} } }",
       "1:28: Unknown field \"foo\" parsing account message trace map/struct \"msg_trace\""},
      {"accounts: { A { mappings: {foo: 1} } }",
       "1:27: Expected an entry for the mapping destination"},
      {"accounts: { A { mappings: {\"foo..bar\": x} } }",
       "1:16: Subject \"foo..bar\" is not a valid subject"},
      {"mappings: {foo: [ {destination: bar, weight: 50%}, {dest: baz, weight: 60} ]}",
       "1:11: Error adding mapping for \"foo\" : total weight needs to be <= 100"},
      {"mappings: {foo: [ {destination: bar, weight: 50%}, {dest: bar, weight: 40} ]}",
       "1:11: Error adding mapping for \"foo\" : duplicate entry for \"bar\""},
      {"accounts: { A { mappings: {foo: [ {destination: bar, weight: 150%}, {dest: baz, weight: "
       "-1} ]} } }",
       "1:53: Invalid weight 150 for mapping destination\n"
       "t.conf:1:80: Invalid weight -1 for mapping destination"},
      {"accounts: { A { mappings: {foo: [ {destination: bar, weight: x} ]} } }",
       "1:53: Invalid weight \"x\" for mapping destination"},
      {"accounts: { A { mappings: {\"foo.*\": \"bar.$2\"} } }",
       "1:28: Error adding mapping for \"foo.*\" to \"bar.$2\" : invalid mapping destination: "
       "wildcard index out of range in $2: [2]"},
      {"mappings: {\"foo.*\": \"bar.{{foo(1)}}\"}",
       "1:12: Error adding mapping for \"foo.*\" to \"bar.{{foo(1)}}\" : invalid mapping "
       "destination: unknown function in {{foo(1)}}"},
      {"accounts: { A { mappings: {foo: [ {destination: bar, weight: true} ]} } }",
       "1:53: Unknown entry type for weight of true"},
      {"accounts: { A { mappings: {foo: [ {destination: bar, weight: 1, foo: 1} ]} } }",
       "1:64: Unknown field \"foo\" for mapping destination"},
  });
}

TEST_CASE("load: errors in exports and imports", "[config]") {
  check_reports({
      {"accounts: { A { exports: 1 } }", "1:16: Exports should be an array, got int64"},
      {"accounts: { A { exports: [{stream: 1}] } }",
       "1:27: Expected stream name to be string, got int64"},
      {"accounts: { A { exports: [{service: a, stream: b}] } }",
       "1:39: Detected stream \"b\" but already saw a service"},
      {"accounts: { A { exports: [{stream: b, response: stream}] } }",
       "1:38: Detected response directive on non-service"},
      {"accounts: { A { exports: [{stream: b, threshold: \"1s\"}] } }",
       "1:38: Detected response directive on non-service"},
      {"accounts: { A { exports: [{stream: b, latency: \"foo\"}] } }",
       "1:38: Detected latency directive on non-service"},
      {"accounts: { A { exports: [{stream: b, allow_trace: true}] } }",
       "1:38: Detected allow_trace directive on non-service"},
      {"accounts: { A { exports: [{service: b, response: foo}] } }",
       "1:39: Unknown response type: \"foo\""},
      {"accounts: { A { exports: [{service: b, response: 1}] } }",
       "1:39: Expected response type to be string, got int64"},
      {"accounts: { A { exports: [{service: b, threshold: \"1x\"}] } }",
       "1:39: Expected response threshold to be a parseable time duration, got \"1x\""},
      {"accounts: { A { exports: [{service: b, latency: {sampling: 200, subject: a}}] } }",
       "1:49: bad sampling percentage, should be 1-100"},
      {"accounts: { A { exports: [{service: b, latency: {sampling: \"x%\", subject: a}}] } }",
       "1:49: Failed to parse latency sample: strconv.Atoi: parsing \"x\": invalid syntax"},
      {"accounts: { A { exports: [{service: b, latency: {sampling: 10}}] } }",
       "1:39: Latency subject required, but missing"},
      {"accounts: { A { exports: [{service: b, accounts: X}] } }",
       "1:39: interface conversion: interface {} is string, not []interface {}"},
      {"accounts: { A { imports: 1 } }", "1:16: Imports should be an array, got int64"},
      {"accounts: { A { imports: [{service: 1}] } }",
       "1:27: Service entry should be an account map, got int64"},
      {"accounts: { A { imports: [{service: {account: B}}] } }",
       "1:27: Expect an account name and a subject"},
      {"accounts: { A { imports: [{stream: {account: B, subject: a}, service: {account: B, "
       "subject: a}}] }, B {} }",
       "1:27: Detected stream but already saw a service"},
      {"accounts: { A { imports: [{stream: {account: B, subject: a}, prefix: x, to: y}] }, B "
       "{exports: [{stream: a}]} }",
       "1:72: Stream import can not have a 'prefix' and a 'to' property"},
      {"accounts: { A { imports: [{service: {account: B, subject: a}, allow_trace: true}] }, B "
       "{exports: [{service: a}]} }",
       "1:62: Detected allow_trace directive on a non-stream"},
      {"accounts: { A { imports: [{stream: {account: B, subject: \"a.*\", foo: 1}}] }, B "
       "{exports: [{stream: \"a.*\"}]} }",
       "1:64: unknown field \"foo\""},
  });
}

TEST_CASE("load: imports find their exports and form no cycle", "[config]") {
  check_reports({
      {"accounts: { A { exports: [{service: b, accounts: [X, Y]}, {stream: a, accounts: [Z]}] } }",
       "1:0: \"Z\" account not defined for stream export\n"
       "t.conf:1:0: \"X\" account not defined for service export\n"
       "t.conf:1:0: \"Y\" account not defined for service export"},
      {"accounts: { A { exports: [{service: \"b.*\", account_token_position: 1}] } }",
       "1:0: Error adding service export \"b.*\": sublist: invalid subject"},
      {"accounts: { A { exports: [{service: b, latency: {sampling: 10, subject: \"a.*\"}}] } }",
       "1:0: Error adding service latency sampling for \"b\" on subject \"a.*\": invalid publish "
       "subject"},
      {"accounts: { A { exports: [{service: b, response: stream, latency: a}] } }",
       "1:0: Error adding service latency sampling for \"b\" on subject \"a\": bad service response "
       "type"},
      {"no_system_account: true, accounts: { A { exports: [{service: b, latency: a}] } }",
       "1:25: Error adding service latency sampling for \"b\": system account not setup"},
      {"accounts: { A { imports: [{stream: {account: B, subject: a}}] } }",
       "1:0: \"B\" account not defined for stream import"},
      {"accounts: { A { imports: [{stream: {account: B, subject: a}}] }, B {} }",
       "1:0: Error adding stream import \"a\": stream import not authorized"},
      {"accounts: { A { imports: [{service: {account: B, subject: a}}] }, "
       "B {exports: [{service: a, accounts: [B]}]} }",
       "1:0: Error adding service import \"a\": service import not authorized"},
      {"accounts: { A { imports: [{stream: {account: B, subject: a}, prefix: \"x.*\"}] }, "
       "B {exports: [{stream: a}]} }",
       "1:0: Error adding stream import \"a\": stream import prefix can not contain wildcard tokens"},
      {"accounts: { A { imports: [{stream: {account: B, subject: a}}, {stream: {account: B, "
       "subject: a}}] }, B {exports: [{stream: a}]} }",
       "1:0: Error adding stream import \"a\": stream import already exists"},
      {"accounts: { A { imports: [{service: {account: B, subject: a}}], exports: [{service: a}] }, "
       "B {exports: [{service: a}], imports: [{service: {account: A, subject: a}}]} }",
       "1:0: Error adding service import \"a\": import forms a cycle"},
      {"accounts: { A { imports: [{stream: {account: B, subject: a}}], exports: [{stream: a}] }, "
       "B {exports: [{stream: a}], imports: [{stream: {account: A, subject: a}}]} }",
       "1:0: Error adding stream import \"a\": import forms a cycle"},
      {"accounts: { A { imports: [{service: {account: B, subject: \"a.*\"}, to: \"x.y\"}] }, "
       "B {exports: [{service: \"a.*\"}]} }",
       "1:0: Error adding service import \"a.*\": failed to create mapping transform for service "
       "import subject from \"x.y\" to \"a.*\": invalid mapping destination: not using all of the "
       "token wildcard(s) in x.y"},
  });
  // Two ways to one account are no cycle, a long way round is one.
  const auto gives_on = [](const std::string& name, const std::string& from) {
    return name + " { exports: [{service: \"a.*\"}], imports: [" + from + "] }\n";
  };
  const auto import = [](const std::string& from, const std::string& subject) {
    return "{service: {account: " + from + ", subject: \"" + subject + "\"}}";
  };
  const std::string ways = gives_on("Y", import("Z", "a.*"))
                           + gives_on("X", import("Y", "a.b") + ", " + import("Y", "a.c"))
                           + gives_on("W", import("X", "a.*")) + gives_on("V", import("W", "a.c"));
  CHECK(loaded("accounts {\n" + ways + gives_on("Z", "") + "}").ok());
  CHECK_FALSE(loaded("accounts {\n" + ways + gives_on("Z", import("V", "a.*")) + "}").ok());
  // The importer's name in the token that the export says.
  CHECK(loaded("accounts { A { imports: [ {stream: {account: B, subject: \"s.A\"}} ] }\n"
               "B { exports: [ {stream: \"s.*\", account_token_position: 2} ] } }")
            .ok());
  CHECK_FALSE(loaded("accounts { A { imports: [ {stream: {account: B, subject: \"s.C\"}} ] }\n"
                     "B { exports: [ {stream: \"s.*\", account_token_position: 2} ] } }")
                  .ok());
}

TEST_CASE("validate: users and accounts that others name exist", "[config]") {
  server_options o;
  o.system_account = "S";
  CHECK(validate(o).error().context == "error resolving system account: account missing");
  o.accounts.push_back({});
  o.accounts[0].name = "S";
  CHECK(validate(o));
  o.no_auth_user = "x";
  user_options user;
  user.name = "y";
  o.authorization.users.push_back(user);
  CHECK(validate(o).error().context
        == "no_auth_user: \"x\" not present as user or nkey in authorization block or account "
           "configuration");
  o.authorization.users[0].name = "x";
  CHECK(validate(o));
  o.trusted_proxies = {"foo"};
  CHECK(validate(o).error().context == "proxy trusted key \"foo\" is invalid");
}
