#include "http/endpoints/unbuilt.hpp"

#include "http/render.hpp"

#include <cctype>
#include <initializer_list>

namespace troupe::http {

namespace {

template <class Options>
struct flag {
  const char* name;
  bool Options::*member;
};

/// Reads the flags in this order; the first bad one is the error.
template <class Options>
result<void> read_flags(const query& params, Options& out,
                        std::initializer_list<flag<Options>> flags) {
  for (auto& f : flags) {
    auto b = params.get_bool(f.name);
    if (!b) return b.error();
    out.*f.member = *b;
  }
  return {};
}

/// `subs` is a boolean, or the word "detail".
template <class Options>
result<void> read_subs(const query& params, Options& out) {
  std::string text = params.get("subs");
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  out.subs_detail = text == "detail";
  if (out.subs_detail) return {};
  return read_flags<Options>(params, out, {{"subs", &Options::subs}});
}

void write_empty(json_writer& w, const char* name, bool array) {
  w.key(name);
  array ? w.begin_array() : w.begin_object();
  array ? w.end_array() : w.end_object();
}

} // namespace

result<routez_options> parse_routez(const query& params) {
  routez_options out;
  if (auto good = read_subs(params, out); !good) return good.error();
  return out;
}

result<gatewayz_options> parse_gatewayz(const query& params) {
  gatewayz_options out;
  if (auto good = read_subs(params, out); !good) return good.error();
  if (auto good =
          read_flags<gatewayz_options>(params, out, {{"accs", &gatewayz_options::accounts}});
      !good)
    return good.error();
  out.name = params.get("gw_name");
  out.account = params.get("acc_name");
  return out;
}

result<leafz_options> parse_leafz(const query& params) {
  leafz_options out;
  if (auto good = read_flags<leafz_options>(params, out, {{"subs", &leafz_options::subs}}); !good)
    return good.error();
  out.account = params.get("acc");
  return out;
}

result<jsz_options> parse_jsz(const query& params) {
  using o = jsz_options;
  jsz_options out;
  auto good = read_flags<o>(params, out,
                            {{"accounts", &o::accounts},
                             {"streams", &o::streams},
                             {"consumers", &o::consumers},
                             {"direct-consumers", &o::direct_consumers},
                             {"config", &o::config}});
  if (!good) return good.error();
  auto offset = params.get_int("offset");
  if (!offset) return offset.error();
  auto limit = params.get_int("limit");
  if (!limit) return limit.error();
  good = read_flags<o>(params, out,
                       {{"leader-only", &o::leader_only},
                        {"raft", &o::raft},
                        {"stream-leader-only", &o::stream_leader_only}});
  if (!good) return good.error();
  out.offset = *offset;
  out.limit = *limit;
  out.account = params.get("acc");
  return out;
}

raftz_options parse_raftz(const query& params) { return {params.get("acc"), params.get("group")}; }

result<ipqueuesz_options> parse_ipqueuesz(const query& params) {
  ipqueuesz_options out;
  if (auto good = read_flags<ipqueuesz_options>(params, out, {{"all", &ipqueuesz_options::all}});
      !good)
    return good.error();
  out.filter = params.get("queues");
  return out;
}

std::string render_routez(const routez_options&, const observe::node_snapshot& node,
                          wall_time now) {
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("server_name", node.server_name);
    w.member("now", format_time(now));
    w.member("num_routes", 0);
    write_empty(w, "routes", true);
  });
}

std::string render_gatewayz(const gatewayz_options&, const observe::node_snapshot& node,
                            wall_time now) {
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("now", format_time(now));
    write_empty(w, "outbound_gateways", false);
    write_empty(w, "inbound_gateways", false);
  });
}

std::string render_leafz(const leafz_options&, const observe::node_snapshot& node, wall_time now) {
  return document([&](json_writer& w) {
    w.member("server_id", node.server_id);
    w.member("now", format_time(now));
    w.member("leafnodes", 0);
    write_empty(w, "leafs", true);
  });
}

result<std::string> render_jsz(const jsz_options& options, const observe::node_snapshot& node,
                               wall_time now) {
  if (options.leader_only)
    return troupe::error{errc::malformed, "filtered response: not leader"};
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

result<std::string> render_raftz(const raftz_options&) {
  return troupe::error{errc::not_found, "No Raft nodes registered"};
}

std::string render_ipqueuesz(const ipqueuesz_options& options, const observe::node_snapshot& node) {
  return document([&](json_writer& w) {
    for (auto& queue : node.queues) {
      const bool empty = queue.pending == 0 && queue.in_progress == 0;
      if ((empty && !options.all) || queue.name.find(options.filter) == std::string::npos) continue;
      w.key(queue.name);
      w.begin_object();
      w.member("pending", queue.pending);
      w.member_if("in_progress", queue.in_progress);
      w.end_object();
    }
  });
}

} // namespace troupe::http
