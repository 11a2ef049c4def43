#include "http/endpoints/connz.hpp"

#include "http/render.hpp"
#include "protocol/subject/subject.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace troupe::http {

namespace {

using observe::connection_snapshot;
using connections = std::vector<const connection_snapshot*>;

constexpr std::array<std::string_view, 14> sort_names{
    "cid",        "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to",
    "bytes_from", "last",  "idle", "uptime",  "stop",    "reason",    "rtt"};

std::string lower(std::string s) {
  for (char& c : s)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return s;
}

/// Ascending by `key`, then by connection id; or all of that backwards.
template <class Key>
void order(connections& list, bool descending, Key key) {
  std::sort(list.begin(), list.end(), [&](auto a, auto b) {
    if (descending) std::swap(a, b);
    if (auto ka = key(*a), kb = key(*b); ka != kb) return ka < kb;
    return a->cid < b->cid;
  });
}

void sort_connections(connections& list, connz_sort by, wall_time now) {
  using c = const connection_snapshot&;
  switch (by) {
  case connz_sort::cid:
  case connz_sort::start:
    return order(list, false, [](c x) { return x.cid; });
  case connz_sort::subs:
    return order(list, true, [](c x) { return x.subscriptions; });
  case connz_sort::pending:
    return order(list, true, [](c x) { return x.pending_bytes; });
  case connz_sort::msgs_to:
    return order(list, true, [](c x) { return x.out_msgs; });
  case connz_sort::msgs_from:
    return order(list, true, [](c x) { return x.in_msgs; });
  case connz_sort::bytes_to:
    return order(list, true, [](c x) { return x.out_bytes; });
  case connz_sort::bytes_from:
    return order(list, true, [](c x) { return x.in_bytes; });
  case connz_sort::last:
    return order(list, true, [](c x) { return x.last_activity; });
  case connz_sort::idle:
    return order(list, true, [now](c x) { return now - x.last_activity; });
  case connz_sort::uptime:
    return order(list, false, [now](c x) { return x.stop.value_or(now) - x.start; });
  case connz_sort::stop:
    return order(list, true, [](c x) { return x.stop.value_or(wall_time{}); });
  case connz_sort::reason:
    return order(list, false, [](c x) { return std::string_view(x.reason); });
  case connz_sort::rtt:
    return order(list, true, [](c x) { return x.rtt; });
  }
}

void write_subs(json_writer& w, const connection_snapshot& c, const connz_options& options) {
  if (c.subs.empty() || (!options.subs && !options.subs_detail)) return;
  w.key(options.subs_detail ? "subscriptions_list_detail" : "subscriptions_list");
  w.begin_array();
  for (auto& sub : c.subs) {
    if (options.subs_detail) write_sub(w, sub, c.stop.has_value());
    else w.value(sub.subject);
  }
  w.end_array();
}

void write_tls(json_writer& w, const connection_snapshot& c, bool auth) {
  w.member_if("tls_version", c.tls_version);
  w.member_if("tls_cipher_suite", c.tls_cipher_suite);
  if (auth && !c.tls_peer_certs.empty()) {
    w.key("tls_peer_certs");
    w.begin_array();
    for (auto& cert : c.tls_peer_certs) {
      w.begin_object();
      w.member_if("subject", cert.subject);
      w.member_if("spki_sha256", cert.spki_sha256);
      w.member_if("cert_sha256", cert.cert_sha256);
      w.end_object();
    }
    w.end_array();
  }
  w.member_if("tls_first", c.tls_first);
}

void write_connection(json_writer& w, const connection_snapshot& c, const connz_options& options,
                      wall_time now) {
  auto end = c.stop.value_or(now);
  w.begin_object();
  w.member("cid", c.cid);
  w.member_if("kind", c.kind);
  w.member_if("type", c.type);
  w.member("ip", c.ip);
  w.member("port", c.port);
  w.member("start", format_time(c.start));
  w.member("last_activity", format_time(c.last_activity));
  if (c.stop) w.member("stop", format_time(*c.stop));
  w.member_if("reason", c.reason);
  w.member("rtt", format_rtt(c.rtt));
  w.member("uptime", format_uptime(end - c.start));
  w.member("idle", format_uptime(end - c.last_activity));
  w.member("pending_bytes", c.pending_bytes);
  w.member("in_msgs", c.in_msgs);
  w.member("out_msgs", c.out_msgs);
  w.member("in_bytes", c.in_bytes);
  w.member("out_bytes", c.out_bytes);
  w.member_if("stalls", c.stalls);
  w.member("subscriptions", c.subscriptions);
  w.member_if("name", c.name);
  w.member_if("lang", c.lang);
  w.member_if("version", c.version);
  write_tls(w, c, options.auth);
  if (options.auth) {
    w.member_if("authorized_user", c.authorized_user);
    if (c.account != "$G") w.member_if("account", c.account);
  }
  write_subs(w, c, options);
  if (options.auth) {
    w.member_if("jwt", c.jwt);
    w.member_if("issuer_key", c.issuer_key);
    w.member_if("name_tag", c.name_tag);
    w.member_if("tags", c.tags);
  }
  w.member_if("mqtt_client", c.mqtt_client);
  if (!c.proxy_key.empty()) {
    w.key("proxy");
    w.begin_object();
    w.member("key", c.proxy_key);
    w.end_object();
  }
  w.end_object();
}

bool collides(const connection_snapshot& c, const std::string& filter) {
  return std::any_of(c.subs.begin(), c.subs.end(),
                     [&](auto& sub) { return subjects_collide(filter, sub.subject); });
}

/// Closed connections are not asked for their subjects, as upstream.
connections choose(const connz_options& options, const observe::connections_snapshot& all) {
  connections out;
  auto wanted = [&](const connection_snapshot& c) {
    return (options.cid == 0 || c.cid == options.cid)
           && (options.user.empty() || c.authorized_user == options.user)
           && (options.mqtt_client.empty() || c.mqtt_client == options.mqtt_client);
  };
  if (options.state != connection_state::closed)
    for (auto& c : all.open)
      if (wanted(c) && (options.filter_subject.empty() || collides(c, options.filter_subject)))
        out.push_back(&c);
  if (options.cid != 0 && !out.empty()) return out;
  if (options.state != connection_state::open)
    for (auto& c : all.closed)
      if (wanted(c)) out.push_back(&c);
  return out;
}

result<connection_state> parse_state(const std::string& text) {
  auto word = lower(text);
  if (word.empty() || word == "open") return connection_state::open;
  if (word == "closed") return connection_state::closed;
  if (word == "any" || word == "all") return connection_state::any;
  return troupe::error{errc::malformed, "Error decoding state for " + text};
}

} // namespace

result<connz_options> parse_connz(const query& params) {
  connz_options out;
  auto auth = params.get_bool("auth");
  if (!auth) return auth.error();
  out.auth = *auth;
  out.subs_detail = lower(params.get("subs")) == "detail";
  if (!out.subs_detail) {
    auto subs = params.get_bool("subs");
    if (!subs) return subs.error();
    out.subs = *subs;
  }
  auto offset = params.get_int("offset");
  if (!offset) return offset.error();
  auto limit = params.get_int("limit");
  if (!limit) return limit.error();
  auto cid = params.get_uint64("cid");
  if (!cid) return cid.error();
  auto state = parse_state(params.get("state"));
  if (!state) return state.error();
  auto sort = parse_connz_sort(params.get("sort"));
  if (!sort) return sort.error();
  out.sort = *sort;
  out.offset = *offset;
  out.limit = *limit;
  out.cid = *cid;
  out.state = *state;
  out.user = params.get("user");
  out.account = params.get("acc");
  out.mqtt_client = params.get("mqtt_client");
  return check_connz(std::move(out));
}

result<connz_sort> parse_connz_sort(const std::string& name) {
  if (name.empty()) return connz_sort::cid;
  auto found = std::find(sort_names.begin(), sort_names.end(), name);
  if (found == sort_names.end())
    return troupe::error{errc::malformed, "invalid sorting option: " + name};
  return static_cast<connz_sort>(found - sort_names.begin());
}

result<connz_options> check_connz(connz_options options) {
  auto bad = [](const char* text) { return troupe::error{errc::malformed, text}; };
  if (options.sort == connz_sort::stop && options.state != connection_state::closed)
    return bad("sort by stop only valid on closed connections");
  if (options.sort == connz_sort::reason && options.state != connection_state::closed)
    return bad("sort by reason only valid on closed connections");
  options.offset = std::max<int64_t>(options.offset, 0);
  if (options.limit <= 0) options.limit = default_list_size;
  if (options.cid > 0) options.limit = 1;
  if (options.filter_subject == ">") options.filter_subject.clear();
  if (!options.filter_subject.empty() && options.account.empty())
    return bad("filter by subject only valid with account filtering");
  return options;
}

connections_request connz_request(const connz_options& options) {
  bool subs = options.subs || options.subs_detail || !options.filter_subject.empty();
  return {options.state, options.account, subs, options.cid};
}

std::string render_connz(const connz_options& options, const observe::connections_snapshot& all,
                         const std::string& server_id, wall_time now) {
  auto chosen = choose(options, all);
  sort_connections(chosen, options.sort, now);
  auto count = static_cast<int64_t>(chosen.size());
  auto first = std::min(options.offset, count);
  auto last = first + std::min(options.limit, count - first);
  return document([&](json_writer& w) {
    // An unknown account has always answered with these two empty.
    w.member("server_id", all.account_known ? server_id : std::string{});
    w.member("now", format_time(now));
    w.member("num_connections", last - first);
    w.member("total", count);
    w.member("offset", options.offset);
    w.member("limit", options.limit);
    w.key("connections");
    if (!all.account_known) return w.null();
    w.begin_array();
    for (auto i = first; i < last; ++i)
      write_connection(w, *chosen[static_cast<size_t>(i)], options, now);
    w.end_array();
  });
}

} // namespace troupe::http
