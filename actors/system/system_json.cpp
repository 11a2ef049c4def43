#include "actors/system/system_json.hpp"

#include "actors/observe/snapshot_json.hpp"
#include "protocol/base64.hpp"
#include "protocol/time_text.hpp"

namespace troupe {

using observe::write_account_stat;
using observe::write_kinds;

namespace {

std::string time_text(wall_time t) { return rfc3339_nano(t.time_since_epoch().count()); }

template <class F>
std::string object(F&& members) {
  std::string out;
  json_writer w(out);
  w.begin_object();
  members(w);
  w.end_object();
  return out;
}

void write_server(json_writer& w, const server_card& server, const message_mark& mark) {
  w.begin_object();
  w.member("name", server.is.name);
  w.member("host", server.is.host);
  w.member("id", server.id);
  w.member_if("cluster", server.is.cluster);
  w.member_if("domain", server.is.domain);
  w.member("ver", server.version);
  w.member_if("tags", server.is.tags);
  if (!server.metadata.empty()) {
    w.key("metadata");
    w.begin_object();
    for (auto& [key, value] : server.metadata) w.member(key, value);
    w.end_object();
  }
  if (!server.feature_flags.empty()) {
    w.key("feature_flags");
    w.begin_object();
    for (auto& [key, on] : server.feature_flags) w.member(key, on);
    w.end_object();
  }
  w.member("jetstream", false);
  w.member("flags", 0);
  w.member("seq", mark.seq);
  w.member("time", time_text(mark.at));
  w.end_object();
}

void write_event(json_writer& w, std::string_view type, const event_mark& event) {
  w.member("type", type);
  w.member("id", event.id);
  w.member("timestamp", time_text(event.at));
}

void write_data(json_writer& w, std::string_view name, int64_t msgs, int64_t bytes) {
  w.key(name);
  w.begin_object();
  w.member("msgs", msgs);
  w.member("bytes", bytes);
  w.end_object();
}

/// `stop` is set for those that are gone.
void write_client(json_writer& w, const observe::connection_snapshot& c, bool gone, wall_time stop) {
  w.key("client");
  w.begin_object();
  w.member("start", time_text(c.start));
  w.member_if("host", c.ip);
  w.member_if("id", c.cid);
  w.member_if("acc", c.account);
  w.member_if("user", c.authorized_user);
  w.member_if("name", c.name);
  w.member_if("lang", c.lang);
  w.member_if("ver", c.version);
  if (gone) {
    w.member_if("rtt", c.rtt.count() / 1000 * 1000);  // whole microseconds
    w.member("stop", time_text(stop));
  }
  w.member_if("jwt", c.jwt);
  w.member_if("issuer_key", c.issuer_key);
  w.member_if("name_tag", c.name_tag.empty() ? c.account : c.name_tag);
  w.member_if("tags", c.tags);
  w.member_if("kind", c.kind);
  w.member_if("client_type", c.type);
  w.member_if("client_id", c.mqtt_client);
  w.end_object();
}

void write_stats(json_writer& w, const server_stats& s) {
  const observe::reactor_snapshot& t = s.traffic;
  auto n = [](uint64_t count) { return static_cast<int64_t>(count); };
  w.member("start", time_text(s.start));
  w.member("mem", s.memory_bytes);
  w.member("cores", s.cores);
  w.member("cpu", s.cpu_percent);
  w.member("connections", t.connections);
  w.member("total_connections", t.total_connections);
  w.member("active_accounts", s.active_accounts);
  w.member("subscriptions", t.subscriptions);
  write_data(w, "sent", n(t.out_msgs), n(t.out_bytes));
  write_data(w, "sent_to_clients", n(t.out_client_msgs), n(t.out_client_bytes));
  write_data(w, "received", n(t.in_msgs), n(t.in_bytes));
  write_data(w, "received_from_clients", n(t.in_client_msgs), n(t.in_client_bytes));
  w.member("slow_consumers", t.slow_consumers.total());
  if (t.slow_consumers.total() != 0) write_kinds(w, "slow_consumer_stats", t.slow_consumers);
  w.member_if("stale_connections", t.stale_connections.total());
  if (t.stale_connections.total() != 0) write_kinds(w, "stale_connection_stats", t.stale_connections);
  w.member_if("stalled_clients", t.stalls);
  w.member_if("active_servers", s.active_servers);
  w.member_if("gomaxprocs", s.drivers);
}

void write_subjects(json_writer& w, std::string_view name,
                    const std::optional<config::subject_permission>& rules) {
  w.key(name);
  w.begin_object();
  if (rules) {
    w.member_if("allow", rules->allow);
    w.member_if("deny", rules->deny);
  }
  w.end_object();
}

} // namespace

std::string server_info_json(const server_card& server, const message_mark& mark) {
  std::string out;
  json_writer w(out);
  write_server(w, server, mark);
  return out;
}

std::string server_id_json(const server_card& server) {
  return object([&](json_writer& w) {
    w.member("name", server.is.name);
    w.member("host", server.is.host);
    w.member("id", server.id);
  });
}

std::string reply_json(const server_card& server, const message_mark& mark, std::string_view data) {
  return object([&](json_writer& w) {
    w.key("server");
    write_server(w, server, mark);
    if (data.empty()) return;
    w.key("data");
    w.raw(data);
  });
}

std::string refusal_json(const server_card& server, const message_mark& mark, int code,
                         std::string_view description, bool null_data) {
  return object([&](json_writer& w) {
    w.key("server");
    write_server(w, server, mark);
    if (null_data) {
      w.key("data");
      w.null();
    }
    w.key("error");
    w.begin_object();
    w.member("code", code);
    w.member("description", description);
    w.end_object();
  });
}

std::string claims_update_json(const server_card& server, const message_mark& mark,
                               std::string_view account, std::string_view message,
                               std::string_view failure) {
  return object([&](json_writer& w) {
    w.key("server");
    write_server(w, server, mark);
    w.key(failure.empty() ? "data" : "error");
    w.begin_object();
    w.member_if("account", account);
    w.member("code", failure.empty() ? 200 : 500);
    if (failure.empty()) w.member("message", message);
    else w.member("description", std::string(message) + " - " + std::string(failure));
    w.end_object();
  });
}

std::string claims_list_json(const server_card& server, const message_mark& mark,
                             const std::vector<std::string>& accounts) {
  return object([&](json_writer& w) {
    w.key("data");
    w.begin_array();
    for (const std::string& account : accounts) w.value(account);
    w.end_array();
    w.key("server");
    write_server(w, server, mark);
  });
}

std::string connect_json(const server_card& server, const message_mark& mark, const event_mark& event,
                         const observe::connection_snapshot& client) {
  return object([&](json_writer& w) {
    write_event(w, client_connect_type, event);
    w.key("server");
    write_server(w, server, mark);
    write_client(w, client, false, {});
  });
}

std::string disconnect_json(const server_card& server, const message_mark& mark,
                            const event_mark& event, const observe::connection_snapshot& client,
                            std::string_view reason) {
  return object([&](json_writer& w) {
    write_event(w, client_disconnect_type, event);
    w.key("server");
    write_server(w, server, mark);
    write_client(w, client, true, event.at);
    // As the client sees it: what it sent is what came in.
    write_data(w, "sent", client.in_msgs, client.in_bytes);
    write_data(w, "received", client.out_msgs, client.out_bytes);
    w.member("reason", reason);
  });
}

namespace {

void write_certificate(json_writer& w, std::string_view name, const certificate_facts& c) {
  w.key(name);
  w.begin_object();
  w.member_if("subject", c.subject);
  w.member_if("issuer", c.issuer);
  w.member_if("fingerprint", c.fingerprint);
  w.member_if("raw", base64_encode(c.raw));
  w.end_object();
}

} // namespace

std::string peer_link_invalid_json(const server_card& server, const message_mark& mark,
                                   const event_mark& event, const peer_verdict& verdict) {
  return object([&](json_writer& w) {
    write_event(w, "io.nats.server.advisory.v1.ocsp_peer_link_invalid", event);
    write_certificate(w, "link", verdict.bad_link ? *verdict.bad_link : verdict.peer);
    write_certificate(w, "peer", verdict.peer);
    w.key("server");
    write_server(w, server, mark);
    w.member("reason", verdict.reason);
  });
}

std::string peer_rejected_json(const server_card& server, const message_mark& mark,
                               const event_mark& event, const peer_verdict& verdict) {
  return object([&](json_writer& w) {
    write_event(w, "io.nats.server.advisory.v1.ocsp_peer_reject", event);
    w.member("kind", "Client");
    write_certificate(w, "peer", verdict.peer);
    w.key("server");
    write_server(w, server, mark);
    w.member("reason", "client not OCSP valid");
  });
}

std::string account_connections_json(const server_card& server, const message_mark& mark,
                                     const event_mark& event,
                                     const observe::account_snapshot& account) {
  return object([&](json_writer& w) {
    write_event(w, account_connections_type, event);
    w.key("server");
    write_server(w, server, mark);
    write_account_stat(w, account);
  });
}

std::string account_statz_json(const server_card& server, wall_time now,
                               const std::vector<observe::account_snapshot>& accounts) {
  return object([&](json_writer& w) {
    w.member("server_id", server.id);
    w.member("now", time_text(now));
    w.key("account_statz");
    w.begin_array();
    for (auto& a : accounts) {
      w.begin_object();
      write_account_stat(w, a);
      w.end_object();
    }
    w.end_array();
  });
}

std::string profile_json(std::string_view bytes, std::string_view error) {
  return object([&](json_writer& w) {
    w.key("profile");
    if (error.empty()) w.value(base64_encode(bytes));
    else w.null();
    w.member("error", error);
  });
}

std::string statsz_json(const server_card& server, const message_mark& mark,
                        const server_stats& stats) {
  return object([&](json_writer& w) {
    w.key("server");
    write_server(w, server, mark);
    w.key("statsz");
    w.begin_object();
    write_stats(w, stats);
    w.end_object();
  });
}

std::string user_info_json(const user_info& info) {
  return object([&](json_writer& w) {
    w.member("user", info.user);
    w.member("account", info.account);
    w.member_if("account_name", info.account_name);
    w.member_if("user_name", info.user_name);
    if (const config::permissions* p = info.permissions) {
      w.key("permissions");
      w.begin_object();
      write_subjects(w, "publish", p->publish);
      write_subjects(w, "subscribe", p->subscribe);
      if (p->responses) {
        w.key("responses");
        w.begin_object();
        w.member("max", p->responses->max_msgs);
        w.member("ttl", p->responses->expires.count());
        w.end_object();
      }
      w.end_object();
    }
    constexpr int64_t ns_per_s = 1'000'000'000;
    w.member_if("expires", info.expires_in_s * ns_per_s);
  });
}

} // namespace troupe
