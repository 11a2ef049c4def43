#include "http/endpoints/connz.hpp"
#include "http/endpoints/healthz.hpp"
#include "http/endpoints/subsz.hpp"
#include "http/render.hpp"
#include "http/router.hpp"
#include "test/catch.hpp"
#include "test/http/fake_source.hpp"

using namespace troupe;
using namespace troupe::http;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

response get(fake_source& source, const std::string& target, const std::string& base = "") {
  pages from(source, fixed_now);
  return router(from, base).handle(target);
}

/// The cids of a /connz body, in order.
std::string cids(const std::string& body) {
  std::string out;
  for (size_t at = 0; (at = body.find("\"cid\": ", at)) != std::string::npos;) {
    at += 7;
    out += body.substr(at, body.find(',', at) - at) + " ";
  }
  return out;
}

/// A closed connection with every member set.
observe::connection_snapshot full_connection() {
  auto c = a_connection(7);
  c.stop = fixed_now();
  c.reason = "Client Closed";
  c.rtt = std::chrono::microseconds{320};
  c.in_msgs = 1, c.out_msgs = 2, c.in_bytes = 3, c.out_bytes = 4, c.stalls = 5;
  c.subscriptions = 1;
  c.name = "app", c.lang = "go", c.version = "1.2";
  c.tls_version = "1.3", c.tls_cipher_suite = "TLS_AES_128_GCM_SHA256", c.tls_first = true;
  c.tls_peer_certs = {{"CN=x", "aa", "bb"}};
  c.authorized_user = "bob", c.account = "A";
  c.subs = {{"", "", "foo.*", "q", "1", 9, 10, 7}};
  c.jwt = "j", c.issuer_key = "k", c.name_tag = "t", c.tags = {"x"};
  c.mqtt_client = "m", c.proxy_key = "p";
  return c;
}

} // namespace

TEST_CASE("query: decodes, keeps the first value, drops broken pairs", "[http]") {
  query q("a=1&a=2&b=x%20y+z&c=%zz&d&e=1;2&=v");
  CHECK(q.get("a") == "1");
  CHECK(q.get("b") == "x y z");
  CHECK(q.get("c").empty());
  CHECK(q.get("d").empty());
  CHECK(q.get("e").empty());
  CHECK_FALSE(parse_target("varz"));
  CHECK_FALSE(parse_target("/%zz"));
  CHECK(parse_target("/con%6ez?x")->path == "/connz");
}

TEST_CASE("render: times, spans and round trips look like Go's", "[http]") {
  using namespace std::chrono_literals;
  CHECK(format_time(fixed_now()) == "2026-11-22T21:13:00.5Z");
  CHECK(format_time(fixed_now() - 500ms) == "2026-11-22T21:13:00Z");
  CHECK(format_time(fixed_now() + 7ns) == "2026-11-22T21:13:00.500000007Z");
  CHECK(format_time(wall_time{}) == "1970-01-01T00:00:00Z");
  CHECK(format_uptime(0s) == "0s");
  CHECK(format_uptime(61s) == "1m1s");
  CHECK(format_uptime(25h) == "1d1h0m0s");
  CHECK(format_uptime(24h * 366) == "1y1d0h0m0s");
  CHECK(format_rtt(123456ns) == "123\xC2\xB5s");
  CHECK(format_rtt(1234567ns) == "1.234567ms");
  CHECK(format_rtt(0ns) == "0s");
}

TEST_CASE("connz: an idle node answers as the NATS server", "[http]") {
  fake_source source;
  auto r = get(source, "/connz");
  CHECK(r.status == 200);
  CHECK(r.content_type == "application/json");
  CHECK(r.allow_any_origin);
  CHECK(r.body == R"({
  "server_id": "NID",
  "now": "2026-11-22T21:13:00.5Z",
  "num_connections": 0,
  "total": 0,
  "offset": 0,
  "limit": 1024,
  "connections": []
})");
}

TEST_CASE("connz: all members stand in the NATS server's order", "[http]") {
  fake_source source;
  source.some_connections.closed = {full_connection()};
  CHECK(contains(get(source, "/connz?state=closed&auth=1&subs=detail").body, R"("connections": [
    {
      "cid": 7,
      "kind": "Client",
      "type": "nats",
      "ip": "127.0.0.1",
      "port": 1007,
      "start": "2026-11-22T21:11:13.5Z",
      "last_activity": "2026-11-22T21:12:53.5Z",
      "stop": "2026-11-22T21:13:00.5Z",
      "reason": "Client Closed",
      "rtt": "320µs",
      "uptime": "1m47s",
      "idle": "7s",
      "pending_bytes": 0,
      "in_msgs": 1,
      "out_msgs": 2,
      "in_bytes": 3,
      "out_bytes": 4,
      "stalls": 5,
      "subscriptions": 1,
      "name": "app",
      "lang": "go",
      "version": "1.2",
      "tls_version": "1.3",
      "tls_cipher_suite": "TLS_AES_128_GCM_SHA256",
      "tls_peer_certs": [
        {
          "subject": "CN=x",
          "spki_sha256": "aa",
          "cert_sha256": "bb"
        }
      ],
      "tls_first": true,
      "authorized_user": "bob",
      "account": "A",
      "subscriptions_list_detail": [
        {
          "subject": "foo.*",
          "qgroup": "q",
          "sid": "1",
          "msgs": 9,
          "max": 10,
          "cid": 7
        }
      ],
      "jwt": "j",
      "issuer_key": "k",
      "name_tag": "t",
      "tags": [
        "x"
      ],
      "mqtt_client": "m",
      "proxy": {
        "key": "p"
      }
    }
  ])"));
  auto plain = get(source, "/connz?state=closed&subs=1").body;
  CHECK(contains(plain, "\"subscriptions_list\": [\n        \"foo.*\"\n      ]"));
  CHECK_FALSE(contains(plain, "authorized_user"));
  CHECK_FALSE(contains(plain, "tls_peer_certs"));
}

TEST_CASE("connz: sorts every way", "[http]") {
  fake_source source;
  auto& open = source.some_connections.open;
  for (uint64_t cid : {2, 3, 1})
    open.push_back(a_connection(cid));
  open[0].subscriptions = 5, open[0].pending_bytes = 1, open[0].out_msgs = 9;
  open[1].in_msgs = 7, open[1].out_bytes = 3, open[1].rtt = std::chrono::milliseconds{1};
  open[2].in_bytes = 4;
  struct golden {
    const char* sort;
    const char* order;
  };
  for (auto [sort, order] : {golden{"cid", "1 2 3 "},
                             {"start", "1 2 3 "},
                             {"subs", "2 3 1 "},
                             {"pending", "2 3 1 "},
                             {"msgs_to", "2 3 1 "},
                             {"msgs_from", "3 2 1 "},
                             {"bytes_to", "3 2 1 "},
                             {"bytes_from", "1 3 2 "},
                             {"last", "1 2 3 "},
                             {"idle", "3 2 1 "},
                             {"uptime", "1 2 3 "},
                             {"rtt", "3 2 1 "}})
    CHECK(cids(get(source, std::string("/connz?sort=") + sort).body) == order);
  source.some_connections.closed = open;
  for (size_t i = 0; i < 3; ++i) {
    source.some_connections.closed[i].stop = fixed_now() - std::chrono::seconds{i};
    source.some_connections.closed[i].reason = std::string(1, static_cast<char>('c' - i));
  }
  CHECK(cids(get(source, "/connz?state=closed&sort=stop").body) == "2 3 1 ");
  CHECK(cids(get(source, "/connz?state=closed&sort=reason").body) == "1 3 2 ");
}

TEST_CASE("connz: filters and pages", "[http]") {
  fake_source source;
  for (uint64_t cid : {1, 2, 3, 4})
    source.some_connections.open.push_back(a_connection(cid));
  source.some_connections.open[1].authorized_user = "bob";
  source.some_connections.closed.push_back(a_connection(9));
  auto page = get(source, "/connz?offset=1&limit=2").body;
  CHECK(cids(page) == "2 3 ");
  CHECK(
      contains(page, "\"num_connections\": 2,\n  \"total\": 4,\n  \"offset\": 1,\n  \"limit\": 2"));
  CHECK(cids(get(source, "/connz?offset=9223372036854775807&limit=9223372036854775807").body)
            .empty());
  CHECK(cids(get(source, "/connz?offset=-5&limit=-5").body) == "1 2 3 4 ");
  CHECK(cids(get(source, "/connz?state=all").body) == "1 2 3 4 9 ");
  CHECK(cids(get(source, "/connz?cid=9&state=any").body) == "9 ");
  CHECK(cids(get(source, "/connz?cid=9").body).empty());
  CHECK(cids(get(source, "/connz?user=bob").body) == "2 ");
  CHECK(contains(get(source, "/connz?acc=nope").body, "\"connections\": null"));
}

TEST_CASE("router: bad arguments are answered in the NATS server's words", "[http]") {
  fake_source source;
  struct golden {
    const char* target;
    const char* text;
  };
  for (auto [target, text] : {
           golden{"/connz?limit=x",
                  "Error decoding int for 'limit': strconv.Atoi: parsing \"x\": invalid syntax"},
           {"/connz?offset=99999999999999999999",
            "Error decoding int for 'offset': strconv.Atoi: "
            "parsing \"99999999999999999999\": value out of range"},
           {"/connz?cid=-1",
            "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"-1\": invalid syntax"},
           {"/connz?sort=foo", "invalid sorting option: foo"},
           {"/connz?sort=stop", "sort by stop only valid on closed connections"},
           {"/connz?state=bla", "Error decoding state for bla"},
           {"/connz?subs=abc", "Error decoding boolean for 'subs': strconv.ParseBool: parsing "
                               "\"abc\": invalid syntax"},
           {"/subsz?test=a.*", "invalid test subject, must be valid publish subject: a.*"},
           {"/accountz?acc=X", "Account X does not exist"},
           {"/jsz?limit=+",
            "Error decoding int for 'limit': strconv.Atoi: parsing \" \": invalid syntax"},
       }) {
    auto r = get(source, target);
    CHECK(r.status == 400);
    CHECK(r.content_type == "text/plain; charset=utf-8");
    CHECK_FALSE(r.allow_any_origin);
    CHECK(r.body == text);
  }
}

TEST_CASE("router: unknown paths are 404 as Go answers them", "[http]") {
  fake_source source;
  for (auto target : {"/nope", "/varz/", "/varzx", "/metrics%00"}) {
    auto r = get(source, target);
    CHECK(r.status == 404);
    CHECK(r.body == "404 page not found\n");
    CHECK(r.no_sniff);
  }
  CHECK(get(source, "/raftz").body == "No Raft nodes registered");
}

TEST_CASE("router: a path that is not clean leads to the one that is", "[http]") {
  fake_source source;
  pages from(source, fixed_now);
  router routes(from, "");
  auto to = [&](std::string_view target) {
    auto r = routes.handle(target);
    CHECK(r.status == 307);
    return r.location;
  };
  CHECK(to("//varz") == "/varz");
  CHECK(to("/./varz?a=b&c") == "/varz?a=b&c");
  CHECK(to("/connz/../varz/") == "/varz/");
  CHECK(to("/../..") == "/");
  CHECK(to("//evil.example/") == "/evil.example/");
  CHECK(to("//%0d%0aX:y") == "/%0D%0AX:y");
  CHECK(routes.handle("//x?<&'\"").body
        == "<a href=\"/x?&lt;&amp;&#39;&#34;\">Temporary Redirect</a>.\n\n");
  CHECK(routes.handle("/varz").location.empty());
}

TEST_CASE("router: a base path stands in front of every page", "[http]") {
  fake_source source;
  CHECK(get(source, "/nats/healthz", "nats/").status == 200);
  CHECK(get(source, "/nats", "nats/").content_type == "text/html; charset=utf-8");
  CHECK(get(source, "/healthz", "/nats").status == 404);
  CHECK(contains(get(source, "/nats", "/nats").body, "./nats/varz"));
  CHECK(normalize_base_path("") == "/");
  CHECK(normalize_base_path("/a/../b//c/") == "/b/c");
}

TEST_CASE("router: a node that does not answer is 503", "[http]") {
  fake_source source;
  source.broken = true;
  CHECK(get(source, "/varz").status == 503);
  CHECK(get(source, "/connz").status == 503);
}

TEST_CASE("varz: sums the reactors and counts requests", "[http]") {
  fake_source source;
  pages from(source, fixed_now);
  router routes(from, "");
  routes.handle("/subscriptionsz");
  auto body = routes.handle("/varz").body;
  CHECK(body.starts_with(R"({
  "server_id": "NID",
  "server_name": "n1",
  "version": "2.15.3",
  "proto": 1,
  "go": "troupe0.1.0",
  "host": "0.0.0.0",
  "port": 4222,
  "max_connections": 65536,
  "ping_interval": 120000000000,
  "ping_max": 2,
  "http_host": "0.0.0.0",
  "http_port": 8222,
  "http_base_path": "",
  "https_port": 0,
  "auth_timeout": 2,
  "max_control_line": 4096,
  "max_payload": 1048576,
  "max_pending": 67108864,
  "cluster": {},
  "gateway": {},
  "leaf": {},
  "mqtt": {},
  "websocket": {},
  "jetstream": {},
  "tls_timeout": 2,
  "write_deadline": 10000000000,
  "start": "2026-11-21T19:13:00.5Z",
  "now": "2026-11-22T21:13:00.5Z",
  "uptime": "1d2h0m0s",
  "mem": )"));
  CHECK(contains(body, "\"in_msgs\": 7,"));
  CHECK(contains(body, "\"slow_consumers\": 1,"));
  CHECK(contains(body, "\"http_req_stats\": {\n    \"/subsz\": 1,\n    \"/varz\": 1\n  },"));
  CHECK(body.ends_with(R"(  "config_load_time": "2026-11-21T19:13:00.5Z",
  "config_digest": "sha256:00",
  "feature_flags": {
    "js_ack_fc_v2": false,
    "js_api_reply_v2": false,
    "js_raft_delete_range": true,
    "js_snapshot_sources": false
  },
  "system_account": "$SYS",
  "slow_consumer_stats": {
    "clients": 1,
    "routes": 0,
    "gateways": 0,
    "leafs": 0
  },
  "stale_connection_stats": {
    "clients": 0,
    "routes": 0,
    "gateways": 0,
    "leafs": 0
  },
  "disk_io_wait_stats": {
    "waiters": 0,
    "waits": 0,
    "wait_time": 0,
    "max_wait_time": 0
  }
})"));
}

TEST_CASE("varz: feature flags are the known ones, as configured", "[http]") {
  fake_source source;
  auto options = std::make_shared<config::server_options>();
  options->feature_flags = {{"js_raft_delete_range", false}, {"made_up", true}};
  source.a_node.options = options;
  pages from(source, fixed_now);
  router routes(from, "");
  auto body = routes.handle("/varz").body;
  CHECK(contains(body, R"("js_ack_fc_v2": false,)"));
  CHECK(contains(body, R"("js_raft_delete_range": false,)"));
  CHECK_FALSE(contains(body, "made_up"));
}

TEST_CASE("subsz: statistics, filters and pages", "[http]") {
  fake_source source;
  source.some_subs.stats = {60, 5, 60, 0, 7, 2, 1, 4, 5};
  source.some_subs.subs = {{"$G", "$G", "foo.*", "", "1", 0, 0, 3},
                           {"$G", "$G", "bar.>", "q", "2", 1, 0, 3},
                           {"$G", "$G", "foo", "", "3", 1, 0, 3}};
  CHECK(get(source, "/subsz").body == R"({
  "server_id": "NID",
  "now": "2026-11-22T21:13:00.5Z",
  "num_subscriptions": 60,
  "num_cache": 5,
  "num_inserts": 60,
  "num_removes": 0,
  "num_matches": 7,
  "cache_hit_rate": 0.2857142857142857,
  "max_fanout": 1,
  "avg_fanout": 0.8,
  "total": 0,
  "offset": 0,
  "limit": 1024
})");
  auto tested = get(source, "/subscriptionsz?subs=1&test=foo.x").body;
  CHECK(contains(tested, "\"total\": 1,"));
  CHECK(contains(tested, R"("subscriptions_list": [
    {
      "account": "$G",
      "account_tag": "$G",
      "subject": "foo.*",
      "sid": "1",
      "msgs": 0,
      "cid": 3
    }
  ])"));
  CHECK(cids(get(source, "/subsz?subs=1&offset=2&limit=9").body).empty() == false);
  CHECK_FALSE(contains(get(source, "/subsz?subs=1&offset=3").body, "subscriptions_list"));
}

TEST_CASE("healthz: one line, with the status as HTTP status", "[http]") {
  fake_source source;
  CHECK(get(source, "/healthz").body == "{\"status\":\"ok\"}");
  CHECK(get(source, "/healthz?js-enabled-only=true&js-server-only=1&details=0").status == 200);
  auto bad = get(source, "/healthz?stream=x");
  CHECK(bad.status == 400);
  CHECK(bad.allow_any_origin);
  CHECK(
      bad.body
      == R"({"status":"error","error":"\"account\" must not be empty when checking stream health"})");
  CHECK(
      get(source, "/healthz?account=A&consumer=c&details=1").body
      == R"({"status":"error","errors":[{"type":"BAD_REQUEST","error":"\"stream\" must not be empty )"
         R"(when checking consumer health"}]})");
  source.a_health = {"error", 500, "not ready", {}};
  CHECK(get(source, "/healthz").status == 500);
}

TEST_CASE("actorz: the tree of actors", "[http]") {
  fake_source source;
  source.a_root.children.push_back({"reactor", "reactor-0", "running", 3, 1, "boom", {}, {}});
  CHECK(contains(get(source, "/actorz").body, R"("root": {
    "kind": "node",
    "name": "n1",
    "state": "running",
    "mailbox_depth": 0,
    "restarts": 0,
    "uptime": "1h0m0s",
    "children": [
      {
        "kind": "reactor",
        "name": "reactor-0",
        "state": "running",
        "mailbox_depth": 3,
        "restarts": 1,
        "last_error": "boom",
        "uptime": "0s"
      }
    ]
  })"));
}

TEST_CASE("ipqueuesz: what waits, or all, and by name", "[http]") {
  fake_source source;
  source.a_node.queues = {{"System recvQ", 3, 1}, {"System sendQ", 0, 0}};
  const std::string busy = "{\n  \"System recvQ\": {\n    \"pending\": 3,\n    \"in_progress\": 1\n  }\n}";
  CHECK(get(source, "/ipqueuesz").body == busy);
  CHECK(get(source, "/ipqueuesz?queues=recv&all=1").body == busy);
  CHECK(get(source, "/ipqueuesz?queues=send").body == "{}");
  CHECK(get(source, "/ipqueuesz?queues=send&all=true").body
        == "{\n  \"System sendQ\": {\n    \"pending\": 0\n  }\n}");
}

TEST_CASE("pages of features that are not built show their true empty state", "[http]") {
  fake_source source;
  CHECK(contains(get(source, "/routez").body, "\"num_routes\": 0,\n  \"routes\": []"));
  CHECK(contains(get(source, "/gatewayz").body,
                 "\"outbound_gateways\": {},\n  \"inbound_gateways\": {}"));
  CHECK(contains(get(source, "/leafz").body, "\"leafnodes\": 0,\n  \"leafs\": []"));
  CHECK(contains(get(source, "/jsz").body, "\"disabled\": true,\n  \"config\": {"));
  CHECK(contains(get(source, "/accountz").body, "\"accounts\": [\n    \"$G\",\n    \"$SYS\"\n  ]"));
  auto used = get(source, "/accstatz").body;
  CHECK(contains(used, "\"acc\": \"$G\""));
  CHECK_FALSE(contains(used, "\"acc\": \"$SYS\""));
  CHECK(contains(get(source, "/accstatz?unused=1").body, "\"acc\": \"$SYS\""));
  CHECK(get(source, "/ipqueuesz").body == "{}");
  CHECK(get(source, "/ipqueuesz?all=1").body == "{}");
  CHECK(get(source, "/routez?subs=detail").status == 200);
  CHECK(get(source, "/routez?subs=x").status == 400);
}
