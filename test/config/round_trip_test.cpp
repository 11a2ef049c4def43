// A generated file with every option of the table: what is set is what is read, and written out and
// read again it is the same. A row added to the table needs no line here unless its type's usual
// values do not fit; without fitting ones it fails.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/json.hpp"
#include "config/load.hpp"
#include "config/option_table.hpp"
#include "protocol/auth/nkey.hpp"
#include "test/catch.hpp"

using namespace troupe;
using namespace troupe::config;

namespace {

std::string key(nkey_role role) { return nkey_pair::generate(role).public_key(); }

const std::string account_key = key(nkey_role::account);

/// What an import of account A needs around it.
std::string import_file(const std::string& text) {
  return "FILE accounts { A { imports [ { " + text + " } ] }\n"
         " B { exports [ {stream: x}, {stream: y}, {service: q}, {service: r} ] }\n"
         " C { exports [ {stream: x} ] } }";
}
std::string callout_file(const std::string& account) {
  return "FILE accounts { A {}, B {} }\nauthorization { auth_callout { issuer: " + account_key
         + ", auth_users: [u], allowed_accounts: [" + account + "] } }";
}

struct texts {
  std::string one, other;
};

/// `before` in front of "name: value", twice.
texts with(const std::string& before, const std::string& name, const std::string& one, const std::string& other) {
  const std::string start = (before.empty() ? "" : before + ", ") + name + ": ";
  return {start + one, start + other};
}

/// Options whose values have a shape of their own, by "block.name".
class special_values {
public:
  special_values() {
    shared();
    top();
    users();
    accounts();
    exchanged();
    tls();
    others();
    unbuilt();
  }
  std::map<std::string, texts> t;

private:
  const std::string seven = "\"7s\"", eight = "\"8s\"";
  const std::string user = key(nkey_role::user), user2 = key(nkey_role::user);

  void set(const std::string& option, const std::string& one, const std::string& other,
           const std::string& before = "") {
    t[option] = with(before, option.substr(option.find('.') + 1), one, other);
  }

  void shared() {
    for (auto listen : {".listen", ".http", ".https", "websocket.listen", "cluster.listen", "gateway.listen",
                        "leafnodes.listen", "mqtt.listen"})
      set(listen, "\"127.0.0.1:7\"", "\"127.0.0.2:8\"");
    for (auto policy : {".write_timeout", "cluster.write_timeout", "gateway.write_timeout", "leafnodes.write_timeout"})
      set(policy, "close", "retry");
    for (auto tls : {".tls", ".resolver_tls", "websocket.tls", "cluster.tls", "gateway.tls", "remote_gateway.tls",
                     "leafnodes.tls", "remote_leaf.tls", "mqtt.tls"})
      set(tls, "{timeout: 7}", "{timeout: 8}");
    for (auto login : {".authorization", "websocket.authorization", "mqtt.authorization", "cluster.authorization",
                       "gateway.authorization", "leafnodes.authorization"})
      set(login, "{user: x}", "{user: y}");
    for (auto span : {"allow_responses.expires", "websocket.handshake_timeout",
                      "jetstream_limits.duplicate_window", "jetstream_batch.timeout", "leafnodes.reconnect",
                      "jetstream.sync_interval", "ocsp_cache.save_interval"})
      set(span, "\"7m\"", "\"8m\"");
    for (auto rules : {"authorization.default_permissions", "account.default_permissions", "cluster.permissions"})
      set(rules, "{publish: x}", "{publish: y}");
    for (auto packing : {"cluster.compression", "leafnodes.compression", "remote_leaf.compression", "compression.mode"})
      set(packing, "accept", "s2_fast");
  }

  void top() {
    set(".feature_flags", "{x: true}", "{y: true}");
    set(".system_account", "x", "y");
    set(".logtime", "false", "true");
    set(".log_format", "json", "text");
    set(".lame_duck_duration", "\"40s\"", "\"50s\"");
    set(".lame_duck_grace_period", seven, eight);
    set(".accounts", "{A {}}", "{B {}}");
    set(".ocsp", "true", "false");
    set(".ocsp_cache", "false", "{preserve_revoked: true}");
    set(".proxies", "{trusted: [{key: " + user + "}]}", "{trusted: [{key: " + user2 + "}]}");
    set(".trusted_keys", key(nkey_role::operator_), key(nkey_role::operator_));
    set(".resolver", "MEMORY", "URL(http://localhost:7/)");
    set(".resolver_pinned_accounts", "[" + account_key + "]", "[" + key(nkey_role::account) + "]");
    set(".websocket", "{port: 7, no_tls: true}", "{port: 8, no_tls: true}");
    for (auto listener : {".cluster", ".gateway", ".leafnodes", ".mqtt"}) set(listener, "{port: 7}", "{port: 8}");
    set(".jetstream", "enabled", "disabled");
  }

  void users() {
    set("authorization.users", "[{user: x}]", "[{user: y}]");
    set("authorization.auth_callout", "{issuer: " + account_key + ", auth_users: [x]}",
        "{issuer: " + account_key + ", auth_users: [y]}");
    set("user.pass", "x", "y", "user: u");
    set("user.permissions", "{publish: x}", "{publish: y}", "user: u");
    set("user.allowed_connection_types", "[STANDARD]", "[WEBSOCKET]", "user: u");
    set("user.proxy_required", "true", "false", "user: u");
    set("user.nkey", user, user2);
    set("permissions.publish", "x", "y");
    set("permissions.subscribe", "x", "y");
    set("permissions.allow_responses", "true", "{max: 7}");
    set("subject_permission.allow", "[x]", "[y]");
    set("subject_permission.deny", "[x]", "[y]");
    const std::string callout = "issuer: " + account_key + ", auth_users: [u]";
    t["auth_callout.issuer"] = {callout, "issuer: " + key(nkey_role::account) + ", auth_users: [u]"};
    set("auth_callout.account", "x", "y", callout);
    set("auth_callout.auth_users", "[x]", "[y]", "issuer: " + account_key);
    nkey_public curve{}, curve2{};
    curve.fill(7);
    curve2.fill(8);
    set("auth_callout.xkey", encode_public_nkey(nkey_role::curve, curve),
        encode_public_nkey(nkey_role::curve, curve2), callout);
    t["auth_callout.allowed_accounts"] = {callout_file("A"), callout_file("B")};
  }

  void accounts() {
    set("account.nkey", account_key, key(nkey_role::account));
    set("account.users", "[{user: x}]", "[{user: y}]");
    t["account.imports"] = {import_file("stream: {account: B, subject: x}"), import_file("stream: {account: B, subject: y}")};
    set("account.exports", "[{stream: x}]", "[{stream: y}]");
    set("account.jetstream", "true", "false");
    set("account.limits", "{max_payload: 7}", "{max_payload: 8}");
    set("account.msg_trace", "x", "y");
    set("mapping.destination", "x", "y", "weight: 50");
    set("mapping.weight", "50", "60", "destination: x");
    set("mapping.cluster", "x", "y", "destination: x, weight: 50");
    set("msg_trace.sampling", "7", "8", "dest: x");
    set("account_jetstream.cluster_traffic", "owner", "system");
  }

  void exchanged() {
    set("export.accounts", "[A]", "[]", "stream: x");
    set("export.response_type", "stream", "chunked", "service: x");
    set("export.threshold", seven, eight, "service: x");
    set("export.latency", "l", "m", "service: x");
    t["export.account_token_position"] = {"stream: \"x.*\", account_token_position: 2",
                                          "stream: \"x.*.*\", account_token_position: 3"};
    set("export.allow_trace", "true", "false", "service: x");
    set("latency.sampling", "7", "8", "subject: x");
    const std::string stream = "stream: {account: B, subject: x}", service = "service: {account: B, subject: q}";
    t["import.stream"] = t["account.imports"];
    t["import.service"] = {import_file(service), import_file("service: {account: B, subject: r}")};
    t["import.prefix"] = {import_file(stream + ", prefix: p"), import_file(stream + ", prefix: r")};
    t["import.to"] = {import_file(stream + ", to: p"), import_file(stream + ", to: r")};
    t["import.share"] = {import_file(service + ", share: true"), import_file(service + ", share: false")};
    t["import.allow_trace"] = {import_file(stream + ", allow_trace: true"), import_file(stream + ", allow_trace: false")};
    t["import_source.subject"] = t["account.imports"];
    t["import_source.account"] = {import_file(stream), import_file("stream: {account: C, subject: x}")};
  }

  void tls() {
    set("tls.cert_file", "x", "y", "key_file: k");
    set("tls.key_file", "x", "y", "cert_file: c");
    set("tls.verify", "true", "optional");
    set("tls.cipher_suites", "[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", "[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]");
    set("tls.curve_preferences", "[X25519]", "[CurveP256]");
    set("tls.pinned_certs", "[\"" + std::string(64, 'a') + "\"]", "[\"" + std::string(64, 'b') + "\"]");
    set("tls.cert_match_by", "subject", "issuer");
    set("tls.handshake_first", "true", "auto");
    set("tls.ocsp_peer", "true", "false");
    set("tls.certs", "[{cert_file: x, key_file: k}]", "[{cert_file: y, key_file: k}]");
    set("tls.min_version", "\"1.2\"", "\"1.3\"");
    set("cert_pair.cert_file", "x", "y", "key_file: k");
    set("cert_pair.key_file", "x", "y", "cert_file: c");
    for (auto span : {"allowed_clockskew", "ca_timeout", "cache_ttl_when_next_update_unset"})
      set(std::string("ocsp_peer.") + span, seven, eight, "verify: true");
    for (auto flag : {"warn_only", "unknown_is_good", "allow_when_ca_unreachable"})
      set(std::string("ocsp_peer.") + flag, "true", "false", "verify: true");
  }

  void others() {
    set("ocsp.mode", "always", "never");
    set("ocsp.url", "\"http://x\"", "\"http://y\"");
    set("ocsp.urls", "[\"http://x\"]", "[\"http://y\"]");
    set("ocsp_cache.type", "local", "none");
    set("proxies.trusted", "[{key: " + user + "}]", "[{key: " + user2 + "}]");
    set("proxy.key", user, user2);
    const std::string full = "type: full, dir: d";
    t["resolver.type"] = {full, "type: cache, dir: d"};
    set("resolver.dir", "x", "y", "type: full");
    set("resolver.allow_delete", "true", "false", full);
    set("resolver.hard_delete", "true", "false", full + ", allow_delete: true");
    set("resolver.limit", "7", "8", full);
    set("resolver.ttl", seven, eight, "type: cache, dir: d");
    set("resolver.interval", seven, eight, full);
    set("resolver.timeout", seven, eight, full);
    set("websocket.allowed_origins", "[\"http://x\"]", "[\"http://y\"]");
  }

  void unbuilt() {
    set("compression.rtt_thresholds", "[\"7ms\"]", "[\"8ms\"]");
    set("gateway.gateways", "[{name: x}]", "[{name: y}]");
    set("leafnodes.remotes", "[{url: \"nats://x\"}]", "[{url: \"nats://y\"}]");
    set("leafnodes.min_version", "\"2.9.0\"", "\"2.10.0\"");
    set("leaf_auth.nkey", user, user2);
    set("leaf_auth.users", "[{user: x}]", "[{user: y}]");
    set("remote_leaf.url", "\"nats://x\"", "\"nats://y\"");
    set("remote_leaf.nkey", nkey_pair::generate(nkey_role::user).seed(), "x");
    set("remote_leaf.deny_imports", "[x]", "[y]");
    set("remote_leaf.deny_exports", "[x]", "[y]");
    set("remote_leaf.jetstream_cluster_migrate", "true", "false");
    const std::string proxy = "url: \"https://x:1\"";
    t["leaf_proxy.url"] = {proxy, "url: \"https://y:1\""};
    set("leaf_proxy.username", "x", "y", proxy + ", password: p");
    set("leaf_proxy.password", "x", "y", proxy + ", username: u");
    set("leaf_proxy.timeout", "\"7m\"", "\"8m\"", proxy);
    set("leaf_proxy.tls", "{timeout: 7}", "{timeout: 8}", proxy);
    set("remote_leaf.proxy", "{url: \"http://x:1\"}", "{url: \"http://y:1\"}");
    set("jetstream.cipher", "aes", "chacha");
    set("jetstream.limits", "{max_ack_pending: 7}", "{max_ack_pending: 8}");
    set("jetstream.tpm", "{pcr: 7}", "{pcr: 8}");
    set("jetstream_limits.batch", "{max_msgs: 7}", "{max_msgs: 8}");
    set("tpm.cipher", "aes", "chacha");
  }
};

const std::map<std::string, texts>& special() {
  static const special_values all;
  return all.t;
}

/// No value of them is both fine and without a word, or what they need is a file: where they are tested.
const std::map<std::string, std::string> elsewhere{
    {".operator", "load_operators_test.cpp"},
    {".default_sentinel", "load_operators_test.cpp"},
    {".resolver_preload", "load_operators_test.cpp"},
    {".default_js_domain", "validate: names an account"},
    {"tls.verify_cert_and_check_known_urls", "refused for clients: load_tls_test.cpp"},
    {"tls.cert_store", "refused but on Windows: load_tls_test.cpp"},
    {"mqtt.consumer_replicas", "always warns: golden/judged.txt"},
    {"route_auth.token", "refused: golden/judged.txt"},
    {"route_auth.users", "refused: golden/judged.txt"},
    {"route_auth.auth_callout", "refused: golden/judged.txt"},
    {"route_auth.permissions", "warns: golden/judged.txt"},
};

/// Rows that cannot stand in one file with the others of their block, or hide them.
const std::set<std::string> apart{
    ".listen", ".http", ".https", ".trace",
    "authorization.token", "authorization.users", "leaf_auth.users", "remote_leaf.nkey", "user.nkey", "export.service", "export.response_type",
    "export.threshold", "export.latency", "export.account_token_position", "export.allow_trace", "tls.certs", "resolver.ttl"};

std::string name_of(const option_row& row) { return std::string(row.block) + "." + std::string(row.name()); }

texts texts_of(const option_row& row) {
  if (auto found = special().find(name_of(row)); found != special().end()) return found->second;
  std::string name(row.name());
  switch (row.type) {
  case option_type::boolean: return with("", name, "true", "false");
  case option_type::text: return with("", name, "x", "y");
  case option_type::duration: return with("", name, "\"7s\"", "\"8s\"");
  case option_type::list: return with("", name, "[x]", "[y]");
  case option_type::map: return with("", name, "{x: y}", "{x: z}");
  default: return with("", name, "7", "8");
  }
}

/// How a block gets into a file, by its name: as judged.txt says.
const std::map<std::string, std::string>& patterns() {
  static const std::map<std::string, std::string> all = [] {
    std::map<std::string, std::string> out{{"route_auth", "cluster { authorization { @ } }"}};
    std::ifstream in(std::filesystem::path(TROUPE_TEST_DATA) / "golden/judged.txt");
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with("block ")) continue;
      auto end = line.find(' ', 6);
      auto block = line.substr(6, end - 6);
      out[block == "-" ? "" : block] = line.substr(end + 1);
    }
    return out;
  }();
  return all;
}

std::string file_of(const option_row& row, const std::string& text) {
  if (text.starts_with("FILE ")) return text.substr(5) + "\n";
  auto found = patterns().find(std::string(row.block));
  REQUIRE(found != patterns().end());
  auto file = found->second;
  return file.replace(file.find('@'), 1, text) + "\n";
}

value parsed(const std::string& text) {
  auto tree = parse(text, "t.conf", parse_environment{});
  INFO(text);
  REQUIRE_FALSE(tree.failure);
  return tree.root;
}

/// The options of a file, which has to be taken without a word.
server_options read(const std::string& text) {
  server_options base;
  base.allow_unsupported = true;
  auto loaded = load(parsed(text), base);
  INFO(text);
  CHECK(loaded.to_string().empty());
  return loaded.options;
}

void render(const value& v, std::string& out) {
  if (auto m = v.get<map>()) {
    out += "{\n";
    for (auto& [name, field] : *m) {
      out += to_json(value{{}, false, 1, std::make_shared<datum>(name)}) + ": ";
      render(field, out);
      out += "\n";
    }
    out += "}";
  } else if (auto list = v.get<array>()) {
    out += "[";
    for (auto& one : *list) {
      render(one, out);
      out += " , ";
    }
    out += "]";
  } else {
    out += to_json(v);
  }
}

/// Written out and read again it is the same file, with the same options.
void check_round_trip(const std::string& text, const server_options& options) {
  std::string first, second;
  render(parsed(text), first);
  render(parsed(first), second);
  CHECK(first == second);
  CHECK((read(first) == options));
}

} // namespace

TEST_CASE("round trip: every option of the table is read, and another value is another", "[config]") {
  int rows = 0;
  for (auto list : {top_level_options(), block_options()}) {
    for (auto& row : list) {
      if (elsewhere.contains(name_of(row))) continue;
      ++rows;
      INFO(name_of(row));
      auto [one, other] = texts_of(row);
      const auto text = file_of(row, one);
      const auto options = read(text);
      check_round_trip(text, options);
      if (row.state != support::built) continue;
      CHECK((options != read(file_of(row, other))));
    }
  }
  CHECK(rows > 300);
  for (auto& [name, why] : elsewhere) {
    auto dot = name.find('.');
    INFO(name);
    CHECK(find_option(name.substr(0, dot), name.substr(dot + 1)));
  }
}

TEST_CASE("round trip: one file with all options of a block", "[config]") {
  for (auto& [block, pattern] : patterns()) {
    std::vector<const option_row*> rows;
    std::string all;
    for (auto list : {top_level_options(), block_options()})
      for (auto& row : list) {
        auto text = texts_of(row).one;
        if (row.block != block || elsewhere.contains(name_of(row)) || apart.contains(name_of(row))
            || text.starts_with("FILE "))
          continue;
        rows.push_back(&row);
        all += text + "\n";
      }
    INFO("block " << block);
    if (rows.empty()) continue;
    const auto file = file_of(*rows[0], "\n" + all);
    const auto options = read(file);
    check_round_trip(file, options);
    if (!block.empty()) continue;
    // Each of them has its part in it: without it, something else is read.
    for (auto row : rows) {
      if (row->state != support::built) continue;
      std::string rest;
      for (auto other : rows)
        if (other != row) rest += texts_of(*other).one + "\n";
      INFO("without " << row->name());
      CHECK((read(rest) != options));
    }
  }
}
