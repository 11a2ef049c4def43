#include "http/endpoints/unbuilt.hpp"

#include "http/render.hpp"

#include <cctype>
#include <initializer_list>

namespace troupe::http {

namespace {

result<void> check_bools(const query& params, std::initializer_list<const char*> names) {
  for (auto name : names)
    if (auto b = params.get_bool(name); !b) return b.error();
  return {};
}

/// `subs` is a boolean, or the word "detail".
result<void> check_subs(const query& params) {
  std::string text = params.get("subs");
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text == "detail" ? result<void>{} : check_bools(params, {"subs"});
}

void write_empty(json_writer& w, const char* name, bool array) {
  w.key(name);
  array ? w.begin_array() : w.begin_object();
  array ? w.end_array() : w.end_object();
}

} // namespace

result<std::string> render_routez(const query& params, const observe::node_snapshot& node,
                                  wall_time now) {
  if (auto good = check_subs(params); !good) return good.error();
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("server_name", node.server_name);
    w.member("now", format_time(now));
    w.member("num_routes", 0);
    write_empty(w, "routes", true);
  });
}

result<std::string> render_gatewayz(const query& params, const observe::node_snapshot& node,
                                    wall_time now) {
  if (auto good = check_subs(params); !good) return good.error();
  if (auto good = check_bools(params, {"accs"}); !good) return good.error();
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("now", format_time(now));
    write_empty(w, "outbound_gateways", false);
    write_empty(w, "inbound_gateways", false);
  });
}

result<std::string> render_leafz(const query& params, const observe::node_snapshot& node,
                                 wall_time now) {
  if (auto good = check_bools(params, {"subs"}); !good) return good.error();
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("now", format_time(now));
    w.member("leafnodes", 0);
    write_empty(w, "leafs", true);
  });
}

result<std::string> render_jsz(const query& params, const observe::node_snapshot& node,
                               wall_time now) {
  if (auto good =
          check_bools(params, {"accounts", "streams", "consumers", "direct-consumers", "config"});
      !good)
    return good.error();
  for (auto name : {"offset", "limit"})
    if (auto n = params.get_int(name); !n) return n.error();
  if (auto good = check_bools(params, {"leader-only", "raft", "stream-leader-only"}); !good)
    return good.error();
  return document([&](json_writer& w) {
    for (auto name :
         {"memory", "storage", "reserved_memory", "reserved_storage", "accounts", "ha_assets"})
      w.member(name, 0);
    w.key("api");
    w.begin_object();
    for (auto name : {"level", "total", "errors"})
      w.member(name, 0);
    w.end_object();
    w.member("server_id", node.server_id);
    w.member("now", format_time(now));
    w.member("disabled", true);
    w.key("config");
    w.begin_object();
    w.member("max_memory", 0);
    w.member("max_storage", 0);
    w.end_object();
    for (auto name : {"streams", "consumers", "messages", "bytes", "total"})
      w.member(name, 0);
  });
}

} // namespace troupe::http
